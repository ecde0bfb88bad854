"""A provider that says what it used, as its request's model asks it to; a real server, speaking two dialects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
USED_MICROS = 100 * 1 + 20 * 2
"""What it costs at PRICES."""
KEPT = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 90,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 90},
    "output_tokens": 20,
    "service_tier": "standard",
}
"""Of Anthropic: most of the input is kept for an hour."""
PRICES = """
[[model]]
name = "priced-*"
capabilities = ["documents", "images", "schema", "tools"]
input_micros_per_million = 1000000
output_micros_per_million = 2000000
"""
SAID = {"role": "assistant", "content": "Fine."}


class Billing:
    """Answers by how a model's name ends.

    `ok`, `silent` (no counts), `endless`, `error`, `held`, `slow`, `cut`, `kept` (a cache of an hour).
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                Route("/v1/images/generations", self._images, methods=["POST"]),
            ]
        )

    async def _chat(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.bodies.append(body)
        model, options = str(body["model"]), body.get("stream_options") or {}
        if model.endswith("slow"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while (await request.receive())["type"] != "http.disconnect":
                        continue
        if model.endswith("cut"):
            return Response(b'{"id": "c1", "choices": [{"ind', media_type="application/json")
        if model.endswith("error"):
            return JSONResponse({"error": {"message": "no", "type": "invalid_request_error", "code": "no"}}, 400)
        counts = {} if model.endswith("silent") else {"usage": USAGE}
        if body.get("stream"):
            asked = bool(options.get("include_usage")) and bool(counts)
            said = _held(asked) if model.endswith("held") else _chunks(asked, endless=model.endswith("endless"))
            return StreamingResponse(said, media_type="text/event-stream")
        choice = {"index": 0, "message": SAID, "finish_reason": "stop"}
        return JSONResponse(
            {"id": "c1", "object": "chat.completion", "model": model, "choices": [choice], **counts}
        )

    async def _embeddings(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.bodies.append(body)
        found = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        usage = {"prompt_tokens": 30, "total_tokens": 30}
        return JSONResponse({"object": "list", "data": found, "model": body["model"], "usage": usage})

    async def _images(self, request: Request) -> Response:
        self.bodies.append(orjson.loads(await request.body()))
        usage = {"input_tokens": 10, "output_tokens": 4_000, "total_tokens": 4_010}
        return JSONResponse({"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage})

    async def _messages(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.bodies.append(body)
        if body.get("stream"):
            said = _events(endless=str(body["model"]).endswith("endless"))
            return StreamingResponse(said, media_type="text/event-stream")
        is_kept = str(body["model"]).endswith("kept")
        usage = KEPT if is_kept else {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 20}
        content = [{"type": "text", "text": "Fine."}]
        return JSONResponse(
            {
                "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": content,
                "stop_reason": "end_turn", "stop_sequence": None, "usage": usage,
            }
        )  # fmt: skip


async def _events(*, endless: bool) -> AsyncIterator[bytes]:
    """A streamed message that keeps its input in a cache for an hour."""
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {**KEPT, "output_tokens": 1},
    }  # fmt: skip
    yield _event("message_start", message=message)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Fine. "})
    while endless:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "More. " * 20})
        await asyncio.sleep(0.005)
    yield _event("content_block_stop", index=0)
    yield _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20})
    yield _event("message_stop")


def _event(kind: str, **members: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **members}) + b"\n\n"


def _chunk(**members: object) -> bytes:
    return (
        b"data: "
        + orjson.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", **members})
        + b"\n\n"
    )


async def _held(asked: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - its only one
    """A call that people must agree to; the counts come a while after it."""
    function = {"name": "Bash", "arguments": '{"command": "rm -rf /srv/data"}'}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    delta = {"role": "assistant", "content": None, "tool_calls": [call]}
    yield _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    await asyncio.sleep(0.5)
    if asked:
        yield _chunk(choices=[], usage=USAGE)
    yield b"data: [DONE]\n\n"


async def _chunks(asked: bool, *, endless: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - the first of two
    yield _chunk(
        choices=[{"index": 0, "delta": {"role": "assistant", "content": "Fine. "}, "finish_reason": None}]
    )
    while endless:
        yield _chunk(choices=[{"index": 0, "delta": {"content": "More. " * 20}, "finish_reason": None}])
        await asyncio.sleep(0.005)
    yield _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if asked:
        yield _chunk(choices=[], usage=USAGE)
    yield b"data: [DONE]\n\n"
