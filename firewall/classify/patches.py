"""Patches: which files one adds, changes, moves and deletes, line by line as the programs that apply it read it.

Two forms: Codex's `*** Begin Patch` (its grammar and its leniency: openai/codex, codex-rs/apply-patch) and
unified diffs as git and patch(1) write them. INVARIANT: a line that no reader of the form takes makes the patch
`unknown` beside the files that were found in it.
"""

import re
from dataclasses import dataclass, field

from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Verb
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_FILES = 200
MAX_PATCH_CHARS = 512 * 1024
MAX_LINES = 50_000
MAX_HEADER_CHARS = 8192
"""A line that names a file is no longer; two paths fit."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a patch, and what happens to it."""

    verb: Verb
    name: str
    start: int
    """Where the name stands in the text."""


@dataclass(slots=True)
class Patch:
    """What a patch says."""

    items: list[Item] = field(default_factory=list)
    strange: list[tuple[int, int, str]] = field(default_factory=list)
    """Spans that are not understood, and why."""


def read_patch(text: str) -> Patch:
    """Read a patch in either form; one that is neither has no items."""
    if len(text) > MAX_PATCH_CHARS or text.count("\n") > MAX_LINES:
        return Patch(strange=[(0, len(text), "a patch that is too long to read")])
    lines = _lines(text)
    marked = any(line.strip().startswith("*** Begin Patch") for _, line in lines[:3])
    found = _codex(lines) if marked or _HEADER.search(text) else _unified(lines)
    if len(found.items) > MAX_FILES:
        found.strange.append((0, len(text), "a patch of more files than are read here"))
        del found.items[MAX_FILES:]
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """Return each line with its offset, without its end."""
    found: list[tuple[int, str]] = []
    at = 0
    for line in text.split("\n"):
        found.append((at, line.removesuffix("\r")))
        at += len(line) + 1
    while found and not found[-1][1].strip():
        found.pop()
    while found and not found[0][1].strip():
        found.pop(0)
    return found


_HEADER = re.compile(r"^[ \t]*\*\*\* (?P<what>Add|Update|Delete) File: ", re.MULTILINE)
_HUNK = re.compile(r"\s*\*\*\* (?P<what>Add|Update|Delete) File: (?P<path>.*\S)\s*")
_MOVE = re.compile(r"\*\*\* Move to: (?P<path>.+)")
_BODY = re.compile(r"[+\- ].*|@@.*|\*\*\* End of File|\s*")
_VERBS = {"Add": Verb.OVERWRITE, "Update": Verb.EDIT, "Delete": Verb.REMOVE}


def _codex(lines: list[tuple[int, str]]) -> Patch:
    found = Patch()
    if lines and re.fullmatch(r"<<(?:EOF|'EOF'|\"EOF\")", lines[0][1]) and lines[-1][1].endswith("EOF"):
        lines = lines[1:-1]
    if len(lines) < 2 or lines[0][1].strip() != "*** Begin Patch" or lines[-1][1].strip() != "*** End Patch":
        start, end = (lines[0][0], lines[-1][0] + len(lines[-1][1])) if lines else (0, 0)
        found.strange.append((start, end, "a patch without its first or last line"))
    kind = ""
    for at, line in lines:
        if _is_content(line, kind):
            continue
        if line.strip() in ("*** Begin Patch", "*** End Patch"):
            kind = ""
            continue
        if _is_enough(at, line, found):
            break
        kind = _codex_line(at, line, kind, found)
    return found


def _is_enough(at: int, line: str, found: Patch) -> bool:
    """Tell whether nothing more is read: so many files, or a header that nobody writes, make it unknown anyway."""
    if len(line) > MAX_HEADER_CHARS:
        found.strange.append((at, at + MAX_HEADER_CHARS, "a line that is too long to name a file"))
    return len(line) > MAX_HEADER_CHARS or len(found.items) > MAX_FILES or len(found.strange) > MAX_FILES


def _is_content(line: str, kind: str) -> bool:
    """Tell at no cost that a line is content, as almost all are; an indented header is not."""
    sign = line[:1]
    if kind == "Update":
        return sign in ("+", "-") or (sign == " " and "*** " not in line)
    return kind == "Add" and sign == "+"


