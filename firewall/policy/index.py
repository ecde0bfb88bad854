"""The rows compiled for answering: looked up by effect, environment, role and the fixed head of the resource glob.

A question reads the few rows that could fit it instead of all. What an entry still has to test (the rest of a
glob, a condition) is compiled at load. The table grows with the rows and not with their combinations.

INVARIANT: the answers are those of casbin over the same rows (`firewall.policy.engine`), which a property test
holds; a condition that cannot be told counts as true on deny and ask rows and as false on allow rows.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from firewall.core.action import LOCAL
from firewall.core.decide import Answers, Match
from firewall.core.effect import Effect
from firewall.policy import when
from firewall.policy.conditions import Test
from firewall.policy.conditions import compiled as compiled_condition
from firewall.policy.facts import KNOWN
from firewall.policy.glob import WILDCARDS, compiled
from firewall.policy.question import Place, Question
from firewall.policy.rows import ANY, ELSEWHERE, Group, Row, Word

MAX_HELD = 1024
"""Sets of roles whose inherited roles are remembered."""
MAX_HOPS = 9
"""How far casbin follows roles of roles; the linter refuses more than eight."""
_DENY, _FIRST = 0, 1
_WILD = re.compile(r"[*?]")


class _Entry(NamedTuple):
    """A row, and what is left to test of it once it has been looked up."""

    line: int
    slot: int
    """Which answer it competes for: deny, or one of the demands of ask rows or of allow rows."""
    is_allow: bool
    resource: re.Pattern[str] | None
    """None: the look-up has settled the resource."""
    tool: re.Pattern[str] | None
    """None: the look-up has settled the tool."""
    condition: Test | None
    match: Match


class _Cell:
    """The entries of one environment column and one role, those that name one tool apart from the others."""

    __slots__ = ("any_tool", "by_tool")

    def __init__(self) -> None:
        self.by_tool: dict[str, list[_Entry]] = {}
        self.any_tool: list[_Entry] = []

    def add(self, tool: str, entry: _Entry) -> None:
        if entry.tool is None and tool != ANY:
            self.by_tool.setdefault(tool, []).append(entry)
        else:
            self.any_tool.append(entry)


_Cells = dict[str, dict[str, _Cell]]
"""By environment column, then by role."""


class _Shelf:
    """The rows that speak of one effect, by what is fixed in their resource globs."""

    __slots__ = ("exact", "heads", "lengths")

    def __init__(self) -> None:
        self.exact: dict[str, _Cells] = {}
        """Globs without a wildcard, by themselves."""
        self.heads: dict[str, _Cells] = {}
        """Globs by what stands before their first wildcard."""
        self.lengths: tuple[int, ...] = ()
        """The lengths of these heads, each once, the shortest first."""

    def add(self, row: Row, slot: int, condition: Test | None) -> None:
        head = _WILD.split(row.resource, maxsplit=1)[0]
        is_exact = head == row.resource
        is_settled = is_exact or row.resource == f"{head}*"
        tool_settled = row.tool == ANY or not WILDCARDS & set(row.tool)
        entry = _Entry(
            line=row.line,
            slot=slot,
            is_allow=row.word is Word.ALLOW,
            resource=None if is_settled else compiled(row.resource).pattern,
            tool=None if tool_settled else compiled(row.tool).pattern,
            condition=condition,
            match=Match(row.ref, row.obligations, row.speaks_of, row.when),
        )
        cells = (self.exact if is_exact else self.heads).setdefault(head, {})
        cells.setdefault(row.environment, {}).setdefault(row.role, _Cell()).add(row.tool, entry)
        if not is_exact and len(head) not in self.lengths:
            self.lengths = tuple(sorted((*self.lengths, len(head))))

    def about(self, resource: str) -> list[_Cells]:
        """Return the rows whose globs could fit a resource."""
        heads, size = self.heads, len(resource)
        found = [heads[head] for n in self.lengths if n <= size and (head := resource[:n]) in heads]
        if resource in self.exact:
            found.append(self.exact[resource])
        return found


class Index:
    """All rows of a policy, ready to be asked. Immutable once built but for what it remembers of roles."""

    def __init__(self, rows: Sequence[Row], *, groups: Sequence[Group] = ()) -> None:
        order = [Word.ASK, Word.ALLOW]
        pairs = [(row.word, row.demand) for word in order for row in rows if row.word is word]
        slots = {pair: number for number, pair in enumerate(dict.fromkeys(pairs), _FIRST)}
        self._asks = tuple(slot for (word, _), slot in slots.items() if word is Word.ASK)
        self._allows = tuple(slot for (word, _), slot in slots.items() if word is Word.ALLOW)
        self._shelves = {effect: _Shelf() for effect in Effect}
        conditions = {row.when: compiled_condition(when.parse(row.when, known=KNOWN)) for row in rows if row.when}
        for row in rows:
            slot = slots.get((row.word, row.demand), _DENY)
            for effect in _effects_of(row):
                self._shelves[effect].add(row, slot, conditions.get(row.when))
        self._above: dict[str, set[str]] = {}
        for group in groups:
            self._above.setdefault(group.member, set()).add(group.role)
        self._held: dict[frozenset[str], tuple[str, ...]] = {}

    def answers(self, question: Question) -> Answers:
        """Say which deny row, which ask rows and which allow row fit; the first of each in the file."""
        best: dict[int, _Entry] = {}
        roles, columns = self._roles(question.roles), _columns(question.place)
        for cells in self._shelves[question.effect].about(question.resource):
            for by_role in (cells[column] for column in columns if column in cells):
                for role in roles:
                    if role in by_role:
                        _weigh(by_role[role], question, best)
        deny = best.get(_DENY)
        allows = [best[slot] for slot in self._allows if slot in best] if best else []
        return Answers(
            deny=deny.match if deny is not None else None,
            asks=tuple(best[slot].match for slot in self._asks if slot in best) if best else (),
            allow=min(allows, key=_line).match if allows else None,
            allows=tuple(one.match for one in allows) if len(allows) > 1 else (),
        )

    def _roles(self, mine: frozenset[str]) -> tuple[str, ...]:
        """Return the roles whose rows bind: those of the token, what these inherit, and `*`."""
        found = self._held.get(mine)
        if found is None:
            held = level = set(mine)
            for _ in range(MAX_HOPS):
                level = set().union(*(self._above.get(name, ()) for name in level)) - held
                held = held | level
            found = (ANY, *sorted(held - {ANY}))
            if len(self._held) >= MAX_HELD:
                self._held.clear()
            self._held[mine] = found
        return found


def _weigh(cell: _Cell, question: Question, best: dict[int, _Entry]) -> None:
    """Go through the entries that name any tool and those that name this one."""
    if cell.any_tool:
        _choose(cell.any_tool, question, best)
    if cell.by_tool:
        for name in (question.tool, question.operation):
            if name in cell.by_tool:
                _choose(cell.by_tool[name], question, best)


def _choose(entries: list[_Entry], question: Question, best: dict[int, _Entry]) -> None:
    """Keep the first fitting row of each slot."""
    for entry in entries:
        kept = best.get(entry.slot)
        if kept is not None and kept.line < entry.line:
            continue
        if entry.resource is not None and entry.resource.fullmatch(question.resource) is None:
            continue
        if entry.tool is not None and not _named(entry.tool, question):
            continue
        if entry.condition is not None:
            told = entry.condition(question.facts.values)
            # FAIL-CLOSED: what cannot be told applies on a deny or an ask, and does not on an allow.
            if told is False or (told is None and entry.is_allow):
                continue
        best[entry.slot] = entry


def _line(entry: _Entry) -> int:
    return entry.line


def _named(pattern: re.Pattern[str], question: Question) -> bool:
    return pattern.fullmatch(question.tool) is not None or pattern.fullmatch(question.operation) is not None


def _effects_of(row: Row) -> Sequence[Effect]:
    """Return the effects that a row speaks of; the `*` of an allow row never means `unknown`."""
    if row.effect != ANY:
        return (Effect(row.effect),)
    return [effect for effect in Effect if row.word is not Word.ALLOW or effect is not Effect.UNKNOWN]


def _columns(place: Place) -> tuple[str, ...]:
    """Return what may stand in the environment column of a row that speaks of a place."""
    if place.by_name_only:
        return (place.environment,)
    if place.environment == LOCAL:
        return (LOCAL, ANY)
    return (place.environment, ANY, ELSEWHERE)
