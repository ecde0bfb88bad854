"""A silent provider: its client is kept waiting, cheaply, and what may be held back is bounded."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, cast

import orjson

from firewall.codecs import openai_chat
from firewall.codecs.interface import ModelRequest
from firewall.core.dialect import Dialect
from firewall.gates.models.clients import CLIENTS, KEEPALIVE_S
from firewall.gates.models.exchange import Exchange, Means
from firewall.gates.models.pulse import Pulse
from firewall.gates.models.ruler import StreamRuler
from firewall.guard.requester import Requester
from firewall.routing.call import Attempt, Candidate, Heard, Routed
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider
from tests.support.approving import StillClock

HELD = b": held\n\n"


class Wound(asyncio.SelectorEventLoop):
    """A loop whose clock is wound on by hand."""

    ahead = 0.0

    def time(self) -> float:
        """Return the time as wound."""
        return super().time() + self.ahead

    async def wind(self, seconds: float) -> None:
        """Let time pass and everything that is due happen."""
        self.ahead += seconds
        for _ in range(5):
            await asyncio.sleep(0)


def played(play: Callable[[Wound], Awaitable[None]]) -> None:
    """Play on a loop of its own."""

    async def run() -> None:
        await play(cast("Wound", asyncio.get_running_loop()))

    with asyncio.Runner(loop_factory=Wound) as runner:
        runner.run(run())


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    """Return one event of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }
    return b"data: " + orjson.dumps(value) + b"\n\n"


def test_beats_only_while_nothing_is_sent() -> None:
    """A piece that goes out puts the next beat off by the whole period; after the end there is none."""

    async def play(loop: Wound) -> None:
        beats: list[float] = []

        async def beat() -> None:
            beats.append(loop.time())

        pulse = Pulse(beat, 10)
        await loop.wind(9)
        pulse.sent()
        await loop.wind(9)
        assert beats == []
        await loop.wind(2)
        assert len(beats) == 1
        await loop.wind(11)
        assert len(beats) == 2
        pulse.stop()
        await loop.wind(100)
        assert len(beats) == 2

    played(play)


def test_slow_client_gets_one_beat_at_a_time() -> None:
    """While a beat cannot be written, no further one piles up behind it."""

    async def play(loop: Wound) -> None:
        begun = 0
        writable = asyncio.Event()

        async def beat() -> None:
            nonlocal begun
            begun += 1
            await writable.wait()

        pulse = Pulse(beat, 10)
        for _ in range(5):
            await loop.wind(11)
        assert begun == 1
        writable.set()
        await loop.wind(0)
        await loop.wind(11)
        assert begun == 2
        pulse.stop()

    played(play)


class Silent:
    """A provider that speaks, falls silent until it is told, and ends."""

    status = 200
    fields = ((b"content-type", b"text/event-stream"),)
    heard = Heard(
        Candidate(Provider("p", Dialect.OPENAI_CHAT, Endpoint("p", "https://p.example"), None), "m"), "r"
    )

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.go_on = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield all but the last piece at once."""
        for piece in self.pieces[:-1]:
            yield piece
        await self.go_on.wait()
        yield self.pieces[-1]

    def close(self) -> None:
        """Nothing to close."""


def exchange_over(sent: list[bytes]) -> Exchange:
    """Return an exchange of the chat dialect that notes what its client gets."""

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b"head"))

    means = Means(
        guard=cast("Any", None),
        approvals=cast("Any", None),
        holds=cast("Any", None),
        clock=StillClock(),
        hold_s=30,
        max_answer_bytes=1 << 20,
    )
    return Exchange(
        means=means,
        request=ModelRequest("m", stream=True, body=b"{}", identity={}),
        requester=cast("Requester", None),
        client=CLIENTS["other"],
        dialect=Dialect.OPENAI_CHAT,
        codec=openai_chat,
        headers=[],
        receive=receive,
        send=send,
    )


def test_client_of_a_silent_provider_is_kept_waiting() -> None:
    """Between events and while reasoning is held, something goes out every ten seconds; not after the end."""

    async def play(loop: Wound) -> None:
        sent: list[bytes] = []
        provider = Silent(
            chunk({"role": "assistant", "reasoning_content": "hm"}),
            chunk({"content": "done"}) + chunk({}, "stop") + b"data: [DONE]\n\n",
        )

        async def opened(_: list[Attempt]) -> Routed:
            return cast("Routed", provider)

        asking = asyncio.create_task(exchange_over(sent).ask(opened))
        await loop.wind(0)
        assert sent == [b"head"]
        await loop.wind(KEEPALIVE_S + 1)
        await loop.wind(KEEPALIVE_S + 1)
        assert sent == [b"head", HELD, HELD]
        provider.go_on.set()
        await asking
        await loop.wind(100)
        assert sent[-1] == b""
        assert b"hm" in sent[-2]
        assert sent[-2].endswith(b"data: [DONE]\n\n")
        assert sent.count(HELD) == 2

    played(play)


def test_an_exchange_that_is_over_leaves_nothing_to_be_collected() -> None:
    """Nothing of a request holds itself: its memory is free at its end, without a search for circles."""

    async def play(loop: Wound) -> None:
        provider = Silent(chunk({"content": "hi"}), chunk({}, "stop") + b"data: [DONE]\n\n")
        provider.go_on.set()

        async def opened(_: list[Attempt]) -> Routed:
            return cast("Routed", provider)

        async def asks() -> "weakref.ref[object]":
            exchange = exchange_over([])
            kept = weakref.ref(exchange.send)
            await exchange.ask(opened)
            return kept

        asking = asyncio.create_task(asks())
        await loop.wind(0)
        kept = await asking
        del asking
        await loop.wind(0)
        assert kept() is None

    gc.disable()
    try:
        played(play)
    finally:
        gc.enable()


def test_what_an_answer_holds_back_is_bounded() -> None:
    """A call that never ends cannot fill the memory: the answer ends with its own code and without the call."""
    ruler = StreamRuler(openai_chat, max_bytes=4500)
    ruler.feed(chunk({"content": "x" * 500}))
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "bash", "arguments": "{"}}
    ruler.feed(chunk({"tool_calls": [call]}))
    assert ruler.error is None
    pieces = 0
    while not ruler.done and pieces < 50:
        pieces += 1
        ruler.feed(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "SECRET"}}]}))
    assert ruler.error is not None
    assert ruler.error.code == "answer_too_large"
    whole = ruler.as_stream()
    assert b"SECRET" not in whole
    assert b"answer_too_large" in whole
