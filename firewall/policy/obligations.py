"""The last column of a policy row: what it demands of people beyond somebody's yes, or of the world (DESIGN 6.3).

    quorum=2;group=oncall            two people of the group
    group=oncall+dba                 one of each, two different people, in any order
    stages=oncall*2>dba              two of the first, then one of the second
    auth=passkey                     whoever approves shows a passkey for this; auth=link: a personal link will do
    typed=resource                   whoever approves types the resource's name
    ttl=10m                          from opening to decision
    require=backup_age_h < 24        what must hold, and be known

An obligation that this build cannot enforce is refused at load; it is never dropped.
"""

import re
from collections.abc import Mapping

from firewall.core.demand import ONE, Demand, Seat, demand_of, staged, strictest
from firewall.core.verdict import Obligations
from firewall.policy import when
from firewall.policy.facts import KNOWN

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAX_TTL_S = 24 * 3600
MAX_PEOPLE = 20
_UNITS = {"s": 1, "m": 60, "h": 3600}
_KEYS = ("ttl", "quorum", "group", "stages", "auth", "typed", "require")
_COUNT = re.compile(r"[1-9][0-9]?")
_HINT = "known: ttl=10m, quorum=2, group=A, group=A+B, stages=A>B, auth=passkey, typed=resource, require=CONDITION"


class ObligationError(ValueError):
    """An obligation that is unreadable or cannot be enforced; `hint` says what to write instead."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse(text: str) -> Obligations:
    """Read `ttl=10m;group=oncall`; empty means none.

    Raises: ObligationError for anything unknown, doubled, unreadable or not enforceable in this build.
    """
    found: dict[str, str] = {}
    for part in text.split(";") if text else ():
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in _KEYS:
            raise ObligationError(f"there is no obligation `{key}`", hint=_HINT)
        if key in found:
            raise ObligationError(f"the obligation `{key}` stands twice")
        found[key] = value
    return Obligations(
        ttl_s=_seconds(found["ttl"]) if "ttl" in found else 0,
        demands=strictest([_demand(found)]),
        auth=_one_of("auth", found, ("passkey", "link")),
        typed=bool(_one_of("typed", found, ("resource",))),
        require=_condition(found["require"]) if "require" in found else "",
    )


def _demand(found: Mapping[str, str]) -> Demand:
    """Read who must agree. Raises: ObligationError."""
    if "group" in found and "stages" in found:
        raise ObligationError(
            "`group` and `stages` in one row", hint="stages name their groups: `stages=oncall>dba`"
        )
    quorum = _quorum(found.get("quorum"))
    if "stages" in found:
        demand = staged(_seats(stage, quorum) for stage in found["stages"].split(">"))
    elif "group" in found:
        demand = staged([_seats(found["group"], quorum)])
    else:
        demand = demand_of(quorum=quorum or 1) if quorum else ONE
    if demand.people > MAX_PEOPLE:
        raise ObligationError(f"{demand.people} people, more than {MAX_PEOPLE}")
    return demand


def _seats(text: str, quorum: int) -> list[Seat]:
    """Read `oncall*2+dba`: people of each group, `quorum` of them where no number stands."""
    seats: list[Seat] = []
    for part in text.split("+"):
        group, star, count = (piece.strip() for piece in part.partition("*"))
        if not NAME.fullmatch(group):
            raise ObligationError(f"`{part}` is no group name")
        if star and (not _COUNT.fullmatch(count) or quorum):
            hint = "`quorum=2;group=oncall`, or `group=oncall*2+dba`"
            raise ObligationError(f"`{part}` is no group with a number of people", hint=hint)
        if group in {name for name, _ in seats}:
            raise ObligationError(f"the group `{group}` stands twice", hint=f"write `{group}*2`")
        seats.append((group, int(count) if star else quorum or 1))
    return seats


def _quorum(value: str | None) -> int:
    if value is None:
        return 0
    if not _COUNT.fullmatch(value):
        raise ObligationError(f"`quorum={value}` is no number of people", hint="write `quorum=2`")
    return int(value)


def _one_of(key: str, found: Mapping[str, str], known: tuple[str, ...]) -> str:
    value = found.get(key)
    if value is not None and value not in known:
        hint = " or ".join(f"`{key}={one}`" for one in known)
        raise ObligationError(f"there is no `{key}={value}`", hint=f"write {hint}")
    return value or ""


def _condition(text: str) -> str:
    try:
        return when.parse(text, known=KNOWN).text
    except when.WhenError as error:
        raise ObligationError(f"the condition of `require={text[:80]}` cannot be read: {error}") from error


def _seconds(value: str) -> int:
    match = re.fullmatch(r"([0-9]{1,5})([smh])", value)
    if match is None:
        raise ObligationError(f"`ttl={value}` is no duration", hint="write `ttl=90s`, `ttl=10m` or `ttl=1h`")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= MAX_TTL_S:
        raise ObligationError(f"`ttl={value}` is not between a second and a day")
    return seconds
