"""The ways in which a provider fails on purpose, and the words with which the four dialects say so. Data.

Error bodies are those of the vendors' documentation and of issues quoted in shared/reference/GATEWAYS.md.
"""

from collections.abc import Mapping
from enum import StrEnum

import orjson

from firewall.core.dialect import Dialect


class Scenario(StrEnum):
    """One way to fail; `fine` is none."""

    FINE = "fine"
    REFUSE = "refuse"
    RESET_BEFORE_HEADERS = "reset-before-headers"
    RESET_IN_STREAM = "reset-in-stream"
    STALL = "stall"
    """Silence after the first words."""
    SLOW_FIRST_TOKEN = "slow-first-token"  # noqa: S105 - a word, no secret
    """The head and signs of life, but no word."""
    RATE_LIMITED = "429"
    RATE_LIMITED_RETRY_AFTER = "429-retry-after"
    SERVER_ERROR_ONCE = "500-once"
    UNAVAILABLE = "503"
    """For as long as the drill goes on."""
    MALFORMED_EVENT = "malformed-event"
    MISSING_TERMINATOR = "missing-terminator"
    ERROR_BODY = "200-error-body"
    """An error under status 200: before the first word of a stream, or in place of a whole answer."""
    CONTEXT_LENGTH = "context-length"
    CONTENT_FILTER = "content-filter"
    PREFILL_REJECTED = "prefill-rejected"
    """The primary breaks off in the middle; whoever is asked next takes no conversation that ends in an answer."""
    NO_PREFILL = "no-prefill"
    """Answers, unless the conversation ends in an answer."""


DRILLED = tuple(one for one in Scenario if one not in {Scenario.FINE, Scenario.NO_PREFILL})
RETRY_AFTER_S = 1

_OPENAI = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES})


def error_body(dialect: Dialect, scenario: Scenario) -> tuple[int, bytes]:
    """Return the status and body with which a provider of `dialect` says what `scenario` is."""
    status, anthropic, openai, google, message = _SAID[scenario]
    if dialect is Dialect.ANTHROPIC:
        return status, orjson.dumps({"type": "error", "error": {"type": anthropic, "message": message}})
    if dialect in _OPENAI:
        kind = "invalid_request_error" if status == 400 else openai
        error: Mapping[str, object] = {"message": message, "type": kind, "param": None, "code": openai}
        return (503 if status == 529 else status), orjson.dumps({"error": error})
    status = 503 if status == 529 else status
    return status, orjson.dumps({"error": {"code": status, "message": message, "status": google}})


_SAID = {
    Scenario.RATE_LIMITED: (
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        "RESOURCE_EXHAUSTED",
        "Too many requests",
    ),
    Scenario.RATE_LIMITED_RETRY_AFTER: (
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        "RESOURCE_EXHAUSTED",
        "Too many requests",
    ),
    Scenario.SERVER_ERROR_ONCE: (500, "api_error", "server_error", "INTERNAL", "Internal server error"),
    Scenario.UNAVAILABLE: (503, "api_error", "server_error", "UNAVAILABLE", "Service unavailable"),
    Scenario.ERROR_BODY: (529, "overloaded_error", "server_is_overloaded", "UNAVAILABLE", "Overloaded"),
    Scenario.CONTEXT_LENGTH: (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "INVALID_ARGUMENT",
        "prompt is too long: the input token count (250000) exceeds the maximum number of tokens allowed (200000)",
    ),
    Scenario.CONTENT_FILTER: (
        400,
        "content_filter",
        "content_filter",
        "content_filter",
        "The response was filtered due to the prompt triggering the content management policy",
    ),
    Scenario.NO_PREFILL: (
        400,
        "invalid_request_error",
        "invalid_request",
        "INVALID_ARGUMENT",
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
}
