"""A server with nothing but translation in it: clients of any dialect on one side, a provider of another behind.

It judges nothing and keeps nothing, so what a client does through it is what translation alone makes it do.
"""

import json
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.codecs.neutral.returning import without_foreign_thinking
from firewall.codecs.neutral.translate import (
    StreamTranslation,
    Translated,
    failure_of,
    translate_answer,
    translate_error,
    translate_request,
)
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

_MODELS = {
    Dialect.ANTHROPIC: "claude-sonnet-5",
    Dialect.OPENAI_CHAT: "gpt-5.5",
    Dialect.OPENAI_RESPONSES: "gpt-5.5",
    Dialect.GEMINI: "gemini-3.8-flash",
}
_LIMIT_S = 60
_PIECE_BYTES = 97
"""Answers are cut anew, in pieces that end nowhere in particular."""


def spoken(path: str) -> Dialect | None:
    """Return the dialect that a request path belongs to, None for what generates nothing."""
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return Dialect.GEMINI
    endings = {
        "/messages": Dialect.ANTHROPIC,
        "/chat/completions": Dialect.OPENAI_CHAT,
        "/responses": Dialect.OPENAI_RESPONSES,
    }
    return next((dialect for ending, dialect in endings.items() if path.endswith(ending)), None)


def app(provider_url: str, target: Dialect) -> Starlette:
    """Return the server as an ASGI application; `provider_url` is the provider's, without a path."""
    base = f"{provider_url}/v1" if target in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES) else provider_url
    refused: list[str] = []

    async def answer(request: Request) -> Response:
        source = spoken(request.url.path)
        if source is None:
            return Response(status_code=404)
        body = await request.body()
        value = json.loads(body)
        if source is target:
            return await _passed(base, request.url.path, without_foreign_thinking(body, value))
        try:
            sent = translate_request(
                value,
                source=source,
                target=target,
                model=_MODELS[target],
                path=request.url.path,
                provider="scripted",
            )
        except ProtocolError as error:
            refused.append(error.public)
            return JSONResponse({"error": {"message": error.public, "code": error.code}}, error.status)
        return await _asked(base, sent)

    async def refusals(_: Request) -> Response:
        return JSONResponse(refused)

    routes = [Route("/_refused", refusals), Route("/{path:path}", answer, methods=["POST"])]
    return Starlette(routes=routes)


async def _passed(base: str, path: str, body: bytes) -> Response:
    async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=False) as client:
        got = await client.post(f"{base.removesuffix('/v1')}{path}", content=body)
    return Response(got.content, got.status_code, media_type=got.headers.get("content-type"))


async def _asked(base: str, sent: Translated) -> Response:
    url = f"{base}{sent.path}?{sent.query}" if sent.query else f"{base}{sent.path}"
    fields = {"content-type": "application/json"}
    async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=False) as client:
        got = await client.post(url, content=sent.body, headers=fields)
    if got.status_code != 200:
        status, body = translate_error(sent.asked, got.status_code, got.content)
        return Response(body, status, media_type="application/json")
    if not sent.asked.request.is_streamed:
        return Response(translate_answer(sent.asked, got.content), media_type="application/json")
    return StreamingResponse(_streamed(sent, got.content), media_type="text/event-stream")


async def _streamed(sent: Translated, raw: bytes) -> AsyncIterator[bytes]:
    translation = StreamTranslation(sent.asked)
    try:
        for start in range(0, len(raw), _PIECE_BYTES):
            yield translation.feed(raw[start : start + _PIECE_BYTES])
        yield translation.close()
    except ProtocolError as error:
        yield translation.abort(failure_of(error))
