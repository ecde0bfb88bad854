"""The question that a drill asks, in each dialect: as small as a question can be."""

import orjson

from firewall.core.dialect import Dialect

_WORDS = "Answer with the word: ready"
_MOST_TOKENS = 64


def question(dialect: Dialect, model: str, *, is_streamed: bool) -> tuple[str, bytes]:
    """Return path (with its query) and body of a question to `model`."""
    turn = {"role": "user", "content": _WORDS}
    match dialect:
        case Dialect.ANTHROPIC:
            body = {"model": model, "max_tokens": _MOST_TOKENS, "messages": [turn], "stream": is_streamed}
            return "/v1/messages", orjson.dumps(body)
        case Dialect.OPENAI_CHAT:
            return "/v1/chat/completions", orjson.dumps(
                {"model": model, "messages": [turn], "stream": is_streamed}
            )
        case Dialect.OPENAI_RESPONSES:
            body = {"model": model, "input": [turn], "stream": is_streamed, "store": False}
            return "/v1/responses", orjson.dumps(body)
        case Dialect.GEMINI:
            verb = "streamGenerateContent?alt=sse" if is_streamed else "generateContent"
            parts = {"contents": [{"role": "user", "parts": [{"text": _WORDS}]}]}
            return f"/v1beta/models/{model}:{verb}", orjson.dumps(parts)
