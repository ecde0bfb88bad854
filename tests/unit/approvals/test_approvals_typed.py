"""Whose name is typed: that of the worst thing in the worst place, whatever order the agent wrote it in."""

import itertools

import pytest

from firewall.approvals.typed import equals_of, name_of
from firewall.core.approval import ActionView, Approval
from tests.support.approving import MemoryLog, StillClock, approvals, subject, view, wanted

DECOY = view(resource="scratch", environment="staging")
PROD = view(resource="prod", environment="production")
UNKNOWN_PLACE = view(resource="somewhere", environment="unresolved")
READ = view(resource="read", environment="production", effects=("read",))
NAMELESS = view(resource="", environment="production")

ROWS: list[tuple[str, tuple[ActionView, ...], str, int]] = [
    ("a decoy in staging", (DECOY, PROD), "prod", 1),
    ("a decoy in staging, and a place that nobody knows", (DECOY, UNKNOWN_PLACE), "somewhere", 1),
    ("a place that nobody knows, and production", (UNKNOWN_PLACE, DECOY, PROD), "prod", 1),
    ("another spelling of production", (DECOY, view(resource="prd", environment="PRD")), "prd", 1),
    ("something harmless in production", (DECOY, READ), "scratch", 1),
    ("two in production", (view(resource="zeta", environment="live"), PROD, DECOY), "prod", 2),
    ("one of them twice", (PROD, view(resource="prod", environment="production", summary="again")), "prod", 1),
    ("one without a name", (NAMELESS, PROD), "prod", 1),
]


async def _opened(actions: tuple[ActionView, ...]) -> Approval:
    return await approvals(MemoryLog(), StillClock()).open(wanted(subject=subject(actions=actions)))


@pytest.mark.parametrize(("what", "actions", "name", "many"), ROWS, ids=[row[0] for row in ROWS])
async def test_no_order_of_the_call_chooses_the_name(
    what: str, actions: tuple[ActionView, ...], name: str, many: int
) -> None:
    """Every order of the same actions asks for the same name, and says how many are as bad."""
    assert what
    for order in itertools.permutations(actions):
        approval = await _opened(order)
        assert (name_of(approval), equals_of(approval)) == (name, many)
