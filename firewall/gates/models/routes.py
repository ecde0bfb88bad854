"""The paths of the models gate (DESIGN 6.4): which dialect speaks there and what it wants.

Everything that is not in here is 404 with a code and never passed on.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.dialect import Dialect

_GEMINI = re.compile(r"/v1(?:beta|alpha)?/models/([A-Za-z0-9._-]{1,128}):([A-Za-z]{1,40})")
_GEMINI_MODEL = re.compile(r"/v1beta/models(?:/[A-Za-z0-9._-]{1,128})?")
_MODEL = re.compile(r"/v1/models(?:/[A-Za-z0-9._:-]{1,128})?")


class Purpose(StrEnum):
    """What a request wants."""

    GENERATE = "generate"
    COUNT = "count"
    MODELS = "models"


@dataclass(frozen=True, slots=True)
class Place:
    """A recognised method and path."""

    dialect: Dialect
    purpose: Purpose


_POSTS = {
    "/v1/messages": Place(Dialect.ANTHROPIC, Purpose.GENERATE),
    "/v1/messages/count_tokens": Place(Dialect.ANTHROPIC, Purpose.COUNT),
    "/v1/chat/completions": Place(Dialect.OPENAI_CHAT, Purpose.GENERATE),
    "/v1/responses": Place(Dialect.OPENAI_RESPONSES, Purpose.GENERATE),
}
_GEMINI_VERBS = {
    "generateContent": Purpose.GENERATE,
    "streamGenerateContent": Purpose.GENERATE,
    "countTokens": Purpose.COUNT,
}


def place_of(method: str, path: str, *, speaks_anthropic: bool) -> Place | None:
    """Recognise a request; `speaks_anthropic` decides who is asked for `/v1/models`, which two dialects share."""
    if method == "POST":
        return _POSTS.get(path) or _gemini_place(path)
    if method == "GET" and _GEMINI_MODEL.fullmatch(path):
        return Place(Dialect.GEMINI, Purpose.MODELS)
    if method == "GET" and _MODEL.fullmatch(path):
        return Place(Dialect.ANTHROPIC if speaks_anthropic else Dialect.OPENAI_CHAT, Purpose.MODELS)
    return None


def _gemini_place(path: str) -> Place | None:
    found = _GEMINI.fullmatch(path)
    purpose = _GEMINI_VERBS.get(found[2]) if found else None
    return Place(Dialect.GEMINI, purpose) if purpose else None


def spoken_at(path: str) -> Dialect | None:
    """Guess the dialect of a path that may be wrong, so that even its 404 has the right shape."""
    if path.startswith("/v1/messages"):
        return Dialect.ANTHROPIC
    if path.startswith("/v1beta/") or ":" in path:
        return Dialect.GEMINI
    if path.startswith("/v1/responses"):
        return Dialect.OPENAI_RESPONSES
    return Dialect.OPENAI_CHAT if path.startswith("/v1/") else None
