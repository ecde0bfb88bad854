"""The models gate's pure parts: clients, routes, refusals, own headers, guessers and what goes upstream."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import AuthError, FirewallError, LimitError
from firewall.core.grant import Grant
from firewall.core.reason import Reason
from firewall.core.token import TokenKind
from firewall.core.verdict import Deny
from firewall.gates.edge.doorkeeper import MAX_SESSION, Doorkeeper, requester_of, token_of
from firewall.gates.models.admit import check_model
from firewall.gates.models.clients import CLIENTS, client_of, hold_seconds
from firewall.gates.models.errors import error_answer
from firewall.gates.models.held import permits_the_same
from firewall.gates.models.routes import Purpose, place_of, spoken_at
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Stop
from firewall.tokens.service import Bearer
from tests.support.approving import MemoryLog, StillClock

NOW = datetime(2026, 11, 21, tzinfo=UTC)
GRANT = Grant("staging", "olga", "coding-agent", NOW + timedelta(hours=8))


class Strangers:
    """Tokens of which only one is good."""

    def check(self, text: str) -> Bearer:
        """As the service does."""
        if text == "good":
            return Bearer("tok_1", TokenKind.AGENT, 1, grant=GRANT)
        raise AuthError


def doorkeeper(log: MemoryLog, clock: StillClock) -> Doorkeeper:
    """Build a doorkeeper over a log in memory."""
    return Doorkeeper(tokens=Strangers(), sequencer=log, clock=clock)  # type: ignore[arg-type]  # stands in


async def test_guesser_is_slowed_down_and_counted_and_nobody_else_is() -> None:
    """Ten tries a minute, then 429 until the minute is over; one entry each, and a good token always passes."""
    log, clock = MemoryLog(), StillClock()
    door = doorkeeper(log, clock)
    answers: list[type[FirewallError]] = []
    for _ in range(12):
        with pytest.raises(FirewallError) as refused:
            await door.bearer({"x-api-key": "shd_bad"}, "10.0.0.1")
        answers.append(refused.type)
        if isinstance(refused.value, LimitError):
            assert 1 <= refused.value.retry_after_s <= 61
    assert answers == [AuthError] * 10 + [LimitError] * 2
    assert log.kinds == ["token.refused"]
    with pytest.raises(AuthError):
        await door.bearer({"x-api-key": "shd_bad"}, "10.0.0.2")
    assert (await door.bearer({"x-stayhand-token": "good"}, "10.0.0.1")).token_id == "tok_1"
    clock.forward(61)
    with pytest.raises(AuthError):
        await door.bearer({}, "10.0.0.1")
    assert [record.data["count"] for record in log.records] == [1, 1, 12, 1]


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({"authorization": "Bearer shd_a"}, "shd_a"),
        ({"authorization": "bearer shd_a"}, "shd_a"),
        ({"authorization": "Basic shd_a"}, ""),
        ({"x-api-key": "shd_a"}, "shd_a"),
        ({"x-goog-api-key": "shd_a"}, "shd_a"),
        ({"x-api-key": "sk-own-login", "x-stayhand-token": "shd_a"}, "shd_a"),
        ({"authorization": "Bearer sk-own", "x-stayhand-token": "shd_a"}, "shd_a"),
        ({"x-api-key": "sk-own-login", "authorization": "Bearer shd_a"}, "shd_a"),
    ],
)
def test_token_is_found_in_any_of_its_headers(headers: dict[str, str], token: str) -> None:
    """Ours is taken from wherever the SDK puts it; another login beside it is not taken for ours."""
    assert token_of(headers) == token


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("claude-cli/2.1.329 (external, cli)", "claude-code"),
        ("codex_cli_rs/0.9", "codex"),
        ("GeminiCLI/0.9", "gemini-cli"),
        ("opencode/1.0", "opencode"),
        ("curl/8", "other"),
        ("", "other"),
    ],
)
def test_client_is_recognised(agent: str, name: str) -> None:
    """A user agent chooses patience and final status, nothing else."""
    client = client_of({"user-agent": agent})
    assert client.name == name
    assert hold_seconds(client, hold_s=10_000, is_streamed=False) < client.silent_s
    assert hold_seconds(client, hold_s=120, is_streamed=True) == 120


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("client", list(CLIENTS.values()), ids=list(CLIENTS))
def test_errors_take_the_dialects_shape(dialect: Dialect, client: object) -> None:
    """Every error is an object with the code, never retried unless waiting helps."""
    refused = FirewallError("no", code="canary_code", status=403)
    status, headers, body = error_answer(refused, dialect, client)  # type: ignore[arg-type]  # of the table
    assert status in (400, 403)
    assert (b"x-should-retry", b"false") in headers
    assert "canary_code" in orjson.dumps(orjson.loads(body)).decode()
    limited = error_answer(LimitError("slowly", retry_after_s=7), dialect, client)  # type: ignore[arg-type]  # of the table
    assert limited[0] == 429
    assert (b"retry-after", b"7") in limited[1]
    assert not any(name == b"x-should-retry" for name, _ in limited[1])


@pytest.mark.parametrize("reason", list(Reason))
def test_refusals_say_why_and_no_argument(reason: Reason) -> None:
    """Each reason has words; control characters of a tool's name are made harmless."""
    text = refusal_text("ba`sh\n\x1b[31m", Stop(1, Deny(reason, detail=""), "apr_x"))
    assert text.startswith("[stayhand] The call of `ba?sh??[31m` was not run: ")
    of_people = (Reason.HOLD_ENDED, Reason.APPROVAL_DENIED, Reason.APPROVAL_EDITED, Reason.APPROVAL_EXPIRED)
    if reason in of_people:
        assert "apr_x" in text
    else:
        assert reason.value in text


