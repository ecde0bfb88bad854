"""What translation costs between two dialects: a request of 2 KB and of 57 KB, and one event of a stream."""

from collections.abc import Iterator
from functools import partial

import orjson

from firewall.codecs.neutral import registry
from firewall.codecs.neutral.events import Begun, CallBegun, CallDelta, CallEnded, Ended, Event, Stop, TextDelta
from firewall.codecs.neutral.translate import StreamTranslation, Translated, translate_answer, translate_request
from firewall.core.dialect import Dialect
from tests.bench import bodies
from tests.bench.steps import Step, median_us

_CHAT, _MESSAGES = Dialect.OPENAI_CHAT, Dialect.ANTHROPIC
_OTHER = {_CHAT: _MESSAGES, _MESSAGES: _CHAT}
_MODELS = {_CHAT: "gpt-6-sol", _MESSAGES: "claude-sonnet-5"}


def steps() -> Iterator[Step]:
    """Measure both ways between Anthropic Messages and Chat Completions."""
    for client, provider in _OTHER.items():
        way = f"{client.value} to {provider.value}"
        for size, body, budget in (("2 KB", bodies.small(), "100 us"), ("57 KB", bodies.large(), "1,500 us")):
            cost = median_us(partial(_sent, _as_sent_by(client, body), provider), calls=20)
            yield Step(f"request of {size} translated, {way}", budget, cost)
        yield from _answers(client, provider)


def _answers(client: Dialect, provider: Dialect) -> Iterator[Step]:
    asked = _sent(_as_sent_by(client, bodies.small()), provider).asked
    events = _stream_of(provider)

    def play() -> None:
        translation = StreamTranslation(asked)
        for event in events:
            translation.feed(event)

    way = f"{provider.value} to {client.value}"
    yield Step(f"event of a stream translated, {way}", "25 us", median_us(play, calls=5) / len(events))
    whole = _whole(provider)
    yield Step(f"whole answer translated, {way}", "", median_us(partial(translate_answer, asked, whole), calls=20))


def _sent(value: bodies.Body, provider: Dialect) -> Translated:
    return translate_request(
        value, source=_OTHER[provider], target=provider, model=_MODELS[provider], provider="there"
    )


def _as_sent_by(client: Dialect, body: bodies.Body) -> bodies.Body:
    """Return a body, which is written for Chat Completions, as a client sends it."""
    if client is _CHAT:
        return body
    value: bodies.Body = orjson.loads(_sent(body, _MESSAGES).body)
    return value


def _events() -> list[Event]:
    """Return an answer of 150 pieces of text and a call in 50 pieces."""
    words = [TextDelta(f"word {number} ") for number in range(150)]
    arguments = [CallDelta(0, '{"command":"'), *(CallDelta(0, "ls -la; ") for _ in range(48)), CallDelta(0, '"}')]
    call = [CallBegun(0, "call_1", "bash"), *arguments, CallEnded(0)]
    return [Begun("answer_1", "m"), *words, *call, Ended(Stop.CALLS)]


def _stream_of(provider: Dialect) -> list[bytes]:
    """Return that answer as a provider streams it, an event a piece."""
    asked = _sent(_as_sent_by(_OTHER[provider], bodies.small()), provider).asked
    write = registry.writer(provider).stream(asked).write
    raw = b"".join(write(event) for event in _events())
    return [frame + b"\n\n" for frame in raw.split(b"\n\n") if frame.strip()]


def _whole(provider: Dialect) -> bytes:
    """Return a whole answer with text and a call."""
    if provider is _CHAT:
        function = {"name": "bash", "arguments": '{"command":"ls -la"}'}
        message = {
            "content": "word " * 300,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
        value: bodies.Body = {
            "id": "a",
            "model": "m",
            "choices": [{"message": message, "finish_reason": "tool_calls"}],
        }
        return orjson.dumps(value)
    call = {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "ls -la"}}
    content = [{"type": "text", "text": "word " * 300}, call]
    return orjson.dumps(
        {"type": "message", "id": "a", "model": "m", "content": content, "stop_reason": "tool_use"}
    )
