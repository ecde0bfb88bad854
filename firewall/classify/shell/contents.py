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
from firewall.core.action import LOCAL, UNRESOLVED, Evidence
from firewall.core.effect import Effect

MAX_NOTES = 4
MAX_FOLDED = 64
Read = Callable[[Analysis, Source], None]
"""Reads a text into an analysis that is made for it; spans are offsets into the text."""

_QUIET = frozenset({Effect.READ, Effect.EXEC, Effect.UNKNOWN})
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*(?:\w+=\S*\s+)*)?(?:\S*/)?(?P<name>[A-Za-z]+)")
_LANGUAGES = {
    "sh": "shell", "bash": "shell", "zsh": "shell", "dash": "shell", "ksh": "shell", "ash": "shell",
    "python": "python", "pypy": "python", "node": "javascript", "nodejs": "javascript", "bun": "javascript",
    "deno": "javascript",
}  # fmt: skip
_ENDINGS = {".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript"}


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
        draft.unseen += [f"the content of {shown(path)}" for path in paths[:1]]
    for path, text in texts:
        add_text(draft, (path, path, text), command, analysis, read(path, text))


def add_text(draft: Draft, named: tuple[str, str, str], command: Command, analysis: Analysis, read: Read) -> None:
    """Add what a text does; `named` is what it is known by (for cycles), its path, and the text itself."""
    key, path, text = named
    inner = analysis.within()
    if key in inner.open:
        return
    if inner.exhausted:
        _note(draft, f"the rest of {shown(path)}, which is too much to read")
        return
    before, opened = len(inner.drafts), inner.open
    inner.open = (*opened, key)
    read(inner, Source(text))
    inner.open = opened
    found = inner.drafts[before:]
    del inner.drafts[before:]
    name = shown(posixpath.basename(path))
    draft.summary = draft.summary.replace("; what it does is not seen here", "")
    for one in found:
        _fold(one, draft)
        if raises(one):
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


MAX_SIFTED = 120
_WORTH = re.compile(
    r"\s*(?:(?:export|readonly|local)\s+)?[A-Za-z_]\w*=|\s*cd\s"
    r"|.*\b(?:rm|rmdir|unlink|shred|dd|mkfs|wipefs|truncate|find|git|curl|wget|psql|mysql|mongosh?|redis-cli|sqlite3|kubectl|helm"
    r"|terraform|tofu|pulumi|aws|gcloud|az|flyctl|fly|railway|vercel|heroku|docker|ssh|scp|rsync|sudo|eval|source"
    r"|(?:delete|destroy|drop|purge|terminate|wipe)\w*)\b",
    re.IGNORECASE,
)


def sifted(source: Source) -> Source:
    """Return a text with only the lines that may lose something and those they hang on, where they stood."""
    kept = 0
    lines: list[str] = []
    for line in source.text.split("\n"):
        worth = kept < MAX_SIFTED and len(line) < _LONGEST and _WORTH.match(line) is not None
        kept += worth
        lines.append(line if worth else " " * len(line))
    return replace(source, text="\n".join(lines).rstrip(" \n"))


def read_all(inner: Analysis, source: Source, read: Read) -> None:
    """Read a text, and where it is too much to be read as a whole, the lines of it that matter most."""
    before = len(inner.drafts)
    read(inner, source)
    found = inner.drafts[before:]
    if not any(draft.operation == "shell:unread" for draft in found):
        return
    again = Analysis(inner.context, inner.script, inner.run, inner.powershell, open=inner.open)
    read(again, sifted(source))
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
