"""Texts of files that a command runs, where they are visible: what they do is added to the command's own actions.

INVARIANT: a text only raises. The action that runs the file stays as it is, because the file may change before
it runs; what cannot be seen of the text is said beside it and is no more than the `exec` that is there anyway.
"""

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.state import Unread
from firewall.core.action import LOCAL, UNRESOLVED, Evidence
from firewall.core.effect import Effect

MAX_NOTES = 4
MAX_CHARS = 64 * 1024
"""Of one text; what stands behind is not looked at."""
MAX_FOLDED = 64
REST = "shell:rest"
"""Operation of the action that stands for what of a text was not looked at."""
TOO_MUCH = frozenset({Unread.LARGE, Unread.MANY})
Read = Callable[[Analysis, Source], None]
"""Reads a text into an analysis that is made for it; spans are offsets into the text."""

_QUIET = frozenset({Effect.READ, Effect.EXEC, Effect.UNKNOWN})
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*(?:\w+=\S*\s+)*)?(?:\S*/)?(?P<name>[A-Za-z]+)")
_LANGUAGES = {
    "sh": "shell", "bash": "shell", "zsh": "shell", "dash": "shell", "ksh": "shell", "ash": "shell",
    "python": "python", "pypy": "python", "node": "javascript", "nodejs": "javascript", "bun": "javascript",
    "deno": "javascript", "pwsh": "powershell",
}  # fmt: skip
_ENDINGS = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".ps1": "powershell",
}  # fmt: skip


def language_of(path: str, text: str) -> str:
    """Return the language of a file that is run by its path: its first line says it, else its name."""
    if match := _SHEBANG.match(text):
        return _LANGUAGES.get(match.group("name"), "other")
    return _ENDINGS.get(posixpath.splitext(path)[1], "shell")


def add_contents(
    draft: Draft, paths: Sequence[str], command: Command, analysis: Analysis, read: Callable[[str, str], Read]
) -> None:
    """Name the files that an action runs, and add what those that are visible do.

    `read` gives the reader for a path and its text.
    """
    draft.files += [path for path in paths if path not in draft.files]
    texts = [(path, analysis.context.contents[path]) for path in paths if path in analysis.context.contents]
    if not texts:
        unread(draft, paths[:1], analysis)
    for path, text in texts:
        cut = beginning(draft, path, text)
        add_text(draft, (path, path, cut), command, analysis, read(path, cut))


def unread(draft: Draft, paths: Sequence[str], analysis: Analysis) -> None:
    """Say of files that nobody has read why; where that is because of their size, it is unknown what they do."""
    for path in paths:
        why = analysis.context.unread.get(path)
        note = f"the content of {shown(path)}"
        if note not in draft.unseen:
            draft.unseen.append(f"{note}: {why.value}" if why is not None else note)
        if why in TOO_MUCH:
            draft.effects.add(Effect.UNKNOWN)


def beginning(draft: Draft, path: str, text: str, most: int = MAX_CHARS) -> str:
    """Return as much of a text as is looked at, in whole lines; of the rest it is unknown what it does."""
    if len(text) <= most:
        return text
    _rest(draft, f"the rest of {shown(path)}, which is too long to read")
    return text[: text.rfind("\n", 0, most) + 1 or most]


def left_out(inner: Analysis, why: str) -> None:
    """Say within a text that something in it was not looked at: what runs the file is then unknown."""
    inner.opaque((0, 0), why, operation=REST)


def _rest(draft: Draft, note: str) -> None:
    """FAIL-CLOSED: what was not looked at may do anything."""
    draft.effects.add(Effect.UNKNOWN)
    if note not in draft.unseen:
        draft.unseen.append(note)


def add_text(draft: Draft, named: tuple[str, str, str], command: Command, analysis: Analysis, read: Read) -> None:
    """Add what a text does; `named` is what it is known by (for cycles), its path, and the text itself."""
    key, path, text = named
    inner = analysis.within()
    if key in inner.open:
        return
    if inner.exhausted or not inner.look(text):
        _rest(draft, f"the content of {shown(path)}, which is too much to read beside the others")
        return
    before, opened, had = len(inner.drafts), inner.open, (inner.work, inner.words)
    inner.open = (*opened, key)
    read(inner, Source(text))
    inner.open = opened
    if analysis is not inner:
        analysis.pay(inner, had)
    found = inner.drafts[before:]
    del inner.drafts[before:]
    name = shown(posixpath.basename(path))
    draft.summary = draft.summary.replace("; what it does is not seen here", "")
    for one in found:
        _fold(one, draft)
        if one.operation == REST:
            _rest(draft, f"{one.unseen[0]} (in {name})")
        elif raises(one):
            analysis.drafts.append(_told(one, draft, name, text, command))
        elif one.unseen and Effect.UNKNOWN in one.effects:
            _note(draft, f"{one.unseen[0]} (in {name})")


