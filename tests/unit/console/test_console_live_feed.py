"""The feed of live calls: what is kept of a judged call, and what is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.console.live.feed import KEPT, MOST, MOST_OF_ONE, Call, Feed
from firewall.core.errors import LimitError
from tests.support.approving import StillClock
from tests.support.guarding import call, keeping


def _call(number: int) -> Call:
    return Call(number, 1, 1, "tok_1", "a for b", "models", "Bash", "allow", "r", "staging", (), "s", "")


@pytest.mark.parametrize(("command", "verdict"), [("ls", "allow"), ("rm -rf /srv/other", "ask")])
async def test_every_answer_of_the_guard_is_shown(tmp_path: Path, command: str, verdict: str) -> None:
    """Who, what and with which verdict; the entry and the approval are those of the answer."""
    feed = Feed(StillClock())
    async with keeping(tmp_path) as kept:
        requester = kept.requester()
        answer = await kept.guard.judge(call(command), requester)
        feed.note(kept.observed[0][0], requester, answer)
    (found,) = feed.last()
    assert (found.who, found.tool, found.gate) == ("coding-agent for olga", "Bash", "models")
    assert (found.verdict, found.entry, bool(found.approval)) == (verdict, answer.entry, verdict == "ask")
    assert found.summary


async def test_a_credential_is_not_shown(tmp_path: Path) -> None:
    """What the log hides the page does not say."""
    feed = Feed(StillClock())
    async with keeping(tmp_path) as kept:
        requester = kept.requester()
        secret = "ghp_" + "a1B2c3D4e5F6" * 3
        answer = await kept.guard.judge(call(f"echo {secret}"), requester)
        judgement = kept.observed[0][0]
        assert judgement.foreign
        feed.note(judgement, requester, answer)
    assert secret not in str(feed.last()[0].shown())


def test_the_feed_is_bounded() -> None:
    """So many calls are kept, and so many may look."""
    feed = Feed(StillClock())
    for number in range(1, KEPT + 6):
        feed.add(_call(number))
    assert [one.number for one in feed.last()] == list(range(KEPT + 5, 5, -1))
    for number in range(MOST):
        feed.open(f"person-{number // MOST_OF_ONE}")
    with pytest.raises(LimitError):
        feed.open("one more")
    feed.close()


def test_calls_of_whoever_was_erased_are_dropped() -> None:
    """From what is kept and from what waits for those who look; others' stay, and numbers go on."""
    feed = Feed(StillClock())
    stream = feed.open("auditor")
    for number, owner in enumerate(("b", "olga", "otto"), 1):
        feed.add(replace(_call(number), who=f"a for {owner}"))
    feed.forget("olga")
    assert [one.number for one in feed.last()] == [3, 1]
    assert [one.number for one in stream.take()[0]] == [1, 3]
    feed.add(_call(4))
    assert [one.number for one in feed.last()] == [4, 3, 1]


@pytest.mark.parametrize("last_id", ["x", "-", "1-x", "1-" + "9" * 20, "²-1"])
def test_an_id_that_is_none_of_ours_begins_with_what_is_kept(last_id: str) -> None:
    """A browser says what it likes."""
    feed = Feed(StillClock())
    feed.add(_call(1))
    calls, skipped = feed.open("auditor", last_id).take()
    assert ([one.number for one in calls], skipped) == ([1], 0)


def test_a_number_that_never_was_skips_nothing() -> None:
    """Nor does it break the count."""
    feed = Feed(StillClock())
    feed.add(_call(1))
    assert feed.open("auditor", f"{feed.epoch}-99").take() == ([], 0)
