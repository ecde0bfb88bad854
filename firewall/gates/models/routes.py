"""The paths of the models gate (DESIGN 6.4): which dialect speaks there and what it wants.

Everything that is not in here is 404 with a code and never passed on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.dialect import Dialect

_GEMINI = re.compile(r"/v1(?:beta|alpha)?/models/([A-Za-z0-9._-]{1,128}):([A-Za-z]{1,40})")
_NAME = r"[A-Za-z0-9._:@-]{1,128}(?:/[A-Za-z0-9._:@-]{1,128}){0,2}"
"""Some providers' models have names with slashes (`anthropic/claude-sonnet-5` at OpenRouter)."""
_GEMINI_MODEL = re.compile(rf"/v1beta/models(?:/{_NAME})?")
_MODEL = re.compile(rf"/v1/models(?:/{_NAME})?")


class Purpose(StrEnum):
    """What a request wants."""

    GENERATE = "generate"
    COUNT = "count"
    MODELS = "models"
    EMBED = "embed"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Place:
    """A recognised method and path."""

    dialect: Dialect
    purpose: Purpose


NO_HEADERS: Mapping[str, str] = {}
_POSTS = {
    "/v1/messages": Place(Dialect.ANTHROPIC, Purpose.GENERATE),
    "/v1/messages/count_tokens": Place(Dialect.ANTHROPIC, Purpose.COUNT),
    "/v1/chat/completions": Place(Dialect.OPENAI_CHAT, Purpose.GENERATE),
    "/v1/responses": Place(Dialect.OPENAI_RESPONSES, Purpose.GENERATE),
    "/v1/embeddings": Place(Dialect.OPENAI_CHAT, Purpose.EMBED),
    "/v1/images/generations": Place(Dialect.OPENAI_CHAT, Purpose.IMAGE),
    "/v1/images/edits": Place(Dialect.OPENAI_CHAT, Purpose.IMAGE),
}
_GEMINI_VERBS = {
    "generateContent": Purpose.GENERATE,
    "streamGenerateContent": Purpose.GENERATE,
    "countTokens": Purpose.COUNT,
    "embedContent": Purpose.EMBED,
    "batchEmbedContents": Purpose.EMBED,
}


def claimed(headers: Mapping[str, str]) -> Dialect:
    """Return whose client says that it is there, for the paths below `/v1` that several dialects share."""
    if "anthropic-version" in headers:
        return Dialect.ANTHROPIC
    if "x-goog-api-key" in headers or "x-goog-api-client" in headers:
        return Dialect.GEMINI
    return Dialect.OPENAI_CHAT


def place_of(method: str, path: str, headers: Mapping[str, str] = NO_HEADERS) -> Place | None:
    """Recognise a request; its headers say in whose shape `/v1/models` is answered, which three dialects share."""
    if method == "POST":
        return _POSTS.get(path) or _gemini_place(path)
    if method == "GET" and _GEMINI_MODEL.fullmatch(path):
        return Place(Dialect.GEMINI, Purpose.MODELS)
    if method == "GET" and _MODEL.fullmatch(path):
        return Place(claimed(headers), Purpose.MODELS)
    return None


def _gemini_place(path: str) -> Place | None:
    found = _GEMINI.fullmatch(path)
    purpose = _GEMINI_VERBS.get(found[2]) if found else None
    return Place(Dialect.GEMINI, purpose) if purpose else None


def spoken_at(path: str, *, claims: Dialect = Dialect.OPENAI_CHAT) -> Dialect | None:
    """Guess the dialect of a path that may be wrong, so that even its 404 has the right shape."""
    if path.startswith("/v1/messages"):
        return Dialect.ANTHROPIC
    if path.startswith(("/v1beta/", "/upload/", "/v1alpha/")) or ":" in path:
        return Dialect.GEMINI
    if path.startswith("/v1/responses"):
        return Dialect.OPENAI_RESPONSES
    return claims if path.startswith("/v1/") else None