def raises(draft: Draft) -> bool:
    """Tell whether what a text does is more than running code of the workspace, which is known anyway."""
    effects = draft.effects
    more = effects - _QUIET
    if not more:
        elsewhere = draft.environment not in (LOCAL, UNRESOLVED) or bool(draft.attributes.get("machine"))
        return Effect.EXEC in effects and (elsewhere or draft.operation == "code:stdin")
    if more == {Effect.SECRET} and Effect.EXEC in effects:
        return False
    if more == {Effect.WRITE} and draft.environment == LOCAL:
        return False
    nowhere = draft.resource == "unknown:" and not draft.addresses
    return not nowhere or bool(draft.attributes.get("recursive")) or not more <= {Effect.WRITE, Effect.DESTRUCTIVE}


def _told(one: Draft, outer: Draft, name: str, text: str, command: Command) -> Draft:
    """Return an action of a text as one of the command: what it says leads to the line."""
    start = one.evidence[0].start if one.evidence else 0
    start = min(max(start, 0), len(text))
    number = text.count("\n", 0, start) + 1
    end = text.find("\n", start)
    line = shown(text[text.rfind("\n", 0, start) + 1 : end if end >= 0 else len(text)].strip()[:200])
    deeper = one.summary.startswith("runs `") and ", which " in one.summary
    lead = f"runs {name}, which {one.summary}"
    one.summary = lead if deeper else f"{lead}: line {number} {line}"
    one.evidence = [Evidence(*command.span, f"line {number} of {name}: {line}")]
    if Effect.UNKNOWN in one.effects:
        one.effects.discard(Effect.UNKNOWN)
        one.by_name = True
    one.attributes = {**one.attributes, "nested": int(one.attributes.get("nested", 0)) + 1}
    one.files = list(outer.files)
    return one


def _fold(one: Draft, draft: Draft) -> None:
    """Note on the action that runs a file what that file runs and reaches."""
    draft.files += [path for path in one.files if path not in draft.files]
    for mine, theirs in (
        (draft.reached, (*one.paths, *one.reached)),
        (draft.trees, one.trees),
        (draft.addresses, one.addresses),
        (draft.programs, one.programs),
        (draft.signals, one.signals),
    ):
        mine.extend([item for item in theirs if item not in mine][: max(0, MAX_FOLDED - len(mine))])


def _note(draft: Draft, why: str) -> None:
    if len(draft.unseen) < MAX_NOTES and why not in draft.unseen:
        draft.unseen.append(why)


MAX_SIFTED = 100
_WORD = re.compile(r"[A-Za-z]\w*")
_LOSES = frozenset(
    {
        "rm", "rmdir", "unlink", "shred", "dd", "mkfs", "wipefs", "truncate", "find", "git", "curl",
        "wget", "psql", "mysql", "mongo", "mongosh", "redis", "sqlite3", "kubectl", "helm",
        "terraform", "tofu", "pulumi", "aws", "gcloud", "az", "flyctl", "fly", "railway", "vercel",
        "heroku", "docker", "podman", "ssh", "scp", "rsync", "sudo", "eval", "source",
        "crontab", "chmod", "chown", "systemctl", "kill", "pkill", "killall", "nc", "ncat", "socat", "sftp",
        "sendmail", "useradd", "usermod", "userdel", "passwd", "visudo", "iptables", "ufw", "nft", "reboot",
        "shutdown", "poweroff", "halt", "dropdb", "dropuser", "gh", "zfs", "zpool", "parted", "fdisk", "sgdisk",
        "lvremove", "vgremove", "cryptsetup", "bashrc", "zshrc", "profile", "authorized_keys", "sudoers",
        "npmrc", "netrc", "hooks", "claude", "codex",
    }
)  # fmt: skip
_SAYS = ("delete", "destroy", "drop", "purge", "terminate", "wipe")
_HANGS = re.compile(r"^[ \t]*(?:(?:(?:export|readonly|local)[ \t]+)?[A-Za-z_]\w*=|cd[ \t])", re.MULTILINE)
"""Lines that what is lost may hang on: assignments, and where it is."""


