"""Clients of every dialect behind providers of every dialect, over real sockets: answers, streams, errors."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Released
from firewall.codecs.neutral.marks import MARK
from firewall.core.call import ToolCall
from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Scene, Script, Shell, Turn
from firewall.demo.serving import served
from firewall.routing.call import Caller, Candidate, ModelCall, Plan, Routed
from firewall.routing.port import Endpoint
from firewall.routing.providers import OwnLogin, Provider, Providers
from firewall.routing.router import Router
from firewall.routing.upstream import HttpUpstream
from tests.support.conversing import Talk, opened

KEY = "sk-provider-canary-5d8e1f4a"
LIMIT = 1 << 20
MODELS = {
    Dialect.ANTHROPIC: "claude-sonnet-5",
    Dialect.OPENAI_CHAT: "gpt-5.5",
    Dialect.OPENAI_RESPONSES: "gpt-5.5",
    Dialect.GEMINI: "gemini-3.1-pro-preview",
}
TWO_CALLS = Turn(text="Two things: ü.", thinking="Both are safe.", calls=(Shell("echo ü 'x'"), Shell("pwd")))
SCRIPT = Script(
    scenes=(
        Scene(
            when="busy", turns=(Turn(fault=Fault(FaultKind.ERROR, status=429, message="slow", retry_after_s=7)),)
        ),
        Scene(
            when="breaks",
            turns=(Turn(text="words", calls=(Shell("rm -r x"),), fault=Fault(FaultKind.CUT, at=FaultPlace.CALL)),),
        ),
        Scene(
            when="fails", turns=(Turn(text="words", fault=Fault(FaultKind.ERROR, at=FaultPlace.TEXT, status=500)),)
        ),
        Scene(turns=(TWO_CALLS, Turn(text="Fin"))),
    )
)
GRANT = Grant("staging", "olga", "a", datetime(2026, 11, 21, tzinfo=UTC))
each_pair = pytest.mark.parametrize(
    ("client", "spoken"),
    [(client, spoken) for client in Dialect for spoken in Dialect],
    ids=lambda one: one.value,
)
each_foreign_pair = pytest.mark.parametrize(
    ("client", "spoken"),
    [
        (client, spoken)
        for client in Dialect
        for spoken in Dialect
        if client is not spoken and (client, spoken) != (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
    ],
    ids=lambda one: one.value,
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(app(SCRIPT, key=KEY, records=True)) as found:
        yield found


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    carrier = HttpUpstream()
    yield carrier
    await carrier.close()


def _candidate(address: str, dialect: Dialect, *, has_key: bool = True) -> Candidate:
    openai = dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
    endpoint = Endpoint("there", f"{address}/v1" if openai else address, private=True)
    provider = Provider("there", dialect, endpoint, (lambda: Secret(KEY)) if has_key else None)
    return Candidate(provider, MODELS[dialect])


def _call(talk: Talk, *, stream: bool) -> ModelCall:
    value = talk.body(stream=stream)
    path = talk.path(stream=stream)
    body = json.dumps(value).encode()
    query = "alt=sse" if stream and talk.dialect is Dialect.GEMINI else ""
    request = CODECS[talk.dialect].read_request(body, value, {}, f"{path}?{query}" if query else path)
    caller = Caller("olga/a", ("tok_1",), GRANT)
    fields = ((b"anthropic-version", b"2023-06-01"), (b"openai-beta", b"x"), (b"user-agent", b"agent/1"))
    login = OwnLogin("authorization", Secret("sk-own"), "Bearer ")
    return ModelCall(talk.dialect, request, value, path, query, fields, {}, login, caller)


async def _ask(upstream: HttpUpstream, talk: Talk, candidate: Candidate, *, stream: bool) -> Routed:
    router = Router(providers=Providers([candidate.provider]), upstream=upstream)
    return await router.open(_call(talk, stream=stream), Plan("r", (candidate,)))


async def _whole(answer: Routed, client: Dialect, *, stream: bool) -> tuple[bytes, list[ToolCall]]:
    """Return the answer as the client's codec folds it, and the calls that it found."""
    codec = CODECS[client]
    if not stream:
        body = await answer.read(LIMIT)
        return body, [one.call for one in codec.read_answer(body).calls]
    reading, out, calls = codec.stream(), b"", []
    async for chunk in answer.chunks():
        step = reading.feed(chunk)
        out += step.forward
        for one in step.calls:
            calls.append(one.call)
            out += reading.rule(one.slot, Released()).forward
    return codec.answer_of(out + reading.close().forward), calls


