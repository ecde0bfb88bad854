"""A call in the words of a candidate: its path, its model's name, and nothing that authenticates somebody else."""

from datetime import UTC, datetime

import pytest

from firewall.codecs.interface import ModelRequest
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.routing.call import Caller, Candidate, ModelCall
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
