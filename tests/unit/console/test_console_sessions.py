"""Sessions and throttles by themselves."""

import pytest

from firewall.console.sessions import MAX_PER_PERSON, Begun, Sessions
from firewall.console.throttle import Refusals, Throttle
from firewall.core.errors import StoreError
from tests.support.approving import MemoryLog, StillClock


def _sessions(clock: StillClock) -> Sessions:
    return Sessions(clock=clock, is_https=False)


def test_memory_holds_no_cookie() -> None:
    """What is kept of a session does not open one."""
    sessions = _sessions(StillClock())
    session, cookies = sessions.start("alice")
    for cookie in (cookies.shows, cookies.changes):
        assert cookie not in repr(sessions._live)
        assert session.key not in cookie
    found = sessions.find(cookies.shows)
    assert found is not None
    assert found.name == "alice"


def test_every_sign_in_gets_its_own_id_and_csrf_token() -> None:
    """Nothing about one session tells of another."""
    sessions = _sessions(StillClock())
    (first, one), (second, two) = sessions.start("alice"), sessions.start("alice")
    assert len({one.shows, one.changes, two.shows, two.changes}) == 4
    assert sessions.may_change(first, one.changes)
    for other in (one.shows, two.changes, "", "x"):
        assert not sessions.may_change(first, other)
    assert sessions.find(one.changes) is None
    assert first.csrf != second.csrf
    assert not first.accepts(second.csrf)
    assert not first.accepts("")
    assert not first.accepts("\u00e9\ud800")
    assert first.accepts(first.csrf)


def test_another_process_does_not_know_our_cookies() -> None:
    """Signed by another key, or signed by ours and ended, a cookie is nothing."""
    clock = StillClock()
    _, cookies = _sessions(clock).start("alice")
    assert _sessions(clock).find(cookies.shows) is None


def test_a_person_has_a_bounded_number_of_sessions() -> None:
    """The session that was used longest ago makes room."""
    clock = StillClock()
    sessions = _sessions(clock)
    cookies = []
    for _ in range(MAX_PER_PERSON + 1):
        cookies.append(sessions.start("alice")[1].shows)
        clock.forward(1)
    other = sessions.start("bob")[1].shows
    assert sessions.find(cookies[0]) is None
    assert all(sessions.find(cookie) for cookie in [*cookies[1:], other])


def test_all_sessions_of_a_person_end_together() -> None:
    """Removal ends every device, and nobody else's."""
    sessions = _sessions(StillClock())
    cookies = [sessions.start("alice")[1].shows for _ in range(3)]
    other = sessions.start("bob")[1].shows
    sessions.end_of("alice")
    assert [sessions.find(cookie) for cookie in cookies] == [None] * 3
    assert sessions.find(other) is not None


@pytest.mark.parametrize(("begun", "since"), [("passphrase", 5), ("passkey", 9), ("oidc", 9), ("link", 9)])
def test_a_session_stands_since_its_passphrase_or_else_its_beginning(begun: Begun, since: int) -> None:
    """What was checked was checked a while ago: a passphrase that was set meanwhile is another one."""
    session, _ = Sessions(clock=StillClock(9), is_https=True).start("alice", begun=begun, proof_at=5)
    assert session.stands_since == since


def test_success_forgives_and_time_refills() -> None:
    """Only wrong tries count, and the wait that is told is enough."""
    clock = StillClock()
    throttle = Throttle(clock=clock)
    for _ in range(30):
        assert throttle.admit("alice", "s") == 0
        throttle.succeeded("alice", "s")
    waits = [throttle.admit("Alice", "s") for _ in range(6)]
    assert waits[:5] == [0] * 5
    assert waits[5] > 0
    assert throttle.admit("alice", "elsewhere") > 0
    assert throttle.admit("bob", "s") == 0
    clock.forward(waits[5])
    assert throttle.admit("alice", "s") == 0


async def test_counts_survive_a_log_that_is_down() -> None:
    """A refusal that could not be written is counted in the next entry."""
    log, clock = MemoryLog(), StillClock()
    refusals = Refusals(sequencer=log, clock=clock)
    log.is_failing = True
    for _ in range(2):
        with pytest.raises(StoreError):
            await refusals.note("s", "passphrase")
    log.is_failing = False
    await refusals.flush()
    assert [record.data["count"] for record in log.records] == [2]
    await refusals.flush()
    assert len(log.records) == 1


async def test_many_sources_become_one_count() -> None:
    """A flood from everywhere neither fills the memory nor the log."""
    log, clock = MemoryLog(), StillClock()
    refusals = Refusals(sequencer=log, clock=clock)
    for number in range(30):
        await refusals.note(f"s{number % 3}", "token")
    assert len(log.records) == 3
    clock.forward(60)
    await refusals.flush()
    assert sum(int(str(record.data["count"])) for record in log.records) == 30
    assert len(log.records) == 6
