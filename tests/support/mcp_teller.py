"""An MCP server that says what changes, of either era: as a program (`python mcp_teller.py ERA`), or over HTTP.

Its tool says whatever notifications it is called with to whoever listens, and answers with what it has heard.
"""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
CAPABILITIES = {
    "tools": {"listChanged": True},
    "prompts": {},
    "resources": {"subscribe": True, "listChanged": True},
}
Json = dict[str, object]
Say = Callable[[Json], None]


@dataclass(slots=True)
class Teller:
    """What the server knows."""

    is_modern: bool
    url: str = ""
    description: str = "Reads."
    """Of its tool."""
    listeners: dict[object, tuple[Json, Say]] = field(default_factory=dict)
    """By the id of the request: its filter, and where it is told."""
    heard: list[Json] = field(default_factory=list)
    """Requests, as they came."""
    holds: threading.Event | None = None
    """Over HTTP: until this is set no subscription is answered, and nobody's wish acknowledged."""
    noted: list[str] = field(default_factory=list)
    """Methods of notifications, over HTTP."""
    serves: tuple[str, ...] = ("toolsListChanged", "resourceSubscriptions", "promptsListChanged")
    """What of a filter it acknowledges."""

    @property
    def methods(self) -> list[str]:
        """What was asked, without what everybody asks at first."""
        first = ("initialize", "server/discover")
        return [str(one["method"]) for one in self.heard if one["method"] not in first]

    def tell(self, *notes: Json) -> None:
        """Say something to whoever listens."""
        for note in notes:
            for id_, (_, say) in list(self.listeners.items()):
                params = {**note.get("params", {})}  # type: ignore[dict-item]  # an object where it is there
                if "thing" in params:
                    params["uri"] = f"shop://{params.pop('thing')}"
                if self.is_modern:
                    params["_meta"] = {SUBSCRIPTION: id_}
                say({"jsonrpc": "2.0", "method": note["method"], "params": params})

    def listen(self, message: Json, say: Say) -> None:
        """Take a stateless client's wish; acknowledged once it is no longer held."""
        if self.holds is not None and not self.holds.is_set():
            return
        params = message["params"]
        assert isinstance(params, dict)
        wanted: Json = {name: one for name, one in params["notifications"].items() if name in self.serves}
        self.listeners[message["id"]] = (wanted, say)
        meta = {SUBSCRIPTION: message["id"]}
        said = {"_meta": meta, "notifications": wanted}
        say({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": said})

    def answer(self, message: Json) -> Json:
        """Return the answer to a request."""
        result = self._result(str(message["method"]), message.get("params", {}))  # type: ignore[arg-type]  # an object
        kind = "error" if "code" in result else "result"
        if self.is_modern and kind == "result":
            result["resultType"] = "complete"
        return {"jsonrpc": "2.0", "id": message["id"], kind: result}

    def _result(self, method: str, params: Json) -> Json:
        match method:
            case "initialize" if not self.is_modern:
                info = {"name": "teller", "version": "1"}
                return {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES, "serverInfo": info}
            case "server/discover" if self.is_modern:
                return {"supportedVersions": ["2026-07-28"], "capabilities": CAPABILITIES}
            case "tools/list":
                tool = {"name": "get_file_contents", "description": self.description}
                given = {"tell": {"type": "array"}, "description": {"type": "string"}}
                return {"tools": [tool | {"inputSchema": {"type": "object", "properties": given}}]}
            case "tools/call":
                given = params.get("arguments")
                assert isinstance(given, dict)
                self.description = given.get("description", self.description)
                self.tell(*given.get("tell", []))
                return {"content": [{"type": "text", "text": json.dumps(self.methods)}]}
            case "resources/subscribe" | "resources/unsubscribe" if not self.is_modern:
                return {}
        return {"code": -32601, "message": f"no {method}"}


def settings(teller: Teller, name: str = "github", **more: object) -> Json:
    """Return a server over HTTP as it is configured: the pack of its name knows its tool."""
    return {"name": name, "environment": "staging", "url": teller.url, "hosting": "self", "hold_s": 0, **more}


def program(era: str, name: str = "github", **more: object) -> Json:
    """Return the program as it is configured."""
    command = (sys.executable, str(Path(__file__)), era)
    return {"name": name, "environment": "staging", "command": command, "hold_s": 0, **more}


@contextmanager
def over_http(*, is_modern: bool) -> Iterator[Teller]:
    """Serve over HTTP from a thread."""
    from firewall.demo.serving import served

    teller = Teller(is_modern)

    async def post(request: Request) -> Response:
        message = json.loads(await request.body())
        if "id" not in message:
            teller.noted.append(message["method"])
            return Response(status_code=202)
        teller.heard.append(message)
        if message["method"] == "subscriptions/listen" and teller.is_modern:
            return _events(teller, lambda say: teller.listen(message, say), message["id"])
        if message["method"] == "resources/subscribe" and teller.holds is not None:
            await asyncio.to_thread(teller.holds.wait, 30)
        headers = {"mcp-session-id": "one"} if message["method"] == "initialize" else {}
        return JSONResponse(teller.answer(message), headers=headers)

    async def get(request: Request) -> Response:
        del request
        if teller.is_modern:
            return Response(status_code=405)
        id_ = object()  # of a stream of its own
        return _events(teller, lambda say: teller.listeners.update({id_: ({}, say)}), id_)

    async def delete(request: Request) -> Response:
        del request
        return Response(status_code=204)

    routes = [
        Route("/mcp", post, methods=["POST"]),
        Route("/mcp", get, methods=["GET"]),
        Route("/mcp", delete, methods=["DELETE"]),
    ]
    with served(Starlette(routes=routes)) as address:
        teller.url = f"{address}/mcp"
        yield teller


def _events(teller: Teller, begin: Callable[[Say], None], id_: object) -> Response:
    queue: asyncio.Queue[Json] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def events() -> AsyncIterator[bytes]:
        begin(lambda message: loop.call_soon_threadsafe(queue.put_nowait, message))
        try:
            yield b": open\n\n"
            while True:
                message = await queue.get()
                if not message:
                    return
                yield f"event: message\ndata: {json.dumps(message)}\n\n".encode()
        finally:
            teller.listeners.pop(id_, None)

    return StreamingResponse(events(), media_type="text/event-stream")


def main() -> None:
    """Serve as a program until the input ends."""
    teller = Teller(sys.argv[1] == "modern")

    def say(message: Json) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    if not teller.is_modern:
        teller.listeners["pipe"] = ({}, say)
    for line in sys.stdin:
        message = json.loads(line)
        if message["method"] == "notifications/cancelled":
            teller.listeners.pop(message["params"]["requestId"], None)
            teller.heard.append(message)
        if "id" not in message:
            continue
        teller.heard.append(message)
        if message["method"] == "subscriptions/listen" and teller.is_modern:
            teller.listen(message, say)
            continue
        say(teller.answer(message))


if __name__ == "__main__":
    main()
