"""Answers of another dialect given back, as they look from outside; and who is spoken to without translation."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Self

import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.interpreting import Interpreter
from firewall.routing.natives import speaks
from firewall.routing.port import Endpoint, UpstreamRequest, UpstreamResponse
from firewall.routing.providers import Provider
from tests.support.translated import asked

HERE = Endpoint("there", "https://api.example.com")
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


@dataclass(slots=True)
class Given:
    """An answer that a provider gave."""

    status: int
    type: bytes
    body: bytes
    is_closed: bool = False
    raw_fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    comes_whole: bool = True

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """What may go to the client."""
        return [(b"content-type", self.type), (b"request-id", b"r1")]

    async def read(self, limit: int) -> bytes:
        """Return the body."""
        return self.body[:limit]

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in two pieces."""
        yield self.body[:10]
        yield self.body[10:]

    def close(self) -> None:
        """Note it."""
        self.is_closed = True

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()


@dataclass(slots=True)
class Giving:
    """An `Upstream` with one answer."""

    answer: Given

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        """Return it."""
        del endpoint, request
        return self.answer


async def _opened(answer: Given, *, name: str = "plain") -> UpstreamResponse:
    told = asked(Dialect.OPENAI_CHAT, Dialect.ANTHROPIC, name)
    return await Interpreter(Giving(answer)).open(HERE, UpstreamRequest("POST", "/v1/messages", asked=told))


async def test_an_answer_of_the_clients_dialect_is_left_alone() -> None:
    """Without a translation the very answer comes back."""
    given = Given(200, b"application/json", b"{}")
    assert await Interpreter(Giving(given)).open(HERE, UpstreamRequest("POST", "/v1/messages")) is given


async def test_a_whole_answer_is_translated() -> None:
    """Status and fields stay; the body is what the client's dialect says; closing closes the provider's."""
    given = Given(200, b"application/json", json.dumps(MESSAGE).encode())
    async with await _opened(given) as answer:
        assert (answer.status, answer.comes_whole) == (200, True)
        assert (b"request-id", b"r1") in answer.fields
        assert json.loads(await answer.read(1 << 20))["choices"][0]["message"]["content"] == "hi"
    assert given.is_closed


async def test_an_error_under_status_200_reads_as_one() -> None:
    """It is no answer, and says in the client's words what it is."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    async with await _opened(Given(200, b"application/json", json.dumps(error).encode())) as answer:
        assert json.loads(await answer.read(1 << 20))["error"]["code"] == "overloaded"


@pytest.mark.parametrize("body", [b'{"type": "message"}', b"[]", b"nothing"])
async def test_what_is_no_answer_is_an_error_of_the_provider(body: bytes) -> None:
    """Somebody else may be asked then."""
    async with await _opened(Given(200, b"application/json", body)) as answer:
        with pytest.raises(UpstreamError) as failed:
            await answer.read(1 << 20)
    assert failed.value.fault is UpstreamFault.MALFORMED


async def test_a_refusal_is_read_and_let_go_of() -> None:
    """An error is here as a whole, whatever it was: a proxy's page becomes an error of the client's dialect."""
    given = Given(529, b"text/html", b"<html>busy</html>")
    answer = await _opened(given)
    assert given.is_closed
    assert (answer.status, answer.comes_whole) == (503, True)
    assert (b"content-type", b"application/json") in answer.fields
    assert json.loads(await answer.read(10))["error"]["code"] == "overloaded"
    assert [json.loads(piece)["error"]["code"] async for piece in answer.chunks()] == ["overloaded"]
    async with answer:
        answer.close()


async def test_a_stream_is_read_as_it_comes_or_whole() -> None:
    """What cannot be read ends in an error of the dialect, whoever asks for all of it at once."""
    given = Given(200, b"text/event-stream; charset=utf-8", b"data: {}\n\ndata: [\n\n", comes_whole=False)
    async with await _opened(given) as answer:
        pieces = [piece async for piece in answer.chunks()]
        assert b"".join(pieces) == await answer.read(1 << 20)
        assert b'"error"' in pieces[-1]
        assert answer.raw_fields == []


async def test_a_whole_answer_to_a_streamed_request_comes_in_one_piece() -> None:
    """Providers that do not stream are understood all the same."""
    async with await _opened(Given(200, b"application/json", json.dumps(MESSAGE).encode())) as answer:
        assert len([piece async for piece in answer.chunks()]) == 1


@pytest.mark.parametrize(
    ("own", "base_url", "dialect", "expected"),
    [
        (Dialect.OPENAI_CHAT, "https://vllm.example.com/v1", Dialect.OPENAI_RESPONSES, False),
        (Dialect.OPENAI_CHAT, "https://api.openai.com/v1", Dialect.OPENAI_RESPONSES, True),
        (Dialect.OPENAI_CHAT, "https://mine.openai.azure.com/openai/v1", Dialect.OPENAI_RESPONSES, True),
        (Dialect.OPENAI_CHAT, "https://api.openai.com.evil.example/v1", Dialect.OPENAI_RESPONSES, False),
        (Dialect.OPENAI_RESPONSES, "https://openrouter.ai/api/v1", Dialect.OPENAI_CHAT, True),
        (Dialect.OPENAI_RESPONSES, "https://api.openai.com/v1", Dialect.ANTHROPIC, False),
        (Dialect.GEMINI, "https://generativelanguage.googleapis.com", Dialect.GEMINI, True),
    ],
)
def test_who_is_spoken_to_without_translation(
    own: Dialect, base_url: str, dialect: Dialect, *, expected: bool
) -> None:
    """Compatible servers get the dialect that they were configured with; OpenAI proper gets both of its own."""
    provider = Provider("p", own, Endpoint("p", base_url), lambda: Secret("k"))
    assert speaks(provider, dialect) is expected
