"""What translation costs between two dialects: a request of 2 KB and of 57 KB, and one event of a stream."""

from collections.abc import Iterator
from functools import partial

import orjson

from firewall.codecs.neutral import registry
from firewall.codecs.neutral.events import (
    Answer,
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Stop,
    TextDelta,
)
from firewall.codecs.neutral.form import Call, Text
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.translate import StreamTranslation, Translated, translate_answer, translate_request
from firewall.core.dialect import Dialect
from tests.bench import bodies
from tests.bench.steps import Step, median_us

_CHAT, _MESSAGES = Dialect.OPENAI_CHAT, Dialect.ANTHROPIC
_RESPONSES, _GEMINI = Dialect.OPENAI_RESPONSES, Dialect.GEMINI
_WAYS = (
    (_CHAT, _MESSAGES),
    (_MESSAGES, _CHAT),
    (_RESPONSES, _MESSAGES),
    (_MESSAGES, _RESPONSES),
    (_GEMINI, _CHAT),
    (_MESSAGES, _GEMINI),
)
"""Clients and providers: every dialect is read and written on both sides."""
_MODELS = {
    _CHAT: "gpt-6-sol",
    _MESSAGES: "claude-sonnet-5",
    _RESPONSES: "gpt-6-sol",
    _GEMINI: "gemini-3.8-flash",
}
_PATH = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"


def steps() -> Iterator[Step]:
    """Measure requests one way and answers the other."""
    for client, provider in _WAYS:
        way = f"{client.value} to {provider.value}"
        for size, body, budget in (("2 KB", bodies.small(), "100 us"), ("57 KB", bodies.large(), "1,500 us")):
            cost = median_us(partial(_sent, client, _as_sent_by(client, body), provider), calls=20)
            yield Step(f"request of {size} translated, {way}", budget, cost)
        yield from _answers(client, provider)


def _answers(client: Dialect, provider: Dialect) -> Iterator[Step]:
    asked = _sent(client, _as_sent_by(client, bodies.small()), provider).asked
    events = _stream_of(asked)

    def play() -> None:
        translation = StreamTranslation(asked)
        for event in events:
            translation.feed(event)

    way = f"{provider.value} to {client.value}"
    yield Step(f"event of a stream translated, {way}", "25 us", median_us(play, calls=5) / len(events))
    whole = _whole(asked)
    yield Step(f"whole answer translated, {way}", "", median_us(partial(translate_answer, asked, whole), calls=20))


def _sent(client: Dialect, value: bodies.Body, provider: Dialect) -> Translated:
    return translate_request(
        value, source=client, target=provider, model=_MODELS[provider], provider="there", path=_PATH
    )


def _as_sent_by(client: Dialect, body: bodies.Body) -> bodies.Body:
    """Return a body, which is written for Chat Completions, as a client sends it."""
    if client is _CHAT:
        return body
    value: bodies.Body = orjson.loads(_sent(_CHAT, body, client).body)
    return value


def _events() -> list[Event]:
    """Return an answer of 150 pieces of text and a call in 50 pieces."""
    words = [TextDelta(f"word {number} ") for number in range(150)]
    arguments = [CallDelta(0, '{"command":"'), *(CallDelta(0, "ls -la; ") for _ in range(48)), CallDelta(0, '"}')]
    call = [CallBegun(0, "call_1", "bash"), *arguments, CallEnded(0)]
    return [Begun("answer_1", "m"), *words, *call, Ended(Stop.CALLS)]


def _stream_of(asked: Asked) -> list[bytes]:
    """Return that answer as a provider streams it, an event a piece."""
    write = registry.writer(asked.there.dialect).stream(asked).write
    raw = b"".join(write(event) for event in _events())
    return [frame + b"\n\n" for frame in raw.split(b"\n\n") if frame.strip()]


def _whole(asked: Asked) -> bytes:
    """Return a whole answer with text and a call."""
    parts = (Text("word " * 300), Call("call_1", "bash", '{"command":"ls -la"}'))
    answer = Answer(id="a", model="m", parts=parts, stop=Stop.CALLS)
    return registry.writer(asked.there.dialect).write_answer(answer, asked)