def _codex_line(at: int, line: str, kind: str, found: Patch) -> str:
    """Read one line; returns what kind of hunk the next one stands in."""
    header = _HUNK.fullmatch(line)
    if header is not None:
        found.items.append(Item(_VERBS[header.group("what")], header.group("path"), at + header.start("path")))
        return header.group("what")
    moved = _MOVE.match(line.strip())
    if moved is not None:
        found.items.append(Item(Verb.PLACE, moved.group("path"), at + line.find(moved.group("path"))))
        if not line.startswith("***") or kind != "Update":
            found.strange.append((at, at + len(line), "a move that belongs to no file"))
        return kind
    fits = (
        _BODY.fullmatch(line) if kind == "Update" else line.startswith("+") if kind == "Add" else not line.strip()
    )
    if not fits:
        found.strange.append((at, at + len(line), "a line of the patch that is not understood"))
    return kind


_SIDE = re.compile(r"(?P<side>---|\+\+\+)[ \t]+(?P<path>\"(?:[^\"\\]|\\.)*\"|[^\t\n]*?\S)(?:\t.*|\s*)")
_RANGE = re.compile(r"@@ -\d{1,9}(?:,(?P<old>\d{1,9}))? \+\d{1,9}(?:,(?P<new>\d{1,9}))? @@.*")
_GIT = re.compile(r"diff --git (?P<old>\"(?:[^\"\\]|\\.)*\"|\S.*?) (?P<new>\"(?:[^\"\\]|\\.)*\"|\S+)")
_NAMED = re.compile(r"(?P<what>rename|copy) (?P<side>from|to) (?P<path>.*\S)")
_MODE = re.compile(r"(?:(?P<what>new file|deleted file|old|new) )mode (?P<mode>\d{6})")
_QUIET = re.compile(
    r"index [0-9a-f]+\.\.[0-9a-f]+(?: \d{6})?|(?:dis)?similarity index \d+%|\\ No newline at end of file|"
    r"(?:From|Subject|Date|From:|diff) .*|---|-- ?|\d+\.\d+.*|\s*"
)
_ACTS = re.compile(
    r"\d+(?:,\d+)?[acd]\d*.*|\*\*\* .*|[w!].*|GIT binary patch|Binary files .*|(?:literal|delta) \d+"
)
"""Lines that programs that apply patches may obey, in forms that are not read here."""


@dataclass(slots=True)
class _State:
    old: str = ""
    old_at: int = 0
    left: tuple[int, int] = (0, 0)
    """How many old and new lines the hunk still has."""
    named: bool = False
    """Names were found for the file at hand."""
    is_link: bool = False


def _unified(lines: list[tuple[int, str]]) -> Patch:
    found, state = Patch(), _State()
    for at, line in lines:
        if state.left != (0, 0):
            _content(at, line, state, found)
        elif _is_enough(at, line, found):
            break
        else:
            _head(at, line, state, found)
    if state.left != (0, 0):
        found.strange.append((lines[-1][0], lines[-1][0] + len(lines[-1][1]), "a patch that ends within a change"))
    return found


def _content(at: int, line: str, state: _State, found: Patch) -> None:
    """Count one line of a change; what looks like a header within it is none."""
    old, new = state.left
    sign = line[:1]
    if sign == "\\":
        return
    if sign not in ("+", "-", " ", ""):
        found.strange.append((at, at + len(line), "a line of the patch that is not understood"))
    if state.is_link and sign == "+" and leads_out(line[1:]):
        found.strange.append((at, at + len(line), "a link that leads out of its folder"))
    state.left = max(0, old - (sign != "+")), max(0, new - (sign != "-"))


def leads_out(target: str) -> bool:
    """Tell whether a link may lead out of its folder, or to one that configures something."""
    parts = target.replace("\\", "/").split("/")
    return target[:1] in ("/", "~", "\\") or any(part.startswith(".") and part != "." for part in parts)


_LINK = re.compile(r"index [0-9a-f]+\.\.[0-9a-f]+ 120000")


