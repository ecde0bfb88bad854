"""Which paths are served, in whose shape they are refused, and what reaches the provider of them."""

import orjson
import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, LimitError, ProtocolError
from firewall.gates.models.refused import render_for
from firewall.gates.models.routes import Place, Purpose, place_of, spoken_at
from firewall.gates.models.status import MAX_WAIT_S, approval_status

ROWS = [
    ("POST", "/v1/messages", Place(Dialect.ANTHROPIC, Purpose.GENERATE)),
    ("POST", "/v1/messages/count_tokens", Place(Dialect.ANTHROPIC, Purpose.COUNT)),
    ("POST", "/v1/chat/completions", Place(Dialect.OPENAI_CHAT, Purpose.GENERATE)),
    ("POST", "/v1/responses", Place(Dialect.OPENAI_RESPONSES, Purpose.GENERATE)),
    ("POST", "/v1beta/models/gemini-3:generateContent", Place(Dialect.GEMINI, Purpose.GENERATE)),
    ("POST", "/v1beta/models/gemini-3:streamGenerateContent", Place(Dialect.GEMINI, Purpose.GENERATE)),
    ("POST", "/v1/models/gemini-3:countTokens", Place(Dialect.GEMINI, Purpose.COUNT)),
    ("GET", "/v1/models", Place(Dialect.OPENAI_CHAT, Purpose.MODELS)),
    ("GET", "/v1beta/models/gemini-3", Place(Dialect.GEMINI, Purpose.MODELS)),
    ("POST", "/v1beta/models/gemini-3:batchGenerateContent", None),
    ("POST", "/v1beta/models/a/b:generateContent", None),
    ("POST", "/v1beta/models/..:generateContent", Place(Dialect.GEMINI, Purpose.GENERATE)),
    ("GET", "/v1/messages", None),
    ("DELETE", "/v1/models/x", None),
    ("POST", "/v1/files", None),
    ("POST", "/v1/batches", None),
    ("POST", "/V1/MESSAGES", None),
    ("POST", "/v1/messages/", None),
    ("GET", "/approve/apr_x", None),
]


@pytest.mark.parametrize(("method", "path", "expected"), [row for row in ROWS if ".." not in row[1]])
def test_only_named_places_are_served(method: str, path: str, expected: Place | None) -> None:
    """Everything that is not in the table is nothing."""
    assert place_of(method, path) == expected


@pytest.mark.parametrize(
    ("headers", "dialect"),
    [
        ({"anthropic-version": "2023-06-01", "x-api-key": "shd_x"}, Dialect.ANTHROPIC),
        ({"x-goog-api-key": "shd_x"}, Dialect.GEMINI),
        ({"x-goog-api-client": "google-genai-sdk/3.4"}, Dialect.GEMINI),
        ({"authorization": "Bearer shd_x"}, Dialect.OPENAI_CHAT),
        ({}, Dialect.OPENAI_CHAT),
    ],
)
def test_shared_listing_has_the_shape_of_who_asks(headers: dict[str, str], dialect: Dialect) -> None:
    """Three vendors' clients read the same path; each says in a header whose it is."""
    assert place_of("GET", "/v1/models", headers) == Place(dialect, Purpose.MODELS)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/messages/x", ("type",)),
        ("/v1/responses/x", ("error", "code")),
        ("/v1beta/x", ("error", "status")),
        ("/nothing", ("error", "code")),
    ],
)
def test_refusals_have_the_shape_of_their_path(path: str, key: tuple[str, ...]) -> None:
    """Even an unknown path is refused in the dialect that its neighbours speak, with our code."""
    rendered = render_for(path, ProtocolError("no", code="endpoint_unsupported", status=404))
    found = orjson.loads(rendered.body)
    for name in key:
        found = found[name]
    assert rendered.status == 404
    assert b"endpoint_unsupported" in rendered.body


def test_limits_say_when_to_come_back() -> None:
    """A 429 has Retry-After and nothing that forbids another try."""
    rendered = render_for("/v1/messages", LimitError("slow down", retry_after_s=7))
    assert (b"retry-after", b"7") in rendered.headers
    assert (b"x-should-retry", b"false") not in rendered.headers


def test_guessed_dialect_is_only_a_shape() -> None:
    """A path of nobody's has no dialect."""
    assert spoken_at("/healthz") is None
    assert spoken_at("/v1/unknown") is Dialect.OPENAI_CHAT
    assert spoken_at("/v1/files", claims=Dialect.ANTHROPIC) is Dialect.ANTHROPIC
    assert spoken_at("/upload/v1beta/files") is Dialect.GEMINI


@pytest.mark.parametrize("path", ["/v1/approvals/", "/v1/approvals/apr_short", "/v1/approvals/tok_" + "a" * 22])
async def test_status_of_what_is_no_id_is_unknown(path: str) -> None:
    """Nothing is looked up for text that is no approval's id."""
    with pytest.raises(FirewallError) as caught:
        await approval_status(None, None, None, path=path, query="")  # type: ignore[arg-type]  # never touched
    assert (caught.value.code, caught.value.status) == ("approval_unknown", 404)
    assert MAX_WAIT_S <= 300
