"""Reading what build files hold for a name: scripts of package.json, recipes of a Makefile or a justfile.

Pure text to pieces of shell with the offsets where they stand. What cannot be expanded without running something
becomes a shell variable that nobody knows.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MAX_TARGETS = 48
MAX_LINES = 2000
MAX_LINE_CHARS = 2000
MAX_RULES = 400
MAX_PIECES = 150
MAX_EXPANSIONS = 4
MAX_REFERENCES = 100
"""Variables of one line that are expanded."""
MAX_VALUE_CHARS = 1000
HIDDEN = "${not_seen}"
"""Stands for what only the build tool can tell."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of shell and the span of the file that it came from."""

    text: str
    span: tuple[int, int]


@dataclass(slots=True)
class Recipes:
    """What a build file says: recipes by name, what they need first, and values."""

    lines: dict[str, list[Piece]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    unread: str = ""
    """What of the file is not read, in plain words."""
    expand: Callable[["Recipes", str, str], str] = lambda _found, _name, text: text
    """Expands the variables of a line of a recipe, given its name."""

    def wanted(self, names: Sequence[str]) -> Iterator[tuple[str, Piece]]:
        """Yield the pieces that names run, with the name, what they need before them; none given: the first."""
        stack = list(reversed(names or [name for name in self.lines if not name.startswith(".")][:1]))
        done: set[str] = set()
        left = MAX_PIECES
        while stack and len(done) < MAX_TARGETS:
            name = stack.pop()
            missing = [need for need in self.needs.get(name, []) if need not in done and need != name]
            if missing and f"{name} " not in done:
                done.add(f"{name} ")
                stack += [name, *reversed(missing)]
            elif name not in done:
                done.add(name)
                for piece in self.lines.get(name, [])[: max(0, left)]:
                    left -= 1
                    yield name, Piece(self.expand(self, name, piece.text), piece.span)


def package_scripts(text: str, names: Sequence[str]) -> list[Piece]:
    """Return the scripts of a package.json by name, in that order; none where it is not read."""
    try:
        loaded: object = json.loads(text)
    except (ValueError, RecursionError):
        return []
    scripts = loaded.get("scripts") if isinstance(loaded, dict) else None
    found: list[Piece] = []
    for name in names if isinstance(scripts, dict) else ():
        script: object = scripts.get(name) if isinstance(scripts, dict) else None
        if isinstance(script, str):
            at = max(text.find(json.dumps(name), max(0, text.find('"scripts"'))), 0)
            found.append(Piece(script, (at, at + len(name) + 2)))
    return found


_VARIABLE = re.compile(
    r"(?:(?:export|override)\s+)*(?P<name>[A-Za-z_][\w.-]*)\s*(?P<how>[:?+]?:?:?=)\s*(?P<value>.*)"
)
_RULE = re.compile(r"(?P<targets>[^\s:#=][^:#=]*+)::?(?!=)(?P<needs>[^;=#]*)(?:;(?P<recipe>.*))?")
_UNREAD = re.compile(r"(?:-?include|sinclude|define|import|mod)\b")
_TEST = re.compile(r"(?P<open>ifeq|ifneq|ifdef|ifndef)\b|(?P<close>endif)\b")


def makefile(text: str, given: Mapping[str, str]) -> Recipes:
    """Read a Makefile; `given` are variables of the command line, which win (GNU make manual, 6 and 4)."""
    found = Recipes()
    current: list[str] = []
    inside = 0
    for line, start in _logical(text):
        if line.startswith("\t"):
            piece = Piece(_body(line), (start, start + len(line)))
            for target in current:
                found.lines[target].append(piece)
            continue
        bare = line.strip()
        if test := _TEST.match(bare):
            inside += 1 if test.group("open") else -1
        elif match := _VARIABLE.fullmatch(bare):
            _assign(found.values, match, inside=inside > 0)
        elif _UNREAD.match(bare):
            found.unread = found.unread or f"`{bare[:40]}`"
        elif len(found.needs) < MAX_RULES and (match := _RULE.match(bare)):
            current = _rule(found, match, given, (start, start + len(line)))
    found.values |= given
    found.expand = _expand_make
    return found


def _expand_make(found: Recipes, target: str, text: str) -> str:
    needs = found.needs.get(target) or [""]
    own = {"@": target, "<": needs[0], "^": " ".join(needs)}
    return _values(text, found.values, own)


def _rule(found: Recipes, match: re.Match[str], given: Mapping[str, str], span: tuple[int, int]) -> list[str]:
    """Note a rule and return its targets."""
    targets = _values(match.group("targets"), found.values, given).split()[:MAX_TARGETS]
    needs = _values(match.group("needs"), found.values, given).replace("|", " ").split()[:MAX_TARGETS]
    for target in targets:
        found.lines.setdefault(target, [])
        found.needs.setdefault(target, []).extend(needs)
        if match.group("recipe"):
            found.lines[target].append(Piece(_body(match.group("recipe")), span))
    return targets


def _logical(text: str) -> Iterator[tuple[str, int]]:
    """Yield lines, joined where a backslash ends them, with their offsets."""
    start, joined = 0, ""
    offset = 0
    for number, line in enumerate(text.split("\n")):
        if number > MAX_LINES:
            return
        joined = line if not joined else f"{joined}\n{line}"
        if not line.endswith("\\"):
            if len(joined) <= MAX_LINE_CHARS:
                yield joined, start
            start, joined = offset + len(line) + 1, ""
        offset += len(line) + 1
    if joined and len(joined) <= MAX_LINE_CHARS:
        yield joined, start


def _body(line: str) -> str:
    return line.lstrip("\t ").lstrip("@-+ ")


def _assign(values: dict[str, str], match: re.Match[str], *, inside: bool) -> None:
    """Set a variable; one that depends on a condition is not known."""
    name, how, value = match.group("name"), match.group("how"), match.group("value").split(" #")[0].strip()
    if inside or how == "!=":
        values[name] = HIDDEN
    elif how.startswith("+"):
        values[name] = f"{values.get(name, '')} {value}".strip()[:MAX_VALUE_CHARS]
    elif not (how.startswith("?") and name in values):
        values[name] = value[:MAX_VALUE_CHARS]


_REFERENCE = re.compile(
    r"\$(?:\$|\((?P<a>[^()\s]*)\)|\{(?P<b>[^{}\s]*)\}|(?P<c>[@<^*?])|\((?P<f>(?:[^()]|\([^()]*\))*)\))"
)


def _values(text: str, values: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Expand the variables of make; a function and what is not known become hidden, `$$` one dollar."""
    size = count = 0

    def value(match: re.Match[str]) -> str:
        nonlocal size, count
        count += 1
        if count > MAX_REFERENCES:
            return HIDDEN
        if match.group(0) == "$$":
            return "\0"
        name = next((one for one in (match.group("a"), match.group("b"), match.group("c")) if one), "")
        if name in ("MAKE", "CURDIR", "SHELL"):
            return {"MAKE": "make", "CURDIR": ".", "SHELL": "sh"}[name]
        found = given.get(name, values.get(name, HIDDEN)) if name else HIDDEN
        size += len(found)
        return found if size <= MAX_VALUE_CHARS * MAX_EXPANSIONS else HIDDEN

    for _ in range(MAX_EXPANSIONS):
        after = _REFERENCE.sub(value, text.replace(HIDDEN, "\1"))
        after = after.replace("\1", HIDDEN).replace(HIDDEN, "\1")
        done = after == text.replace(HIDDEN, "\1")
        text = after.replace("\1", HIDDEN)
        if done:
            break
    return text.replace("\0", "$")


_JUST_VALUE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][\w-]*)\s*:=\s*(?P<value>.*)")
_JUST_RULE = re.compile(r"@?(?P<name>[A-Za-z_][\w-]*+)(?P<params>[^:=#]*+):(?!=)(?P<needs>[^#]*)")
_BRACES = re.compile(r"\{\{\s*(?P<name>[^{}]*?)\s*\}\}")


def justfile(text: str, given: Mapping[str, str]) -> Recipes:
    """Read a justfile; `{{name}}` of a plain value is expanded, anything else is hidden (just manual)."""
    found = Recipes()
    current = ""
    for line, start in _logical(text):
        bare = line.strip()
        if line[:1] in (" ", "\t") and bare:
            if current:
                found.lines[current].append(Piece(_body(line), (start, start + len(line))))
            continue
        if match := _JUST_VALUE.fullmatch(bare):
            value = match.group("value").strip()
            plain = re.fullmatch(r"(['\"])([^'\"]*)\1", value)
            found.values[match.group("name")] = plain.group(2) if plain else HIDDEN
        elif _UNREAD.match(bare):
            found.unread = found.unread or f"`{bare[:40]}`"
        elif match := _JUST_RULE.match(bare):
            current = match.group("name")
            found.lines.setdefault(current, [])
            found.needs[current] = re.findall(r"[A-Za-z_][\w-]*", match.group("needs"))
    found.values |= given
    found.expand = _expand_just
    return found


def _expand_just(found: Recipes, _name: str, text: str) -> str:
    return _BRACES.sub(lambda match: found.values.get(match.group("name"), HIDDEN), text)