def sifted(source: Source) -> tuple[Source, bool]:
    """Return a text with only the lines that may lose something and those they hang on, where they stood.

    With it whether there are more of them than are kept, or longer ones.
    """
    text = source.text
    losses = [match.start() for match in _WORD.finditer(text) if _is_loss(match[0].lower())]
    if not losses:
        return replace(source, text=""), False
    # Losses first: however much is assigned before it, a loss is read, with the assignments nearest to the top.
    lines: dict[int, int] = {}
    for at in (*losses, *(match.start() for match in _HANGS.finditer(text))):
        if len(lines) >= MAX_SIFTED:
            break
        start = text.rfind("\n", 0, at + 1) + 1 if text[at] == "\n" else text.rfind("\n", 0, at) + 1
        if start not in lines:
            end = text.find("\n", at + 1)
            lines[start] = end if end >= 0 else len(text)
    kept = sorted((start, end) for start, end in lines.items() if end - start < _LONGEST)
    return replace(source, text=_only(text, kept)), len(lines) >= MAX_SIFTED or len(kept) < len(lines)


def _only(text: str, kept: Sequence[tuple[int, int]]) -> str:
    """Return a text with blanks for all but some lines."""
    found: list[str] = []
    at = 0
    for start, end in kept:
        found += [_LINE.sub(_blank, text[at:start]), text[start:end]]
        at = end
    return "".join(found)


def _is_loss(word: str) -> bool:
    return word in _LOSES or word.startswith(_SAYS)


_LINE = re.compile(r"[^\n]+")


def _blank(match: re.Match[str]) -> str:
    return " " * (match.end() - match.start())


def read_all(inner: Analysis, source: Source, read: Read) -> None:
    """Read a text, and where it is too much to be read as a whole, the lines of it that matter most."""
    before = len(inner.drafts)
    read(inner, source)
    found = inner.drafts[before:]
    if not any(draft.operation == "shell:unread" for draft in found):
        return
    lines, more = sifted(source)
    if more or (lines.text and inner.sifts <= 0):
        inner.opaque((0, 0), "the rest of a script that is too much to read", operation=REST)
    if not lines.text or inner.sifts <= 0:
        return
    inner.sifts -= 1
    again = inner.again()
    had = again.work, again.words
    read(again, lines)
    inner.pay(again, had)
    if again.exhausted:
        left_out(inner, "the rest of the lines that may lose something, which are too many to read")
    there = {(draft.operation, draft.resource, draft.summary) for draft in found}
    inner.drafts += [one for one in again.drafts if (one.operation, one.resource, one.summary) not in there]


_LONGEST = 1000
_SELF = r"\"?\$(?:\{?0\}?|\{?BASH_SOURCE(?:\[0\])?\}?)\"?"
_FOLDER = rf"\$\(\s*dirname\s+(?:--\s+)?{_SELF}\s*\)"
_HERE = re.compile(
    rf"\$\(\s*cd\s+(?:--\s+|-P\s+)?\"?{_FOLDER}\"?(?P<up>(?:/\.\.)*)/?\"?\s*(?:&?>\s*/dev/null\s*(?:2>&1\s*)?)?"
    rf"(?:&&|;)\s*pwd(?:\s+-P)?\s*\)|{_FOLDER}"
)
_TEMPORARY = re.compile(r"\$\(\s*mktemp(?:\s+-[dqu]{1,3})*\s*\)")


def as_script(command: Command, path: str, source: Source) -> tuple[Command, Source]:
    """Return a command and a text as the script of a file finds them.

    Where the file lies and what `mktemp` makes are settled: the idioms for them become variables of their length,
    so that every other word stands where it stood.
    """
    scope = command.scope.copy()
    scope.assign_all("BASH_SOURCE", (path,))

    def here(match: re.Match[str]) -> str:
        return named(match, posixpath.normpath(posixpath.dirname(path) + (match.group("up") or "")))

    def temporary(match: re.Match[str]) -> str:
        return named(match, "/tmp/tmp.XXXXXXXXXX")  # noqa: S108 - a name for what mktemp makes; nothing is opened

    def named(match: re.Match[str], value: str) -> str:
        name = f"s{'_' * (match.end() - match.start() - 6)}{value.count('/') % 10}{len(scope.variables) % 100:02}"
        scope.assign(name, value)
        return f"${{{name}}}"

    text = _TEMPORARY.sub(temporary, _HERE.sub(here, source.text)) if "$(" in source.text else source.text
    return replace(command, scope=scope), replace(source, text=text)
