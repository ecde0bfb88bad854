"""A call in the words of a candidate: its path, its model's name, and nothing that authenticates somebody else."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from firewall.codecs.interface import ModelRequest
from firewall.codecs.neutral.marks import marked
from firewall.codecs.openai_responses import read_request
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.gates.models.naming import told
from firewall.routing.call import Caller, Candidate, Heard, ModelCall
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider
from firewall.routing.speaking import own_login, safe_query, spoken, upstream_path

GRANT = Grant("staging", "olga", "a", datetime(2026, 11, 21, tzinfo=UTC))
CALLER = Caller("olga/a", ("tok_1", "tok_0"), GRANT)


def call_of(dialect: Dialect, body: bytes, path: str, *, model: str = "claude-x") -> ModelCall:
    """Return a call as the gate reads it."""
    request = ModelRequest(model=model, stream=True, body=body, identity={})
    return ModelCall(dialect, request, {}, path, "key=x&alt=sse", (), {}, None, CALLER)


def candidate_of(dialect: Dialect, model: str) -> Candidate:
    """Return a candidate with a key of ours."""
    endpoint = Endpoint("main", "https://api.example.com")
    return Candidate(Provider("main", dialect, endpoint, lambda: Secret("sk-1")), model)


@pytest.mark.parametrize("body", [b'{"model": "claude-x", "n":1}', b' {"a": {"model": 1},"model":"claude-x"}'])
def test_the_same_model_gets_the_same_bytes(body: bytes) -> None:
    """Where nothing must change, what the client wrote is what leaves, to the byte."""
    call = call_of(Dialect.ANTHROPIC, body, "/v1/messages")
    request = spoken(call, candidate_of(Dialect.ANTHROPIC, "claude-x"))
    assert request.body is body
    assert (request.path, request.query, request.streamed) == ("/v1/messages", "alt=sse", True)
    assert request.credential is not None
    assert request.credential.secret.reveal() == "sk-1"


def test_another_model_changes_its_name_alone() -> None:
    """The name at the top is replaced where it stands; a member of the same name further in stays."""
    body = b'{ "messages": [{"model": "claude-x"}],  "model" : "claude-x" , "q": 1}'
    request = spoken(
        call_of(Dialect.OPENAI_CHAT, body, "/v1/chat/completions"), candidate_of(Dialect.OPENAI_CHAT, 'm"2')
    )
    assert request.body == body[: body.rindex(b'"claude-x"')] + b'"m\\"2" , "q": 1}'
    assert request.path == "/chat/completions"


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b'{"model":"claude-x","n":1}', b'{"model":"m","n":1}'),
        (b'{"model": "claude-x"}', b'{"model": "m"}'),
        (b'{"model":"claude\\u002dx","q":"claude-x"}', b'{"model":"m","q":"claude-x"}'),
        (b'{"model" :"claude-x","q":{"model":"claude-x"}}', b'{"model" :"m","q":{"model":"claude-x"}}'),
        (b'{"q":{"model":"claude-x"},"model":"claude-x"}', b'{"q":{"model":"claude-x"},"model":"m"}'),
    ],
)
def test_a_model_is_renamed_wherever_and_however_it_is_named(body: bytes, sent: bytes) -> None:
    """First or last, with white space or escapes: the one at the top is replaced, and nothing else."""
    call = call_of(Dialect.ANTHROPIC, body, "/v1/messages")
    assert spoken(call, candidate_of(Dialect.ANTHROPIC, "m")).body == sent


def test_in_gemini_the_model_stands_in_the_path() -> None:
    """The body has no model there and stays; the verb does too."""
    call = call_of(Dialect.GEMINI, b"{}", "/v1beta/models/gemini-a:streamGenerateContent", model="gemini-a")
    request = spoken(call, candidate_of(Dialect.GEMINI, "gemini-b"))
    assert (request.path, request.body) == ("/v1beta/models/gemini-b:streamGenerateContent", b"{}")


def test_what_goes_upstream_carries_no_credential() -> None:
    """Query options are a known list: keys, tokens and provider choices of the client stay behind."""
    assert safe_query("beta=true&key=shd_x&alt=sse&api_base=evil&access_token=y") == "beta=true&alt=sse"
    assert safe_query("") == ""
    assert upstream_path(Dialect.OPENAI_RESPONSES, "/v1/responses") == "/responses"
    assert upstream_path(Dialect.ANTHROPIC, "/v1/messages") == "/v1/messages"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": "Bearer sk-own"}, ("authorization", "sk-own", "Bearer ")),
        ({"authorization": "Bearer sk-own", "x-api-key": "shd_x"}, ("authorization", "sk-own", "Bearer ")),
        ({"x-api-key": "sk-own"}, ("x-api-key", "sk-own", "")),
        ({"authorization": "Bearer  shd_staging_agent_x"}, None),
        ({"authorization": "Bearer Bearer shd_x"}, None),
        ({"x-api-key": " shd_x"}, None),
        ({"x-goog-api-key": "SHD_x"}, None),
        ({"authorization": "shd_x"}, None),
        ({}, None),
    ],
)
def test_nothing_with_a_token_of_ours_is_an_own_login(
    headers: dict[str, str], expected: tuple[str, str, str] | None
) -> None:
    """However it is spaced, spelled or wrapped, ours stays here."""
    found = own_login(headers)
    assert (found and (found.header, found.secret.reveal(), found.prefix)) == expected


def responses_call(value: dict[str, object]) -> ModelCall:
    """Return a call of a Responses client as the gate reads it."""
    request = read_request(json.dumps(value).encode(), value, {}, "/v1/responses")
    fields = ((b"openai-beta", b"x"), (b"user-agent", b"codex/1"), (b"x-codex-window-id", b"w"))
    return ModelCall(
        Dialect.OPENAI_RESPONSES, request, value, "/v1/responses", "beta=true", fields, {}, None, CALLER
    )


@pytest.mark.parametrize(
    ("header", "said", "listed"),
    [
        ("anthropic-beta", "context-1m-2025-08-07, fine-grained-tool-streaming-2025-05-14", 2),
        ("openai-beta", "responses=experimental", 1),
        ("anthropic-beta", " , ,", 0),
        ("anthropic-beta", "x\ny, a b, " + "n" * 65, 3),
        ("anthropic-beta", ",".join("abc" for _ in range(100)), 32),
    ],
)
def test_features_of_a_vendor_that_do_not_cross_are_listed(header: str, said: str, listed: int) -> None:
    """Each by its name, as far as that is one; the header itself stays behind. At home it goes along, unlisted."""
    call = replace(responses_call({"model": "coder", "input": "hi"}), headers={header: said})
    dropped = spoken(call, candidate_of(Dialect.ANTHROPIC, "claude-sonnet-5")).dropped
    assert len(dropped) == listed
    assert all(one == header or one.startswith(f"{header}:") for one in dropped)
    assert all(one.isprintable() and len(one) < 100 for one in dropped)
    assert spoken(call, candidate_of(Dialect.OPENAI_RESPONSES, "coder")).dropped == ()


def test_another_dialect_gets_its_own_words() -> None:
    """Path, fields and body are the provider's; what says something in the client's dialect stays behind."""
    call = responses_call({"model": "coder", "input": "hi", "stream": True, "user": "u"})
    request = spoken(call, candidate_of(Dialect.ANTHROPIC, "claude-sonnet-5"))
    assert (request.path, request.query, request.streamed) == ("/v1/messages", "", True)
    assert dict(request.fields) == {
        b"user-agent": b"codex/1",
        b"accept": b"text/event-stream",
        b"content-type": b"application/json",
        b"anthropic-version": b"2023-06-01",
    }
    sent = json.loads(request.body)
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == ("claude-sonnet-5", 32_000, True)
    assert request.asked is not None
    assert request.credential is not None
    assert request.credential.header == "x-api-key"
    assert request.dropped == ("user",)
    heard = Heard(candidate_of(Dialect.ANTHROPIC, "m"), "r", dropped=request.dropped)
    assert (b"x-stayhand-dropped", b"user") in told(heard, attempts=1)


def test_what_is_known_of_a_model_bounds_its_answer() -> None:
    """A dialect that must be told a bound is told that of models.toml."""
    candidate = replace(candidate_of(Dialect.ANTHROPIC, "claude-sonnet-5"), max_output_tokens=64_000)
    request = spoken(responses_call({"model": "coder", "input": "hi"}), candidate)
    assert json.loads(request.body)["max_tokens"] == 64_000


def test_a_session_that_comes_home_keeps_nothing_of_others_and_is_not_stored() -> None:
    """Marked reasoning is taken out of what leaves, and what the gate changed in it stays changed."""
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": marked("there", "seal")}
    call = responses_call({"model": "m", "input": [reasoning, {"role": "user", "content": "hi"}]})
    sent = json.loads(spoken(call, candidate_of(Dialect.OPENAI_RESPONSES, "m")).body)
    assert sent == {"store": False, "model": "m", "input": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("size", "is_on", "is_marked"), [(5_000, True, True), (500, True, False), (5_000, False, False)]
)
def test_long_conversations_abroad_are_marked_for_the_cache(size: int, *, is_on: bool, is_marked: bool) -> None:
    """By default, unless the provider is told not to; what no model would cache is left as it is."""
    tools = [{"type": "function", "name": "run", "parameters": {"type": "object"}}]
    call = responses_call({"model": "coder", "input": "x" * size, "tools": tools})
    candidate = candidate_of(Dialect.ANTHROPIC, "claude-sonnet-5")
    candidate = replace(candidate, provider=replace(candidate.provider, marks_cache=is_on))
    assert (b"cache_control" in spoken(call, candidate).body) is is_marked