def _head(at: int, line: str, state: _State, found: Patch) -> None:
    """Read one line between the changes."""
    if (side := _SIDE.fullmatch(line)) is not None:
        _side(at, side, state, found)
    elif (span := _RANGE.fullmatch(line)) is not None:
        state.left = int(span.group("old") or 1), int(span.group("new") or 1)
    elif (named := _NAMED.fullmatch(line)) is not None:
        moved = Verb.MOVE if named.group("what") == "rename" else Verb.READ
        verb = moved if named.group("side") == "from" else Verb.PLACE
        found.items.append(Item(verb, plain_name(named.group("path")), at + named.start("path")))
    elif (whole := _GIT.fullmatch(line)) is not None:
        state.is_link = False
        _begun(at, whole, found)
    elif (mode := _MODE.fullmatch(line)) is not None:
        _mode(at, line, mode, state, found)
    elif _LINK.fullmatch(line):
        state.is_link = True
    elif _ACTS.fullmatch(line) or (line.startswith("@@") and not _RANGE.fullmatch(line)):
        found.strange.append((at, at + len(line), "a line of the patch that is not understood"))
    # Anything else stands between the changes as a comment: git and patch(1) pass over it.


def _begun(at: int, whole: "re.Match[str]", found: Patch) -> None:
    """Take the name of `diff --git`: the only one where a file is empty or only its mode changes."""
    name = _stripped(plain_name(whole.group("new")))
    found.items.append(
        Item(Verb.EDIT, name, at + whole.start("new") + (2 if whole.group("new").startswith("b/") else 0))
    )


def _mode(at: int, line: str, mode: "re.Match[str]", state: _State, found: Patch) -> None:
    kind = mode.group("mode")
    last = found.items[-1] if found.items else None
    state.is_link = state.is_link or kind == "120000"
    if mode.group("what") == "deleted file" and last is not None:
        found.items.append(Item(Verb.REMOVE, last.name, last.start))
    if kind not in ("100644", "100755", "120000", "100664"):
        found.strange.append((at, at + len(line), "a mode that is not a plain file's"))


def _side(at: int, side: "re.Match[str]", state: _State, found: Patch) -> None:
    name, start = plain_name(side.group("path")), at + side.start("path")
    if side.group("side") == "---":
        state.old, state.old_at = name, start
        return
    old, state.old = state.old, ""
    if name == "/dev/null":
        shift = 2 if old != _stripped(old) else 0
        found.items.append(Item(Verb.REMOVE, _stripped(old), state.old_at + shift))
    elif old:
        shift = 2 if name != _stripped(name) else 0
        found.items.append(Item(Verb.CREATE if old == "/dev/null" else Verb.EDIT, _stripped(name), start + shift))
        if old not in ("/dev/null", name) and _stripped(old) != _stripped(name):
            found.items.append(Item(Verb.EDIT, _stripped(old), start))
    else:
        found.strange.append((at, start + len(name), "a name without the file that it replaces"))


def _stripped(name: str) -> str:
    """Drop git's prefixes (`a/`, `b/`, and those of `diff.mnemonicPrefix`)."""
    return name[2:] if re.match(r"[abciow]/", name) else name


_OCTAL = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def plain_name(name: str) -> str:
    r"""Undo the quoting of a name: git writes `"a/\303\251"` for letters outside ASCII."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name

    def one(match: "re.Match[bytes]") -> bytes:
        code = match.group(1)
        return bytes([int(code, 8) & 255]) if len(code) == 3 else _LETTERS.get(code, code)

    return _OCTAL.sub(one, name[1:-1].encode("utf-8", "replace")).decode("utf-8", "replace")


def touched(
    patch: Patch, context: Context, scope: Scope, source: Source | None = None
) -> list[tuple[Verb, Draft, str]]:
    """Return (verb, draft, paths as shown) for the files of a patch, one for each verb and environment.

    `source` says where the patch stands in the judged text, when it is not that text itself.
    """
    found: list[tuple[Verb, Draft, str]] = []
    for verb in dict.fromkeys(item.verb for item in patch.items):
        words = [
            Touched(
                verb, Word(item.name, head=item.name, span=_span(item.start, item.start + len(item.name), source))
            )
            for item in patch.items
            if item.verb is verb
        ]
        found += [(verb, group.draft, group.shown) for group in touch_drafts(words, scope, context)]
    return found


def _span(start: int, end: int, source: Source | None) -> tuple[int, int]:
    return source.span(start, end) if source is not None else (start, end)


def strange_drafts(patch: Patch, source: Source | None = None) -> list[Draft]:
    """Return one `unknown` action for what is not understood; none where all was."""
    if not patch.strange and patch.items:
        return []
    why = patch.strange[0][2] if patch.strange else "a patch that is not understood"
    draft = Draft("file:patch", effects={Effect.UNKNOWN}, unseen=[why], summary=f"applies a patch with {why}")
    for start, end, note in patch.strange[:10]:
        draft.point(_span(start, end, source), note)
    return [draft]
