"""Channels: what a message carries, how it is signed, and that failures are retried within the approval's life."""

import hashlib
import hmac
import io
import json

import httpx
import pytest

from firewall.approvals.notify import Channels, Terminal, Webhook, message, signature
from firewall.core.approval import Approval
from tests.support.approving import MemoryLog, StillClock, approvals, wanted

ADDRESS = "http://localhost:8788/approve/apr_x"


async def _approval(clock: StillClock) -> Approval:
    return await approvals(MemoryLog(), clock).open(wanted())


async def test_the_terminal_gets_id_and_address_only() -> None:
    """A shared screen learns nothing of the call."""
    clock = StillClock()
    approval = await _approval(clock)
    stream = io.StringIO()
    await Terminal(stream).opened(approval, ADDRESS)
    assert stream.getvalue() == f"stayhand: approval {approval.id} waits at {ADDRESS}\n"


async def test_a_webhook_message_carries_no_arguments() -> None:
    """The message has exactly the five documented fields."""
    approval = await _approval(StillClock())
    content = json.loads(message(approval, ADDRESS))
    assert content == {
        "id": approval.id,
        "address": ADDRESS,
        "environment": "staging",
        "effects": ["destructive"],
        "expires_at": "2026-09-21T14:43:20Z",
    }


async def test_a_webhook_is_signed_so_that_its_receiver_can_check() -> None:
    """The signature is HMAC-SHA256 over time and exact body; without a secret there is no header."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    clock = StillClock()
    approval = await _approval(clock)
    for secret in ("s3cret", ""):
        hook = Webhook(
            url="https://hook.test/x", clock=clock, secret=secret, transport=httpx.MockTransport(answer)
        )
        await hook.opened(approval, ADDRESS)
        await hook.aclose()
        assert hook.health.delivered == 1
    stamp, _, digest = seen[0].headers["x-stayhand-signature"].partition(",v1=")
    expected = hmac.new(b"s3cret", stamp[2:].encode() + b"." + seen[0].content, hashlib.sha256).hexdigest()
    assert digest == expected
    assert "x-stayhand-signature" not in seen[1].headers


def test_a_signature_is_over_the_exact_body() -> None:
    """One other byte, one other signature."""
    assert signature(b"k", b"a", 1) != signature(b"k", b"b", 1)
    assert signature(b"k", b"a", 1) != signature(b"k", b"a", 2)


async def test_a_failing_webhook_is_retried_with_growing_pauses_until_the_time_is_over() -> None:
    """Pauses double up to a minute, the last attempt lies within the approval's life, failures are counted."""
    clock = StillClock()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.forward(seconds)

    approval = await _approval(clock)
    hook = Webhook(
        url="https://hook.test/x",
        clock=clock,
        transport=httpx.MockTransport(lambda _: httpx.Response(500)),
        pause=pause,
    )
    await hook.opened(approval, ADDRESS)
    await hook.aclose()
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert sum(pauses) < 1800
    assert hook.health.failed_attempts == len(pauses) + 1
    assert (hook.health.delivered, hook.health.given_up, hook.health.last_failure) == (0, 1, "http_500")


async def test_a_webhook_that_recovers_is_delivered_once() -> None:
    """After a connection error and a redirect (never followed) the third attempt succeeds and is the last."""
    clock = StillClock()
    answers = iter(
        [httpx.ConnectError("refused"), httpx.Response(302, headers={"location": "http://evil.test"}), 200]
    )
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, httpx.Response) else httpx.Response(found)

    async def pause(seconds: float) -> None:
        clock.forward(seconds)

    approval = await _approval(clock)
    hook = Webhook(url="https://hook.test/x", clock=clock, transport=httpx.MockTransport(answer), pause=pause)
    await hook.opened(approval, ADDRESS)
    await hook.aclose()
    assert asked == ["https://hook.test/x"] * 3
    assert (hook.health.delivered, hook.health.failed_attempts, hook.health.last_failure) == (1, 2, "")


async def test_one_broken_channel_does_not_hold_up_another() -> None:
    """Every channel has its turn before a failure is told."""

    class Broken(Terminal):
        async def opened(self, approval: Approval, address: str) -> None:
            raise RuntimeError(approval.id + address)

    stream = io.StringIO()
    both = Channels([Broken(stream), Terminal(stream)])
    approval = await _approval(StillClock())
    with pytest.raises(ExceptionGroup):
        await both.opened(approval, ADDRESS)
    assert approval.id in stream.getvalue()
    assert [one.channel for one in both.health] == ["terminal", "terminal"]
