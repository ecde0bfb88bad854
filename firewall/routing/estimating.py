"""How many tokens a request has, where no provider can be asked: estimated offline, and said to be an estimate.

Text is counted with OpenAI's newest vocabulary, which the bpe-openai package carries (ADR 0023). Other vendors'
vocabularies are not published: their counts are that number and a share more, so that a client that compacts its
context by it does so too early rather than too late.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Protocol

import orjson

from firewall.core.dialect import Dialect

_PICTURE = 1600
"""About what a picture of the largest size that is not scaled down costs at Anthropic and OpenAI."""
_DOCUMENT_CHARS = 3
"""Characters of base64 that make a token of a document: pages are read as text and as pictures."""
_OBJECT = 3
"""What the frame of a message, a part or a tool adds."""
_PERCENT = {Dialect.ANTHROPIC: 125, Dialect.GEMINI: 110}
_SILENT = frozenset({
    "cache_control", "call_id", "encrypted_content", "id", "metadata", "model", "role", "signature", "stream",
    "thoughtSignature", "thought_signature", "tool_call_id", "tool_use_id", "type",
})  # fmt: skip
"""Members that the model does not read, or that cost next to nothing."""
_BINARY = frozenset({"data", "file_data", "image_url", "url"})
_LONG = 512
"""A value of those members that is longer holds the thing itself, not where it is."""
_PIECE = 64 << 10
"""Characters counted at a time, so that others get their turn."""
_AT_ONCE = 16 << 10

Count = Callable[[str], int]


class Vocabulary(Protocol):
    """What is used of the package."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Return a text's tokens; nothing in it is special."""
        ...


async def estimated(value: Mapping[str, object], dialect: Dialect) -> int:
    """Return about how many tokens a request's body has for a model of a dialect's vendor."""
    texts = list(_texts(value))
    if sum(map(len, texts)) <= _AT_ONCE and _vocabulary.cache_info().currsize:
        return estimate(value, dialect, _count)
    return await asyncio.to_thread(estimate, value, dialect, _count)


def estimate(value: Mapping[str, object], dialect: Dialect, count: Count) -> int:
    """Return the estimate of `estimated`; `count` counts the tokens of a text. Pure as far as `count` is."""
    total = sum(count(text) for text in _texts(value)) + _frames(value)
    return total * _PERCENT.get(dialect, 100) // 100


def _texts(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if name not in _SILENT and not _is_binary(name, value):
            yield value
    elif isinstance(value, Mapping):
        if name in ("parameters", "input_schema", "schema", "parametersJsonSchema"):
            yield orjson.dumps(value).decode()
            return
        for key, one in value.items():
            yield from _texts(one, str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)


def _frames(value: object, name: str = "") -> int:
    """Return what is not text: the frames of objects, pictures and documents."""
    if isinstance(value, Mapping):
        if name in ("parameters", "input_schema", "schema", "parametersJsonSchema"):
            return _OBJECT
        return _OBJECT + sum(_frames(one, str(key)) for key, one in value.items())
    if isinstance(value, list):
        return sum(_frames(one, name) for one in value)
    if isinstance(value, str) and _is_binary(name, value):
        is_document = value.startswith(("JVBERi0", "data:application/pdf"))
        return len(value) // _DOCUMENT_CHARS if is_document else _PICTURE
    return 0


def _is_binary(name: str, value: str) -> bool:
    return name in _BINARY and (len(value) > _LONG or value.startswith("data:"))


def _count(text: str) -> int:
    vocabulary = _vocabulary()
    return sum(
        len(vocabulary.encode_ordinary(text[place : place + _PIECE])) for place in range(0, len(text), _PIECE)
    )


@cache
def _vocabulary() -> Vocabulary:
    from bpe_openai import get_encoding  # a second and 100 MB: only where something is counted

    found: Vocabulary = get_encoding("o200k_base")
    return found
