"""Which members of an answer leave, and when."""

from firewall.codecs.interface import Refused, Released
from firewall.codecs.steps import Fate, Member, Role, Steps


def walk(*roles: Role) -> list[Member]:
    """Return members of these roles, sorted into steps that are still open."""
    members = [Member(role=role) for role in roles]
    steps = Steps()
    for member in members:
        steps.add(member)
    return members


def test_free_members_leave_and_calls_wait() -> None:
    """Text leaves at once; a call waits, leaves or is replaced as it was ruled; what is gone is dropped."""
    text, call = walk(Role.FREE, Role.CALL)
    assert (text.fate, call.fate) == (Fate.LEAVES, Fate.WAITS)
    call.ruling = Released()
    assert call.fate is Fate.LEAVES
    call.ruling = Refused("no")
    assert call.fate is Fate.REPLACED
    call.gone = True
    assert call.fate is Fate.DROPPED


def test_reasoning_waits_until_it_is_known_what_it_belongs_to() -> None:
    """Reasoning leaves when text follows, or the end."""
    assert walk(Role.REASONING)[0].fate is Fate.WAITS
    assert walk(Role.REASONING, Role.FREE)[0].fate is Fate.LEAVES
    first, second, _ = walk(Role.REASONING, Role.REASONING, Role.FREE)
    assert (first.fate, second.fate) == (Fate.LEAVES, Fate.LEAVES)
    alone, steps = Member(role=Role.REASONING), Steps()
    steps.add(alone)
    steps.end()
    steps.end()
    assert alone.fate is Fate.LEAVES


def test_reasoning_follows_its_first_call() -> None:
    """It waits for the first call after it, leaves with it, and is dropped when that call does not leave."""
    thought, first, second = walk(Role.REASONING, Role.CALL, Role.CALL)
    second.ruling = Released()
    assert thought.fate is Fate.WAITS
    first.ruling = Released()
    assert thought.fate is Fate.LEAVES
    first.ruling = Refused("no")
    assert thought.fate is Fate.DROPPED
    first.gone = True
    assert thought.fate is Fate.DROPPED


def test_each_reasoning_has_its_own_step() -> None:
    """Reasoning after a call begins anew and does not share that call's fate."""
    first, call, second, other = walk(Role.REASONING, Role.CALL, Role.REASONING, Role.CALL)
    call.ruling = Refused("no")
    other.ruling = Released()
    assert (first.fate, second.fate) == (Fate.DROPPED, Fate.LEAVES)


def test_reasoning_that_stands_nowhere_leaves() -> None:
    """A member that no step took belongs to no call."""
    assert Member(role=Role.REASONING).fate is Fate.LEAVES
