"""Tries: growing pauses, an end, a wish to be left alone, and how a channel fares."""

import asyncio

import pytest

from firewall.approvals.channels.delivery import CONCURRENT, MAX_TROUBLED, Delivery
from firewall.approvals.channels.port import NotDeliveredError, Trouble
from firewall.core.approval import ApprovalStatus
from firewall.core.errors import ConfigError
from firewall.core.notice import Alert, Message, Opened, Reminded, Seen, Settled
from tests.support.approving import START_US, StillClock
from tests.support.telling import Pauses, Remembering, notice


def _delivery(sender: Remembering) -> tuple[Delivery, Pauses]:
    clock = StillClock()
    pauses = Pauses(clock)
    return Delivery(sender, name="one", clock=clock, pause=pauses), pauses


async def test_a_failing_channel_is_tried_with_growing_pauses_until_the_time_is_over() -> None:
    """Pauses double up to a minute, the last try lies within the approval's life, failures are counted."""
    delivery, pauses = _delivery(Remembering(is_down=True))
    assert not await delivery.deliver(Opened(notice()), until_us=notice().expires_at)
    assert pauses.taken[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert sum(pauses.taken) < 1800
    health = delivery.health
    assert health.failed_attempts == len(pauses.taken) + 1
    assert (health.delivered, health.given_up, health.last_failure) == (0, 1, "http_500")


async def test_a_channel_that_recovers_is_told_once() -> None:
    """The third try succeeds and is the last; the failure before is no longer shown as the last."""
    sender = Remembering(failures=[NotDeliveredError("ConnectError"), NotDeliveredError("http_302")])
    delivery, _ = _delivery(sender)
    assert await delivery.deliver(Opened(notice()), until_us=notice().expires_at)
    assert len(sender.sent) == 1
    assert (delivery.health.delivered, delivery.health.failed_attempts) == (1, 2)
    assert delivery.health.last_failure == ""


async def test_a_receiver_that_wants_to_be_left_alone_is() -> None:
    """`Retry-After` counts where it is longer than our own pause, up to five minutes."""
    wishes = [30.0, 86_400.0, 0.0]
    sender = Remembering(failures=[NotDeliveredError("http_429", retry_after_s=one) for one in wishes])
    delivery, pauses = _delivery(sender)
    assert await delivery.deliver(Opened(notice()), until_us=notice().expires_at)
    assert pauses.taken == [30, 300, 4]


async def test_what_is_not_wanted_any_more_is_not_tried_again() -> None:
    """A decision ends the tries; nothing is given up by it."""
    over = asyncio.Event()
    delivery, pauses = _delivery(Remembering(is_down=True))
    pauses.during = over.set
    assert not await delivery.deliver(Opened(notice()), until_us=notice().expires_at, over=over)
    assert (delivery.health.failed_attempts, delivery.health.given_up) == (1, 0)


async def test_what_has_no_time_of_its_own_is_tried_five_times() -> None:
    """An alert is not tried for ever; a secret that cannot be read is a failed try with its own word."""
    sender = Remembering(failures=[ConfigError("no secret") for _ in range(9)])
    delivery, pauses = _delivery(sender)
    assert not await delivery.deliver(Alert("budget", "spent", {}))
    assert (len(pauses.taken), delivery.health.given_up, delivery.health.last_failure) == (4, 1, ConfigError.code)


async def test_what_could_not_be_told_is_kept_until_it_is() -> None:
    """By approval and what was to be told: the word of the last try, how many there were, when another is."""
    sender = Remembering(failures=[NotDeliveredError("ConnectError"), NotDeliveredError("http_500")])
    delivery, pauses = _delivery(sender)
    seen: list[object] = []
    pauses.during = lambda: seen.append((*delivery.troubles("apr_x"), *delivery.troubles("apr_y")))
    assert await delivery.deliver(Opened(notice()), until_us=notice().expires_at)
    one, two = START_US + 1_000_000, START_US + 3_000_000
    assert seen == [
        (Trouble("one", "waits", "ConnectError", 1, one),),
        (Trouble("one", "waits", "http_500", 2, two),),
    ]
    assert delivery.troubles("apr_x") == ()


@pytest.mark.parametrize(
    "what", [Opened(notice()), Settled(notice(), ApprovalStatus.DENIED), Alert("budget", "spent", {})]
)
async def test_an_error_that_nobody_expected_is_a_failed_try(
    what: Message, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again and shown as every other; by its type alone, as its text may hold an address."""
    sender = Remembering(failures=[RuntimeError("https://hooks.example/secret"), KeyError("secret")])
    delivery, pauses = _delivery(sender)
    seen: list[object] = []
    pauses.during = lambda: seen.append((delivery.health.last_failure, delivery.troubles("apr_x")))
    assert await delivery.deliver(what)
    words, troubles = zip(*seen, strict=True)
    assert words == ("RuntimeError", "KeyError")
    kept = [] if isinstance(what, Alert) else ["RuntimeError", "KeyError"]
    assert [one.failure for found in troubles for one in found] == kept
    health = delivery.health
    assert (health.delivered, health.failed_attempts, health.given_up) == (1, 2, 0)
    assert len(sender.sent) == 1
    assert "failure=RuntimeError" in caplog.text
    assert "secret" not in caplog.text + repr(seen)


async def test_what_was_given_up_stays_and_what_nobody_wants_is_forgotten() -> None:
    """An end that is given up stands beside the opening that was; a later reminder that arrives ends that."""
    sender = Remembering(is_down=True)
    delivery, pauses = _delivery(sender)
    await delivery.deliver(Opened(notice()), until_us=notice().opened_at + 1)
    await delivery.deliver(Settled(notice(), ApprovalStatus.DENIED))
    opening, ending = Trouble("one", "waits", "http_500", 1), Trouble("one", "over", "http_500", 5)
    assert delivery.troubles("apr_x") == (opening, ending)
    await delivery.deliver(Alert("budget", "spent", {}))
    over = asyncio.Event()
    pauses.during = over.set
    await delivery.deliver(Opened(notice(id="apr_y")), until_us=notice().expires_at + 10**12, over=over)
    assert delivery.troubles("apr_y") == ()
    sender.is_down = False
    await delivery.deliver(Reminded(notice()))
    assert delivery.troubles("apr_x") == (ending,)
    await delivery.deliver(Seen(notice()))
    await delivery.deliver(Settled(notice(), ApprovalStatus.DENIED))
    assert delivery.troubles("apr_x") == ()


async def test_what_is_kept_of_failures_is_bounded() -> None:
    """The oldest make room; what is turned away at the door is kept as well."""
    delivery, _ = _delivery(Remembering())
    for number in range(MAX_TROUBLED + 3):
        delivery.turn_away(notice(id=f"apr_{number}"))
    kept = [bool(delivery.troubles(f"apr_{number}")) for number in range(MAX_TROUBLED + 3)]
    assert kept == [False] * 3 + [True] * MAX_TROUBLED
    assert delivery.troubles("apr_3") == (Trouble("one", "waits", "queue_full", 0),)


async def test_a_flood_of_messages_is_no_flood_of_tries() -> None:
    """However many wait, only a few tries run at a time."""
    running, most = 0, 0

    class Slow(Remembering):
        async def send(self, message: Message) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            await super().send(message)

    sender = Slow()
    delivery, _ = _delivery(sender)
    await asyncio.gather(*(delivery.deliver(Opened(notice(id=f"apr_{n}"))) for n in range(50)))
    assert (len(sender.sent), most) == (50, CONCURRENT)
