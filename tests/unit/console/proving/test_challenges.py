"""Challenges: for one browser and one purpose, answered once, within minutes, never too many."""

import pytest

from firewall.codecs.passkeys.ceremony import PasskeyError, Wrong
from firewall.console.proving.challenges import LIFE_US, MOST, MOST_OF_ONE, Challenges, Purpose
from tests.support.approving import StillClock

ABOUT = ("apr_1", "d" * 64, "approve")


@pytest.fixture
def clock() -> StillClock:
    """Time that stands still."""
    return StillClock()


def _issue(challenges: Challenges, source: str = "one") -> bytes:
    return challenges.issue(Purpose.DECIDE, bound="browser", source=source, about=ABOUT)


def test_a_challenge_is_spent_once(clock: StillClock) -> None:
    """The second answer to the same challenge finds none."""
    challenges = Challenges(clock)
    challenge = _issue(challenges)
    challenges.spend(challenge, Purpose.DECIDE, bound="browser", about=ABOUT)
    with pytest.raises(PasskeyError) as refused:
        challenges.spend(challenge, Purpose.DECIDE, bound="browser", about=ABOUT)
    assert refused.value.wrong is Wrong.CHALLENGE


WRONG: list[tuple[str, Purpose, str, tuple[str, ...]]] = [
    ("another browser", Purpose.DECIDE, "other", ABOUT),
    ("no browser", Purpose.DECIDE, "", ABOUT),
    ("another purpose", Purpose.SIGN_IN, "browser", ABOUT),
    ("another approval", Purpose.DECIDE, "browser", ("apr_2", "d" * 64, "approve")),
    ("another digest", Purpose.DECIDE, "browser", ("apr_1", "e" * 64, "approve")),
    ("another decision", Purpose.DECIDE, "browser", ("apr_1", "d" * 64, "deny")),
    ("nothing", Purpose.DECIDE, "browser", ()),
]


@pytest.mark.parametrize(("what", "purpose", "bound", "about"), WRONG, ids=[row[0] for row in WRONG])
def test_a_challenge_is_good_for_what_it_was_issued_for(
    clock: StillClock, what: str, purpose: Purpose, bound: str, about: tuple[str, ...]
) -> None:
    """Any other use is refused, and burns it."""
    assert what
    challenges = Challenges(clock)
    challenge = _issue(challenges)
    with pytest.raises(PasskeyError):
        challenges.spend(challenge, purpose, bound=bound, about=about)
    with pytest.raises(PasskeyError):
        challenges.spend(challenge, Purpose.DECIDE, bound="browser", about=ABOUT)


def test_a_challenge_ends_by_time(clock: StillClock) -> None:
    """Three minutes, to the microsecond."""
    challenges = Challenges(clock)
    late, early = _issue(challenges), _issue(challenges)
    clock.now += LIFE_US - 1
    challenges.spend(early, Purpose.DECIDE, bound="browser", about=ABOUT)
    clock.now += 1
    with pytest.raises(PasskeyError):
        challenges.spend(late, Purpose.DECIDE, bound="browser", about=ABOUT)


def _anybody(challenges: Challenges, source: str) -> bytes:
    return challenges.issue(Purpose.SIGN_IN, bound="browser", source=source)


def test_a_flood_from_one_source_ends_its_own_and_nobody_elses(clock: StillClock) -> None:
    """The oldest of the same source makes room."""
    challenges = Challenges(clock)
    mine = _anybody(challenges, "me")
    flood = [_anybody(challenges, "flood") for _ in range(MOST_OF_ONE + 1)]
    challenges.spend(mine, Purpose.SIGN_IN, bound="browser")
    challenges.spend(flood[-1], Purpose.SIGN_IN, bound="browser")
    with pytest.raises(PasskeyError):
        challenges.spend(flood[0], Purpose.SIGN_IN, bound="browser")


@pytest.mark.parametrize("purpose", [Purpose.DECIDE, Purpose.REGISTER])
def test_who_is_not_signed_in_ends_nothing_of_a_session(clock: StillClock, purpose: Purpose) -> None:
    """On one machine an agent and an approver share their source: neither it nor the whole is full for him."""
    challenges = Challenges(clock)
    mine = challenges.issue(purpose, bound="session", source="loopback", about=ABOUT)
    for number in range(MOST + 10):
        _anybody(challenges, "loopback" if number < MOST_OF_ONE + 10 else f"source {number}")
    challenges.spend(mine, purpose, bound="session", about=ABOUT)


def test_a_session_has_its_own_number(clock: StillClock) -> None:
    """Its oldest makes room, and another session's of the same source does not."""
    challenges = Challenges(clock)
    other = challenges.issue(Purpose.DECIDE, bound="other", source="loopback", about=ABOUT)
    own = [_issue(challenges, "loopback") for _ in range(MOST_OF_ONE + 1)]
    challenges.spend(other, Purpose.DECIDE, bound="other", about=ABOUT)
    with pytest.raises(PasskeyError):
        challenges.spend(own[0], Purpose.DECIDE, bound="browser", about=ABOUT)


def test_there_are_never_more_than_fit(clock: StillClock) -> None:
    """Memory is bounded, whoever asks; what has expired goes first."""
    challenges = Challenges(clock)
    for number in range(MOST + 10):
        _anybody(challenges, f"source {number}")
    assert len(challenges._open) == MOST
    clock.now += LIFE_US
    kept = _issue(challenges)
    assert len(challenges._open) == 1
    challenges.spend(kept, Purpose.DECIDE, bound="browser", about=ABOUT)


def test_what_a_challenge_is_about_is_in_its_bytes(clock: StillClock) -> None:
    """No two are the same, and each is 32 bytes that commit to what is signed."""
    challenges = Challenges(clock)
    found = {_issue(challenges) for _ in range(20)}
    assert len(found) == 20
    assert {len(one) for one in found} == {32}
