"""The scripted provider: a real HTTP server that speaks all four dialects and follows a script.

    python -m firewall.demo.provider --port 0 --script FILE

It is as strict as the real ones about the history that a client sends back, so an agent that finishes its run
through the firewall against it would finish against them. With no script it plays `firewall.demo.scenes.INCIDENT`.
"""

import argparse
import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object
from firewall.demo.conversation import Conversation, Frame, Mark, Reply, Seal, Violation, plan
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.reading import Json
from firewall.demo.scenes import INCIDENT
from firewall.demo.script import Fault, FaultKind, FaultPlace, Script, load
from firewall.demo.serving import serve

SEEN_LIMIT = 2000
"""Requests that are remembered for tests."""


class Dialect(Protocol):
    """A wire format, as a module of `firewall.demo.dialects`."""

    KEY_HEADER: str

    def read(self, value: Json, path: str, *, seal: Seal) -> Conversation:
        """Read a request and enforce the rules on its history; raises Violation."""
        ...

    def answer(self, reply: Reply) -> Json:
        """Return the whole answer."""
        ...

    def frames(self, reply: Reply) -> Iterator[Frame]:
        """Unfold the answer into a stream."""
        ...

    def error(self, violation: Violation) -> Json:
        """Return the error object."""
        ...

    def error_frame(self, violation: Violation, reply: Reply) -> bytes:
        """Return the error as an event of a stream."""
        ...

    def bad_key(self) -> Violation:
        """Return the refusal of a key that is not the provider's."""
        ...

    def count(self, conversation: Conversation) -> Json:
        """Answer a request that only counts tokens."""
        ...


class CutError(Exception):
    """Breaks the connection in the middle of an answer, as the script asked."""


@dataclass(slots=True)
class Stage:
    """What one running provider holds: its script, its key and, for tests, what it was sent."""

    script: Script
    key: str = ""
    records: bool = False
    seen: deque[Json] = field(default_factory=lambda: deque(maxlen=SEEN_LIMIT))
    faulted: Counter[str] = field(default_factory=Counter)

    def record(self, request: Request, body: bytes, *, status: int) -> None:
        """Remember a request and how it was answered; the provider's own key is the one value left out."""
        self.seen.append(
            {
                "method": request.method,
                "path": request.url.path,
                "query": self._without_key(request.url.query),
                "headers": {name: self._without_key(value) for name, value in request.headers.items()},
                "body": body.decode(errors="replace"),
                "status": status,
            }
        )

    def _without_key(self, value: str) -> str:
        return value.replace(self.key, "<key>") if self.key else value

    def fault_for(self, reply: Reply) -> Fault | None:
        """Return the fault of this turn, as long as it is to be met."""
        fault = reply.fault
        if fault is None or fault.times is None:
            return fault
        self.faulted[reply.id] += 1
        return fault if self.faulted[reply.id] <= fault.times else None


def app(script: Script, *, key: str = "", records: bool = False) -> Starlette:
    """Return the provider as an ASGI application.

    `key` is demanded where it is set; `records` serves what was received at `GET /_seen`.
    """
    stage = Stage(script=script, key=key, records=records)
    routes = [
        _route(stage, "/v1/messages", _speaking(stage, anthropic)),
        _route(stage, "/v1/messages/count_tokens", _counting(stage, anthropic)),
        _route(stage, "/v1/chat/completions", _speaking(stage, openai_chat)),
        _route(stage, "/v1/responses", _speaking(stage, openai_responses)),
        _route(stage, "/v1/responses/input_tokens", _counting(stage, openai_responses)),
    ]
    for version in ("/v1beta", "/v1"):
        routes += [
            _route(stage, version + "/models/{model}:generateContent", _speaking(stage, gemini)),
            _route(stage, version + "/models/{model}:streamGenerateContent", _speaking(stage, gemini)),
            _route(stage, version + "/models/{model}:countTokens", _counting(stage, gemini)),
        ]
    if records:
        routes.append(Route("/_seen", _showing(stage)))
    routes.append(Route("/{path:path}", _watched(stage, _unknown), methods=METHODS))
    return Starlette(routes=routes)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
Handler = Callable[[Request], Awaitable[Response]]


def _route(stage: Stage, path: str, handler: Handler) -> Route:
    return Route(path, _watched(stage, handler), methods=["POST"])


def _watched(stage: Stage, handler: Handler) -> Handler:
    async def watch(request: Request) -> Response:
        body = await request.body()
        response = await handler(request)
        if stage.records:
            stage.record(request, body, status=response.status_code)
        return response

    return watch


async def _unknown(request: Request) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    error = {"type": "not_found_error", "message": message, "param": None, "code": "unknown_url"}
    return JSONResponse({"type": "error", "error": error}, status_code=404)


