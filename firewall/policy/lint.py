"""What is wrong with rows that read well one by one: what they name, what they match, whom they ask."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from firewall.core.action import LOCAL, PRODUCTION, UNRESOLVED
from firewall.core.demand import Demand
from firewall.core.effect import GRAVE, Effect
from firewall.policy.glob import WILDCARDS, covers, is_everything
from firewall.policy.people import EVERYWHERE, Approvers
from firewall.policy.problem import Problem
from firewall.policy.rows import ANY, ELSEWHERE, FILE, Group, Row, Table, Word

MAX_ROWS = 5000
MAX_ROLE_DEPTH = 8
_KIND = "abcdefghijklmnopqrstuvwxyz0123456789_-"
_WIDE = frozenset({ANY, ELSEWHERE, UNRESOLVED})
_MILD = frozenset({Effect.READ, Effect.WRITE})
_STRICT = {Word.ALLOW: 0, Word.ASK: 1, Word.DENY: 2}


@dataclass(frozen=True, slots=True)
class World:
    """What rows may name."""

    environments: frozenset[str] | None
    """None: environments.toml cannot be read, so no name can be checked."""
    tools: frozenset[str]
    approvers: Approvers | None
    """None: there is no installation, so nobody can tell who could approve."""
    roles: frozenset[str] | None = None
    """None: any role name will do."""


def lint(table: Table, world: World) -> list[Problem]:
    """Return what is wrong with a table of rows, in file order."""
    if len(table.rows) > MAX_ROWS:
        return [Problem(FILE, 0, f"{len(table.rows)} rows, more than {MAX_ROWS}")]
    found = list(_empty(table)) + list(_doubles(table.rows)) + list(_groups(table.groups))
    for row in table.rows:
        for check in _CHECKS:
            found += check(row, world)
        found += _role(row, table.groups, world)
    found += _covered(table.rows)
    return sorted(found, key=lambda problem: problem.line)


def _empty(table: Table) -> Iterator[Problem]:
    if not table.rows and not table.problems:
        yield Problem(FILE, 0, "no row at all, so everything is denied", is_fatal=False)


def _doubles(rows: Sequence[Row]) -> Iterator[Problem]:
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = (*row.columns, row.word, row.demand)
        if key in first:
            yield Problem(FILE, row.line, f"the same row as in line {first[key]}", "remove one of them")
        first.setdefault(key, row.line)


def _groups(groups: Sequence[Group]) -> Iterator[Problem]:
    above: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for group in groups:
        if (group.member, group.role) in seen:
            yield Problem(FILE, group.line, "this `g` row stands twice", "remove one of them")
        seen.add((group.member, group.role))
        above.setdefault(group.member, set()).add(group.role)
    for group in groups:
        level, depth = {group.member}, 0
        while level and depth <= MAX_ROLE_DEPTH:
            level, depth = set().union(*(above.get(name, set()) for name in level)), depth + 1
        if level:
            message = f"the roles above `{group.member}` go in a circle or deeper than {MAX_ROLE_DEPTH}"
            yield Problem(FILE, group.line, message)


def _environment(row: Row, world: World) -> Iterator[Problem]:
    if world.environments is None:
        return
    reserved = {ANY, ELSEWHERE, LOCAL, UNRESOLVED}
    if row.environment not in reserved | world.environments:
        known = ", ".join(sorted(world.environments | reserved))
        yield Problem(FILE, row.line, f"there is no environment `{row.environment}`", f"known: {known}")


def _role(row: Row, groups: Sequence[Group], world: World) -> Iterator[Problem]:
    if world.roles is None or row.role == ANY:
        return
    if row.role not in world.roles | {group.role for group in groups}:
        known = ", ".join(sorted(world.roles))
        yield Problem(FILE, row.line, f"no token can have the role `{row.role}`", f"known: {known}")


def _everything(row: Row, _world: World) -> Iterator[Problem]:
    if row.word is not Word.ALLOW or not is_everything(row.resource):
        return
    if row.effect == Effect.UNKNOWN:
        message = "an allow row for what is unknown, on any resource"
        yield Problem(FILE, row.line, message, "ask instead, or name the resources")
    elif is_everything(row.tool) and row.effect == ANY:
        message = "an allow row that matches everything"
        yield Problem(FILE, row.line, message, "one row for each effect that may go")
    elif is_everything(row.tool) and row.environment in _WIDE and row.effect not in _MILD and not row.when:
        message = f"an allow row for every {row.effect} action in `{row.environment}`"
        yield Problem(FILE, row.line, message, "name environments, tools or resources, or give a condition")


def _never(row: Row, _world: World) -> Iterator[Problem]:
    stem = next((row.resource[:at] for at, char in enumerate(row.resource) if char in "*?:"), None)
    if stem is None or stem.strip(_KIND) or row.resource.startswith(":"):
        message = f"no resource looks like `{row.resource}`, so the row can never match"
        yield Problem(FILE, row.line, message, "resources are `kind:provider/path`, e.g. `file:/srv/data`")


def _tool(row: Row, world: World) -> Iterator[Problem]:
    plain = not WILDCARDS & set(row.tool)
    if plain and not {":", "/"} & set(row.tool) and row.tool not in world.tools:
        message = f"no tool in tools.toml is called `{row.tool}`"
        yield Problem(FILE, row.line, message, "fine for a target; operations are `domain:verb`", is_fatal=False)


def unmet(row: Row, approvers: Approvers) -> str:
    """Return why nobody could rightly approve what a row asks; empty: somebody could."""
    return "; ".join(problem.message for problem in _demanded(row, approvers) if problem.is_fatal)


def _people(row: Row, world: World) -> Iterator[Problem]:
    if world.approvers is not None:
        yield from _demanded(row, world.approvers)


def _demanded(row: Row, approvers: Approvers) -> Iterator[Problem]:
    if row.obligations.auth == "passkey" and approvers.no_passkeys:
        message = f"nobody could have a passkey: {approvers.no_passkeys}"
        yield Problem(FILE, row.line, message, "leave `auth=passkey` out, or deny")
    for demand in row.obligations.demands:
        yield from _reached(row, demand, approvers)


def _reached(row: Row, demand: Demand, approvers: Approvers) -> Iterator[Problem]:
    empty = sorted(group for group in demand.groups if not approvers.of(group))
    left = approvers.left(demand, environment=row.environment)
    if empty:
        named = " and ".join(f"`{group}`" for group in empty if group)
        message = f"no approver belongs to the group {named}" if named else "there is no approver"
        yield Problem(FILE, row.line, f"{message}, so nobody could approve", _ADD)
    elif not approvers.meet(demand):
        message = f"`{demand.text()}` takes {demand.people} people, and the approvers are not enough for it"
        yield Problem(FILE, row.line, message, _ADD)
    elif left and demand.people > 1:
        message = f"`{demand.text()}` cannot be met where an agent of `{left}` asks, who does not count then"
        yield Problem(FILE, row.line, message, "add another approver to the group")
    elif left:
        message = f"only `{left}` belongs to `{row.obligations.groups}`, who cannot approve agents of their own"
        yield Problem(FILE, row.line, message, "add a second approver to the group", is_fatal=False)


def _link(row: Row, _world: World) -> Iterator[Problem]:
    if row.obligations.auth != "link":
        return
    if row.effect in (ANY, *GRAVE):
        message = f"a link alone decides nothing that is {row.effect if row.effect != ANY else 'destructive'}"
        yield Problem(FILE, row.line, message, "leave `auth=link` out")
    elif row.environment in EVERYWHERE or row.environment.casefold() in PRODUCTION:
        message = f"a link alone decides nothing in production, and the row speaks of `{row.environment}`"
        yield Problem(FILE, row.line, message, "leave `auth=link` out, or name another environment")


_ADD = "add approvers to the group: [[approver]] in stayhand.toml, or `stayhand approver add NAME --group GROUP`"


_CHECKS: tuple[Callable[[Row, World], Iterator[Problem]], ...] = (
    _environment,
    _everything,
    _never,
    _tool,
    _people,
    _link,
)


def _covered(rows: Sequence[Row]) -> Iterator[Problem]:
    strict = [row for row in rows if row.word is not Word.ALLOW and not row.when]
    for row in rows:
        wider = next((other for other in strict if _never_decides(row, other)), None)
        if wider is not None:
            message = f"can never decide: the {wider.word} of line {wider.line} covers it, in any order"
            hint = "write the exception into the condition of the wider row"
            yield Problem(FILE, row.line, message, hint, is_fatal=False)


def _never_decides(row: Row, other: Row) -> bool:
    return (
        _STRICT[other.word] > _STRICT[row.word]
        and other.role in (ANY, row.role)
        and _covers_environment(other.environment, row.environment)
        and covers(other.tool, row.tool)
        and covers(other.resource, row.resource)
        and other.effect in (ANY, row.effect)
    )


def _covers_environment(wide: str, narrow: str) -> bool:
    if wide in (ANY, narrow):
        return True
    return wide == ELSEWHERE and narrow not in (LOCAL, ANY)
