"""OpenRouter on a real socket, as its documentation has it: comments, prices, reasoning, and its kinds of errors.

What it does is chosen by the question's words; below `/well/v1` it is always well.
Source: https://openrouter.ai/docs/api-reference (overview, streaming, errors), read in November 2026.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

KEY = "sk-or-canary-0123456789"
SAYS = "Hello from a router."
THINKS = "They greet."
USAGE = {
    "prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140, "cost": 0.0123, "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0},
    "cost_details": {"upstream_inference_cost": None, "upstream_inference_prompt_cost": 0.01},
    "completion_tokens_details": {"reasoning_tokens": 10, "image_tokens": 0},
    "server_tool_use": None,
}  # fmt: skip
COMMENT = b": OPENROUTER PROCESSING\n\n"
_THOUGHT = [{"type": "reasoning.text", "text": THINKS, "format": "anthropic-claude-v1", "index": 0}]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, object]


@dataclass(slots=True)
class OpenRouter:
    """What it was asked."""

    seen: list[Sent] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return it as an application; its API lies below `/api/v1`."""
        return Starlette(
            routes=[
                Route("/api/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/well/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/api/v1/messages", self._messages, methods=["POST"]),
            ]
        )

    async def _noted(self, request: Request) -> Mapping[str, object] | None:
        value: Mapping[str, object] = json.loads(await request.body())
        self.seen.append(Sent(request.url.path, dict(request.headers), value))
        keys = {request.headers.get("authorization"), f"Bearer {request.headers.get('x-api-key')}"}
        return value if f"Bearer {KEY}" in keys else None

    async def _chat(self, request: Request) -> Response:
        value = await self._noted(request)
        if value is None:
            return _refused(401, "No cookie auth credentials found")
        words = json.dumps(value["messages"]) if request.url.path.startswith("/api/") else ""
        for mark, answer in _REFUSALS.items():
            if mark in words:
                return answer()
        if not value.get("stream"):
            return JSONResponse(_whole(str(value["model"]), words))
        return StreamingResponse(_stream(str(value["model"]), words), media_type="text/event-stream")

    async def _messages(self, request: Request) -> Response:
        """Answer in Anthropic's dialect; its streams end in OpenAI's word as well."""
        value = await self._noted(request)
        if value is None:
            return _refused(401, "No cookie auth credentials found")
        return StreamingResponse(_messages_stream(str(value["model"])), media_type="text/event-stream")


def _refused(status: int, message: str, **metadata: object) -> Response:
    error: dict[str, object] = {"code": status, "message": message}
    return JSONResponse({"error": error | ({"metadata": metadata} if metadata else {})}, status_code=status)


def _moderated() -> Response:
    return _refused(
        403,
        "Your input was flagged",
        reasons=["violence"],
        flagged_input="how to...",
        provider_name="OpenAI",
        model_slug="openai/gpt-5.5",
    )


_REFUSALS = {
    "refuse-credits": lambda: _refused(402, "Insufficient credits. Add more using https://openrouter.ai/credits"),
    "refuse-moderated": _moderated,
    "refuse-no-provider": lambda: _refused(503, "No instances available"),
    "refuse-hidden": lambda: JSONResponse({"error": {"code": 502, "message": "Provider returned error"}}),
    "refuse-within": lambda: JSONResponse(_failed_choice()),
}


def _failed_choice() -> dict[str, object]:
    choice = {
        "index": 0, "finish_reason": "error", "native_finish_reason": None, "logprobs": None,
        "message": {"role": "assistant", "content": ""},
        "error": {"code": 502, "message": "Upstream idle timeout exceeded"},
    }  # fmt: skip
    return {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def _whole(model: str, words: str) -> dict[str, object]:
    message: dict[str, object] = {
        "role": "assistant", "content": SAYS, "refusal": None, "reasoning": THINKS, "reasoning_details": _THOUGHT,
    }  # fmt: skip
    stop = "stop"
    if "call-a-tool" in words:
        function = {"name": "bash", "arguments": '{"command":"ls"}'}
        stop = "tool_calls"
        message |= {
            "content": "",
            "tool_calls": [{"id": "c1", "index": 0, "type": "function", "function": function}],
        }
    choice = {
        "index": 0, "logprobs": None, "finish_reason": stop, "native_finish_reason": stop, "message": message,
    }  # fmt: skip
    return {
        "id": "gen-1", "provider": "Anthropic", "model": model, "object": "chat.completion", "created": 1,
        "choices": [choice], "usage": USAGE,
    }  # fmt: skip


def _chunk(model: str, delta: Mapping[str, object], **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None, "native_finish_reason": None, "logprobs": None}
    chunk = {
        "id": "gen-1", "provider": "Anthropic", "model": model, "object": "chat.completion.chunk", "created": 1,
        "choices": [choice | {key: one for key, one in more.items() if key in choice}],
    }  # fmt: skip
    chunk |= {key: one for key, one in more.items() if key not in choice}
    return b"data: %s\n\n" % json.dumps(chunk, separators=(",", ":")).encode()


def _stream(model: str, words: str) -> Iterator[bytes]:
    empty = {"role": "assistant", "content": ""}
    broken = {"error": {"code": "server_error", "message": "Provider disconnected unexpectedly"}}
    yield COMMENT
    yield COMMENT
    if "break-at-once" in words:
        yield _chunk(model, empty, finish_reason="error", **broken)
        yield b"data: [DONE]\n\n"
        return
    yield _chunk(model, {**empty, "reasoning": THINKS, "reasoning_details": _THOUGHT})
    yield COMMENT
    for word in ("Hello ", "from ", "a ", "router."):
        yield _chunk(model, {"role": "assistant", "content": word})
        if "break-in-the-middle" in words:
            yield _chunk(model, empty, finish_reason="error", **broken)
            yield b"data: [DONE]\n\n"
            return
    yield _chunk(model, empty, finish_reason="stop", native_finish_reason="end_turn")
    # The counts stand beside an empty choice that does not say again that it has ended.
    yield _chunk(model, empty, usage=USAGE)
    yield b"data: [DONE]\n\n"


def _messages_stream(model: str) -> Iterator[bytes]:
    usage = {"input_tokens": 80, "cache_read_input_tokens": 20, "output_tokens": 0}
    message = {
        "id": "gen-1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage, "provider": "Anthropic",
    }  # fmt: skip
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAYS}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 40, "cost": 0.0123, "is_byok": False},
        },
        {"type": "message_stop"},
    ]  # fmt: skip
    yield COMMENT
    # In one piece: nobody may count on it that the word behind the end comes by itself.
    frames = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events]
    yield b"".join([*frames, b"event: data\ndata: [DONE]\n\n"])