def _speaking(stage: Stage, dialect: Dialect) -> Handler:
    async def speak(request: Request) -> Response:
        body = await request.body()
        try:
            conversation = _understand(stage, dialect, request, body)
        except Violation as violation:
            return _refusal(dialect, violation)
        reply = plan(stage.script, conversation)
        fault = stage.fault_for(reply)
        if fault and fault.at is FaultPlace.START:
            if fault.kind is FaultKind.ERROR:
                return _refusal(dialect, Violation(fault.message, status=fault.status), fault.retry_after_s)
            if fault.kind is FaultKind.STALL:
                await asyncio.sleep(fault.seconds)
                fault = None
        if conversation.is_streamed:
            return StreamingResponse(
                _perform(stage, dialect, reply, fault), media_type="text/event-stream", headers=_NO_CACHE
            )
        return await _whole(dialect, reply, fault)

    return speak


_NO_CACHE = {"cache-control": "no-cache"}


async def _whole(dialect: Dialect, reply: Reply, fault: Fault | None) -> Response:
    """Answer without a stream; here a fault in the middle breaks off the body."""
    body = dialect.answer(reply)
    match fault.kind if fault else None:
        case None:
            return JSONResponse(body)
        case FaultKind.ERROR:
            return _refusal(dialect, _as_violation(fault))
        case FaultKind.STALL:
            await asyncio.sleep(fault.seconds if fault else 0)
            return JSONResponse(body)
        case FaultKind.CUT | FaultKind.END:
            torn = _torn(json.dumps(body).encode(), is_cut=fault is not None and fault.kind is FaultKind.CUT)
            return StreamingResponse(torn, media_type="application/json")


async def _torn(body: bytes, *, is_cut: bool) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    if is_cut:
        raise CutError


def _as_violation(fault: Fault | None) -> Violation:
    return Violation(fault.message, status=fault.status) if fault else Violation("internal error", status=500)


async def _perform(stage: Stage, dialect: Dialect, reply: Reply, fault: Fault | None) -> AsyncIterator[bytes]:
    frames = list(dialect.frames(reply))
    breaks_at = _break(frames, fault)
    for place, frame in enumerate(frames):
        if fault and place == breaks_at:
            match fault.kind:
                case FaultKind.STALL:
                    await asyncio.sleep(fault.seconds)
                case FaultKind.CUT:
                    raise CutError
                case FaultKind.END:
                    return
                case FaultKind.ERROR:
                    yield dialect.error_frame(_as_violation(fault), reply)
                    return
        if place and stage.script.delay_s:
            await asyncio.sleep(stage.script.delay_s)
        yield frame.data


def _break(frames: list[Frame], fault: Fault | None) -> int:
    """Return before which frame the fault happens: the first, the second of text, the middle one of the calls."""
    if fault is None or fault.at is FaultPlace.START:
        return 0
    wanted = Mark.TEXT if fault.at is FaultPlace.TEXT else Mark.CALL
    places = [place for place, frame in enumerate(frames) if frame.mark is wanted]
    return places[len(places) // 2] if places else len(frames) - 1


def _understand(stage: Stage, dialect: Dialect, request: Request, body: bytes) -> Conversation:
    presented = request.headers.get(dialect.KEY_HEADER, "").removeprefix("Bearer ")
    if dialect.KEY_HEADER not in request.headers:
        presented = _other_key(request)
    if stage.key and presented != stage.key:
        raise dialect.bad_key()
    try:
        value = loads_object(body)
    except ProtocolError as error:
        raise Violation(error.public, code=error.code) from error
    conversation = dialect.read(value, request.url.path, seal=Seal.of(stage.script.seed))
    return replace(conversation, size_bytes=len(body))


def _other_key(request: Request) -> str:
    """Return the key from where the providers also take it."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.query_params.get("key", "")


def _refusal(dialect: Dialect, violation: Violation, retry_after_s: int | None = None) -> Response:
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return JSONResponse(dialect.error(violation), status_code=violation.status, headers=headers)


def _counting(stage: Stage, dialect: Dialect) -> Handler:
    async def count(request: Request) -> Response:
        body = await request.body()
        try:
            return JSONResponse(dialect.count(_understand(stage, dialect, request, body)))
        except Violation as violation:
            return _refusal(dialect, violation)

    return count


def _showing(stage: Stage) -> Handler:
    async def show(request: Request) -> Response:
        del request
        return JSONResponse(list(stage.seen))

    return show


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m firewall.demo.provider", description="the scripted provider")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--script", type=Path, help="JSON file of scenes; without it the incident is played")
    parser.add_argument("--key", default="", help="demand this API key")
    parser.add_argument("--records", action="store_true", help="serve what was received at /_seen")
    return parser.parse_args()


def main() -> None:
    """Serve on loopback until interrupted; prints the address on the first line of standard output."""
    options = _options()
    script = load(options.script) if options.script else INCIDENT
    serve(app(script, key=options.key, records=options.records), port=options.port)


if __name__ == "__main__":
    main()