@pytest.mark.parametrize(
    ("method", "path", "dialect", "purpose"),
    [
        ("POST", "/v1/messages", Dialect.ANTHROPIC, Purpose.GENERATE),
        ("POST", "/v1/messages/count_tokens", Dialect.ANTHROPIC, Purpose.COUNT),
        ("POST", "/v1/chat/completions", Dialect.OPENAI_CHAT, Purpose.GENERATE),
        ("POST", "/v1/responses", Dialect.OPENAI_RESPONSES, Purpose.GENERATE),
        ("POST", "/v1beta/models/g-1:generateContent", Dialect.GEMINI, Purpose.GENERATE),
        ("POST", "/v1/models/g-1:streamGenerateContent", Dialect.GEMINI, Purpose.GENERATE),
        ("GET", "/v1/models", Dialect.OPENAI_CHAT, Purpose.MODELS),
        ("GET", "/v1beta/models", Dialect.GEMINI, Purpose.MODELS),
        ("GET", "/v1/models/anthropic/claude-sonnet-5", Dialect.OPENAI_CHAT, Purpose.MODELS),
        ("POST", "/v1/embeddings", Dialect.OPENAI_CHAT, Purpose.EMBED),
        ("POST", "/v1beta/models/g-1:embedContent", Dialect.GEMINI, Purpose.EMBED),
        ("POST", "/v1beta/models/g-1:batchEmbedContents", Dialect.GEMINI, Purpose.EMBED),
        ("POST", "/v1/images/generations", Dialect.OPENAI_CHAT, Purpose.IMAGE),
        ("POST", "/v1/images/edits", Dialect.OPENAI_CHAT, Purpose.IMAGE),
    ],
)
def test_routes_that_are_served(method: str, path: str, dialect: Dialect, purpose: Purpose) -> None:
    """Each route of DESIGN 6.4 leads to its dialect."""
    place = place_of(method, path)
    assert place is not None
    assert (place.dialect, place.purpose) == (dialect, purpose)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"), ("POST", "/v1/messages/"), ("POST", "/V1/messages"), ("POST", "/v1/files"),
        ("GET", "/v1/embeddings"), ("POST", "/v1/images/variations"), ("POST", "/v1/messages/batches"),
        ("POST", "/v1/audio/speech"), ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1/completions"), ("POST", "/v1beta/models/g:asyncBatchEmbedContent"),
        ("GET", "/v1/models/a/b/c/d"), ("POST", "/upload/v1beta/files"), ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1beta/models/g:batchEmbed"), ("POST", "/v1beta/models/a/b:generateContent"),
        ("DELETE", "/v1/models/x"), ("POST", "/v1beta/models/:generateContent"), ("GET", "/api/approvals"),
        ("GET", "/"), ("POST", "/v1/realtime"),
    ],
)  # fmt: skip
def test_everything_else_is_not_served(method: str, path: str) -> None:
    """No other path, method, case or suffix reaches a provider."""
    assert place_of(method, path, {"anthropic-version": "2023-06-01"}) is None
    assert spoken_at(path) in (*Dialect, None)


def test_only_an_equal_grant_joins() -> None:
    """Time, session and descent apart, any difference keeps a token out of another's hold."""
    assert permits_the_same(GRANT, replace(GRANT, expires_at=NOW, parent="tok_0", depth=1, session="x"))
    for change in (
        {"environment": "production"},
        {"verbs": frozenset()},
        {"workspace": "/w"},
        {"tools": ("Read",)},
    ):
        assert not permits_the_same(GRANT, replace(GRANT, **change))  # type: ignore[arg-type]  # named fields


def test_requester_needs_a_grant_and_its_models() -> None:
    """A bearer without a grant asks for nothing; a model outside the grant is not found."""
    with pytest.raises(AuthError):
        requester_of(Bearer("tok_1", TokenKind.ADMIN, 1), gate="models", client="other")
    grant = Grant("staging", "olga", "a", NOW, models=("claude-*",), session="fixed")
    requester = requester_of(
        Bearer("tok_1", TokenKind.AGENT, 1, grant=grant), gate="models", client="other", session="claimed"
    )
    assert requester.session == "fixed"
    check_model(requester, "claude-x")
    for model in ("gpt", "", "xclaude-", "Claude-x"):
        with pytest.raises(FirewallError) as refused:
            check_model(requester, model)
        assert refused.value.status == 404


def test_a_session_is_kept_in_bounded_room_and_stays_one() -> None:
    """However long the name that a client makes up: what is kept of it is short, and another for another."""

    def kept(claimed: str, fixed: str | None = None) -> str:
        grant = Grant("staging", "olga", "a", NOW, session=fixed or "")
        bearer = Bearer("tok_1", TokenKind.AGENT, 1, grant=grant)
        return requester_of(bearer, gate="models", client="other", session=claimed).session

    assert kept("x" * MAX_SESSION) == "x" * MAX_SESSION
    long = "x" * 60_000
    assert kept(long) == f"sha256:{hashlib.sha256(long.encode()).hexdigest()}"
    assert kept(long) == kept("", long)
    assert kept(long) != kept(long + "y")
    assert len(kept("\ud800" * 1000)) <= MAX_SESSION
