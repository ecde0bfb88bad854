"""Policy rows as values, and reading them from text: one line, one row, read by Python's csv.

A quoted cell cannot hold a newline, because lines are cut first: what one line says never reaches the next.
"""

import csv
import re
from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.effect import Effect
from firewall.core.verdict import Obligations
from firewall.policy import obligations, when
from firewall.policy.facts import KNOWN
from firewall.policy.problem import Problem

FILE = "policy.csv"
ANY = "*"
ELSEWHERE = "elsewhere"
"""In the environment column: everywhere but `local`, `unresolved` included."""
MAX_BYTES = 4 * 1024 * 1024
_SHAPE = "p, role, environment, tool, resource, effect, when, verdict, obligations"
_COLUMNS = 9
_GROUP_COLUMNS = 3


class Word(StrEnum):
    """What a row says; the values are those of the verdict column."""

    DENY = "deny"
    ASK = "ask"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Row:
    """One `p` row."""

    line: int
    role: str
    environment: str
    tool: str
    resource: str
    effect: str
    """An effect or `*`."""
    when: str
    word: Word
    demand: str
    """The obligations as written."""
    obligations: Obligations = field(default_factory=Obligations)
    text: str = ""
    """The line as it stands in the file."""

    @property
    def ref(self) -> str:
        """`policy.csv:12`."""
        return f"{FILE}:{self.line}"

    @property
    def speaks_of(self) -> str:
        """The effect that it names; `anything` where its condition alone selects; empty: any effect, always."""
        return self.effect if self.effect != "*" else "anything" if self.when else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything that selects actions, without verdict, obligations and place in the file."""
        return (self.role, self.environment, self.tool, self.resource, self.effect, self.when)


@dataclass(frozen=True, slots=True)
class Group:
    """One `g` row: whoever has the role `member` also has the role `role`."""

    line: int
    member: str
    role: str


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a policy file, and what was wrong with the others."""

    rows: tuple[Row, ...] = ()
    groups: tuple[Group, ...] = ()
    problems: tuple[Problem, ...] = ()


class _RowError(ValueError):
    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read(data: bytes) -> Table:
    """Read a policy file; every unreadable line becomes a problem and the others are still read."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        return Table(problems=(Problem(FILE, at, "not UTF-8 text", "save the file as UTF-8"),))
    if len(data) > MAX_BYTES:
        return Table(problems=(Problem(FILE, 0, f"larger than {MAX_BYTES} bytes"),))
    lines = text.split("\n")
    problems = []
    if lines[-1]:
        # FAIL-CLOSED: a file cut off within its last cell could lose an obligation and still read well.
        problems.append(
            Problem(FILE, len(lines), "the last line has no end", "half written? end it with a newline")
        )
    rows: list[Row] = []
    groups: list[Group] = []
    for number, line in enumerate(lines, 1):
        try:
            found = _read_line(number, line.removesuffix("\r"))
        except _RowError as error:
            problems.append(Problem(FILE, number, str(error), error.hint))
            continue
        if isinstance(found, Row):
            rows.append(found)
        elif isinstance(found, Group):
            groups.append(found)
    return Table(tuple(rows), tuple(groups), tuple(problems))


def _read_line(number: int, line: str) -> Row | Group | None:
    stripped = line.strip(" \t")
    if not stripped or stripped.startswith("#"):
        return None
    odd = next((char for char in line if not char.isprintable() and char != "\t"), None)
    if odd is not None:
        raise _RowError(f"an invisible or control character U+{ord(odd):04X} stands in the row")
    try:
        (cells,) = csv.reader([line], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise _RowError(f"not a CSV row: {error}", hint=_SHAPE) from error
    cells = [cell.strip() for cell in cells]
    if cells[0] == "g":
        return _group(number, cells)
    if cells[0] == "p":
        return _row(number, cells, line)
    raise _RowError(f"a row starts with `p` or `g`, not with `{cells[0]}`", hint=_SHAPE)


def _group(number: int, cells: list[str]) -> Group:
    if len(cells) != _GROUP_COLUMNS:
        raise _RowError(f"{len(cells)} columns instead of {_GROUP_COLUMNS}", hint="g, token-role, role")
    _, member, role = cells
    for name in (member, role):
        if not obligations.NAME.fullmatch(name):
            raise _RowError(f"`{name}` is no role name", hint="letters, digits, `.`, `_` and `-`; no wildcard")
    return Group(number, member, role)


def _row(number: int, cells: list[str], line: str) -> Row:
    if len(cells) != _COLUMNS:
        raise _RowError(f"{len(cells)} columns instead of {_COLUMNS}", hint=_SHAPE)
    _, role, environment, tool, resource, effect, condition, word, demand = cells
    for what, name in (("role", role), ("environment", environment)):
        if name != ANY and not obligations.NAME.fullmatch(name):
            raise _RowError(f"`{name}` is no {what} name", hint="a name or a lone `*`; no wildcard within")
    for what, glob in (("tool", tool), ("resource", resource)):
        _check_glob(what, glob)
    if effect != ANY and effect not in set(Effect):
        raise _RowError(f"there is no effect `{effect}`", hint=f"known: {', '.join(Effect)}, or *")
    if word not in set(Word):
        raise _RowError(f"there is no verdict `{word}`", hint=f"known: {', '.join(Word)}")
    return Row(
        line=number,
        role=role,
        environment=environment,
        tool=tool,
        resource=resource,
        effect=effect,
        when=_condition(condition),
        word=Word(word),
        demand=demand,
        obligations=_demand(demand, Word(word)),
        text=line,
    )


def _check_glob(what: str, glob: str) -> None:
    if not glob:
        raise _RowError(f"the {what} column is empty", hint="write `*` for any")
    if len(glob) > 512:
        raise _RowError(f"the {what} glob is longer than 512 characters")
    if re.search(r"[*?]\*|\*\?", glob):
        raise _RowError(f"`{glob}` has wildcards side by side", hint="one `*` is any run of characters, `/` too")


def _condition(text: str) -> str:
    if text:
        try:
            when.parse(text, known=KNOWN)
        except when.WhenError as error:
            raise _RowError(f"the condition `{text[:80]}` cannot be read: {error}") from error
    return text


def _demand(text: str, word: Word) -> Obligations:
    if text and word is Word.DENY:
        raise _RowError("an obligation on a row that says deny", hint="obligations ride on ask and allow rows")
    try:
        found = obligations.parse(text)
    except obligations.ObligationError as error:
        raise _RowError(str(error), hint=error.hint) from error
    if text and word is Word.ALLOW and found != Obligations(require=found.require):
        raise _RowError(
            "people are asked something on a row that says allow", hint="an allow row takes `require=` alone"
        )
    return found
