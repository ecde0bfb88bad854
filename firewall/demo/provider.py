"""The scripted provider: a real HTTP server that speaks all four dialects and follows a script.

    python -m firewall.demo.provider --port 0 --script FILE

It is as strict as the real ones about the history that a client sends back, so an agent that finishes its run
through the firewall against it would finish against them. With no script it plays `firewall.demo.scenes.INCIDENT`.
"""

import argparse
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object
from firewall.demo import catalogue
from firewall.demo.conversation import Conversation, Reply, Violation
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.dialects.interface import Dialect
from firewall.demo.performance import perform, refusal
from firewall.demo.plan import plan
from firewall.demo.reading import Json
from firewall.demo.scenes import INCIDENT
from firewall.demo.script import Fault, Script, load
from firewall.demo.seal import Seal
from firewall.demo.serving import serve

SEEN_LIMIT = 2000
"""Requests that are remembered for tests."""


@dataclass(slots=True)
class Stage:
    """What one running provider holds: its script, its key and, for tests, what it was sent."""

    script: Script
    key: str = ""
    records: bool = False
    seen: deque[Json] = field(default_factory=lambda: deque(maxlen=SEEN_LIMIT))
    faulted: Counter[str] = field(default_factory=Counter)

    def record(self, request: Request, body: bytes) -> Json:
        """Remember a request, its status once it is known; the provider's own key is the one value left out."""
        entry: Json = {
            "method": request.method,
            "path": request.url.path,
            "query": self._without_key(request.url.query),
            "headers": {
                name: self._without_key(", ".join(request.headers.getlist(name))) for name in request.headers
            },
            "body": body.decode(errors="replace"),
            "status": None,
        }
        if self.records:
            self.seen.append(entry)
        return entry

    def _without_key(self, value: str) -> str:
        return value.replace(self.key, "<key>") if self.key else value

    def fault_for(self, reply: Reply) -> Fault | None:
        """Return the fault of this turn, as long as it is to be met."""
        fault = reply.fault
        if fault is None or fault.times is None:
            return fault
        self.faulted[reply.turn_id] += 1
        return fault if self.faulted[reply.turn_id] <= fault.times else None


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
        routes += [
            Route(version + "/models", _watched(stage, _listing(stage)), methods=["GET"]),
            Route(version + "/models/{model}", _watched(stage, _listing(stage)), methods=["GET"]),
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
        entry = stage.record(request, await request.body())
        request.state.entry = entry
        response = await handler(request)
        entry["status"] = response.status_code
        return response

    return watch


async def _unknown(request: Request) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    error = {"type": "not_found_error", "message": message, "param": None, "code": "unknown_url"}
    return JSONResponse({"type": "error", "error": error}, status_code=404)


def _speaking(stage: Stage, dialect: Dialect) -> Handler:
    async def speak(request: Request) -> Response:
        try:
            conversation = _understand(stage, dialect, request, await request.body())
        except Violation as violation:
            return refusal(dialect, violation)
        reply = plan(stage.script, conversation)
        return await perform(
            dialect,
            reply,
            fault=stage.fault_for(reply),
            is_streamed=conversation.is_streamed,
            delay_s=stage.script.delay_s,
            entry=request.state.entry,
        )

    return speak


def _understand(stage: Stage, dialect: Dialect, request: Request, body: bytes) -> Conversation:
    if stage.key and _key(dialect, request) != stage.key:
        raise dialect.bad_key()
    try:
        value = loads_object(body)
    except ProtocolError as error:
        raise Violation(error.public, code=error.code) from error
    conversation = dialect.read(value, request.url.path, seal=Seal.of(stage.script.seed))
    return replace(conversation, size_bytes=_size(value))


def _size(value: Json) -> int:
    """Return the size of what is asked in bytes, without what only chooses the transport."""
    asked = {name: field for name, field in value.items() if name not in ("stream", "stream_options")}
    return len(json.dumps(asked, separators=(",", ":"), ensure_ascii=False).encode(errors="replace"))


def _key(dialect: Dialect, request: Request) -> str:
    """Return the key from the dialect's own header, or from where the providers also take it."""
    own = request.headers.get(dialect.KEY_HEADER) or request.headers.get("authorization", "")
    return own.removeprefix("Bearer ") or request.query_params.get("key", "")


def _counting(stage: Stage, dialect: Dialect) -> Handler:
    async def count(request: Request) -> Response:
        body = await request.body()
        try:
            return JSONResponse(dialect.count(_understand(stage, dialect, request, body)))
        except Violation as violation:
            return refusal(dialect, violation)

    return count


def _listing(stage: Stage) -> Handler:
    async def show(request: Request) -> Response:
        dialect, everything, one = _catalogue(request)
        if stage.key and _key(dialect, request) != stage.key:
            return refusal(dialect, dialect.bad_key())
        name = request.path_params.get("model")
        if name is None:
            return JSONResponse(everything())
        if name not in catalogue.MODELS:
            return refusal(
                dialect, Violation(f"The model '{name}' does not exist", status=404, code="model_not_found")
            )
        return JSONResponse(one(name))

    return show


def _catalogue(request: Request) -> tuple[Dialect, Callable[[], Json], Callable[[str], Json]]:
    """Tell by path and headers which API the client means."""
    if request.url.path.startswith("/v1beta") or gemini.KEY_HEADER in request.headers:
        return gemini, catalogue.gemini, catalogue.gemini_model
    if "anthropic-version" in request.headers:
        return anthropic, catalogue.anthropic, catalogue.anthropic_model
    return openai_chat, catalogue.openai, catalogue.openai_model


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