@each_pair
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_conversation_goes_on_behind_any_provider(
    client: Dialect, spoken: Dialect, address: str, upstream: HttpUpstream, *, stream: bool
) -> None:
    """Text, thoughts and both calls come; the strict provider takes the history that the client sends back."""
    talk, candidate = opened(client, "go"), _candidate(address, spoken)
    async with await _ask(upstream, talk, candidate, stream=stream) as first:
        assert first.status == 200
        body, calls = await _whole(first, client, stream=stream)
    assert [json.loads(call.arguments)["command"] for call in calls] == ["echo ü 'x'", "pwd"]
    assert [call.name for call in calls] == ["bash", "bash"]
    assert CODECS[client].read_answer(body).usage.output_tokens > 0
    assert "Two things: ü." in json.loads(body.decode()).__str__()
    talk = talk.after(body)
    async with await _ask(upstream, talk, candidate, stream=stream) as second:
        body, calls = await _whole(second, client, stream=stream)
    assert (second.status, calls) == (200, [])
    assert "Fin" in body.decode()


@each_foreign_pair
async def test_thinking_never_crosses_to_another_provider(
    client: Dialect, spoken: Dialect, address: str, upstream: HttpUpstream
) -> None:
    """A session that was answered elsewhere goes on at its own provider, which gets nothing of the other's."""
    talk = opened(client, "go")
    async with await _ask(upstream, talk, _candidate(address, spoken), stream=False) as first:
        body, _ = await _whole(first, client, stream=False)
    own = _candidate(address, client)
    home = Candidate(Provider("home", client, own.provider.endpoint, own.provider.key), own.model)
    async with await _ask(upstream, talk.after(body), home, stream=False) as second:
        answer, _ = await _whole(second, client, stream=False)
    assert second.status == 200
    assert "Fin" in answer.decode()
    assert MARK not in answer.decode()


@each_foreign_pair
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_an_error_is_told_in_the_clients_words(
    client: Dialect, spoken: Dialect, address: str, upstream: HttpUpstream, *, stream: bool
) -> None:
    """Status, when to come again and a stable code arrive, in the shape that the client reads."""
    async with await _ask(upstream, opened(client, "busy"), _candidate(address, spoken), stream=stream) as answer:
        body = await answer.read(LIMIT)
    assert answer.status == 429
    assert (b"retry-after", b"7") in answer.fields
    assert (b"content-type", b"application/json") in answer.fields
    assert b"rate_limited" in body
    shape = json.loads(body)
    assert shape["error"]["message"] == "slow"
    assert (shape.get("type") == "error") is (client is Dialect.ANTHROPIC)


@each_foreign_pair
@pytest.mark.parametrize("words", ["breaks", "fails"])
async def test_a_stream_that_breaks_ends_in_an_error(
    client: Dialect, spoken: Dialect, words: str, address: str, upstream: HttpUpstream
) -> None:
    """What was said before arrives; no call of it does, and it never ends as if it were complete."""
    reading, out, calls = CODECS[client].stream(), b"", []
    async with await _ask(upstream, opened(client, words), _candidate(address, spoken), stream=True) as answer:
        with suppress(UpstreamError):  # the carrier's own, which the gate turns into the terminal error
            async for chunk in answer.chunks():
                step = reading.feed(chunk)
                out += step.forward
                calls += step.calls
    out += reading.close().forward
    assert b"wor" in out or words == "fails"  # where it fails before the first of them
    assert calls == []
    assert b"error" in out


async def test_what_cannot_be_carried_is_refused_by_name(address: str, upstream: HttpUpstream) -> None:
    """A freeform tool of Codex goes to no provider that knows none; nothing was sent."""
    talk = opened(Dialect.OPENAI_RESPONSES, "go")
    call = _call(talk, stream=True)
    value = {**call.value, "tools": [{"type": "custom", "name": "apply_patch"}]}
    call = ModelCall(call.dialect, call.request, value, call.path, call.query, call.fields, {}, None, call.caller)
    candidate = _candidate(address, Dialect.ANTHROPIC)
    router = Router(providers=Providers([candidate.provider]), upstream=upstream)
    with pytest.raises(UpstreamError, match="apply_patch") as refused:
        await router.open(call, Plan("r", (candidate,)))
    assert (refused.value.code, refused.value.status) == ("untranslatable", 400)


async def test_what_was_left_out_is_listed(address: str, upstream: HttpUpstream) -> None:
    """Advisory fields that the other dialect lacks are named in what the client is told."""
    talk = opened(Dialect.OPENAI_CHAT, "go")
    call = _call(talk, stream=False)
    value = {**call.value, "user": "u", "seed": 7}
    call = ModelCall(call.dialect, call.request, value, call.path, call.query, call.fields, {}, None, call.caller)
    candidate = _candidate(address, Dialect.ANTHROPIC)
    router = Router(providers=Providers([candidate.provider]), upstream=upstream)
    async with await router.open(call, Plan("r", (candidate,))) as answer:
        assert set(answer.heard.dropped) >= {"user", "seed"}


async def test_an_own_login_goes_to_no_provider_of_another_dialect(address: str, upstream: HttpUpstream) -> None:
    """A provider that takes the agent's own login is asked by agents of its dialect alone."""
    candidate = _candidate(address, Dialect.ANTHROPIC, has_key=False)
    with pytest.raises(UpstreamError, match="own login"):
        await _ask(upstream, opened(Dialect.OPENAI_CHAT, "go"), candidate, stream=False)
