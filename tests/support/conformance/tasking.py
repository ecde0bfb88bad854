"""What the official SDK's server has not: the tasks extension, and lists that change, as the suite wants them.

A task's state is computed when somebody asks: how long it has run, what was answered, whether it was cancelled.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXTENSION: Final = "io.modelcontextprotocol/tasks"
SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
LISTS: Final = {"tool": "tools", "prompt": "prompts"}
Json = dict[str, object]


def _schema(**properties: str) -> Json:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}


SCHEMAS: Final[Mapping[str, Json]] = {
    "greet": _schema(name="string"),
    "slow_compute": _schema(seconds="number", label="string"),
    "failing_job": _schema(),
    "protocol_error_job": _schema(),
    "confirm_delete": _schema(filename="string"),
    "multi_input": _schema(),
    "test_tool_with_task": _schema(),
    "test_trigger_tool_change": _schema(),
    "test_trigger_prompt_change": _schema(),
}
"""The tools, and what they take."""
_ASKS: Final[Mapping[str, tuple[str, ...]]] = {"confirm_delete": ("confirm",), "multi_input": ("first", "second")}
_NEEDS_TASK: Final = ("failing_job", "test_tool_with_task")
_LASTS_S: Final = {"failing_job": 1.0, "protocol_error_job": 0.5}
_TTL_MS: Final = 600_000


class RefusedError(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, words: str, data: Json | None = None, status: int = 400) -> None:
        super().__init__(words)
        self.status = status
        self.error: Json = {"code": code, "message": words} | ({"data": data} if data else {})


@dataclass(slots=True)
class _Task:
    """One task."""

    tool: str
    lasts_s: float
    words: str
    begun_at: float = field(default_factory=time.monotonic)
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    answered: set[str] = field(default_factory=set)
    is_cancelled: bool = False

    @property
    def asks(self) -> list[str]:
        """What is not answered yet."""
        return [one for one in _ASKS.get(self.tool, ()) if one not in self.answered]

    @property
    def status(self) -> str:
        """How it stands."""
        if self.is_cancelled:
            return "cancelled"
        if self.asks:
            return "input_required"
        if time.monotonic() - self.begun_at < self.lasts_s:
            return "working"
        return "failed" if self.tool == "protocol_error_job" else "completed"

    def told(self, id_: str) -> Json:
        """Return what a client hears of it."""
        times = {"createdAt": self.created_at, "lastUpdatedAt": self.created_at}
        return {"taskId": id_, "status": self.status, **times, "ttlMs": _TTL_MS, "pollIntervalMs": 100}

    def detailed(self, id_: str) -> Json:
        """Return that with what it asks, or came to."""
        said = self.told(id_)
        match said["status"]:
            case "input_required":
                said["inputRequests"] = {name: _question(name) for name in self.asks}
            case "completed":
                said["result"] = {"content": [_text(self.words)], "isError": self.tool == "failing_job"}
            case "failed":
                said["error"] = {"code": -32603, "message": "the job broke"}
            case _:
                pass
        return said


class Tasking:
    """Stands before the SDK's application, for clients of 2026-07-28."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self._tasks: dict[str, _Task] = {}
        self._listeners: dict[object, tuple[Json, asyncio.Queue[Json]]] = {}
        self._methods: Mapping[str, Callable[[Json], Json]] = {
            "server/discover": lambda _: _hello(),
            "tasks/get": lambda params: self._found(params)[1].detailed(str(params["taskId"])),
            "tasks/update": self._updated,
            "tasks/cancel": self._cancelled,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is ours; everything else is the SDK's."""
        fields = dict(scope.get("headers", ()))
        if scope["type"] != "http" or fields.get(b"mcp-protocol-version") != b"2026-07-28":
            await self._inner(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        response = await self._response(json.loads(body or b"{}"))
        if response is not None:
            await response(scope, receive, send)
            return
        came = [_whole(body)]

        async def again() -> Message:
            return came.pop() if came else await receive()

        await self._inner(scope, again, send)

    async def _response(self, message: Json) -> Response | None:
        """Return the answer to a request; None: the SDK gives it."""
        method, params = message.get("method"), message.get("params") or {}
        assert isinstance(params, dict)
        if method == "subscriptions/listen":
            return StreamingResponse(self._told(message["id"], params), media_type="text/event-stream")
        try:
            if method == "tools/call" and params.get("name") in SCHEMAS:
                result = await self._called(params)
            elif method in self._methods:
                if str(method).startswith("tasks/"):
                    _check(params)
                result = self._methods[str(method)](params)
            else:
                return None
        except RefusedError as error:
            said = {"jsonrpc": "2.0", "id": message["id"], "error": error.error}
            return JSONResponse(said, status_code=error.status)
        answer = {"resultType": "complete", **result}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": answer})

    async def _called(self, params: Json) -> Json:
        name, given = str(params["name"]), params.get("arguments") or {}
        assert isinstance(given, dict)
        if name == "greet":
            return {"content": [_text(f"Hello, {given.get('name')}!")]}
        if name.startswith("test_trigger_"):
            self._changed(LISTS[name.removeprefix("test_trigger_").removesuffix("_change")])
            return {"content": [_text("changed")]}
        if name in _NEEDS_TASK:
            _check(params)
        lasts_s, words = _LASTS_S.get(name, float(given.get("seconds", 0))), "done"
        if name == "test_tool_with_task":
            if not params.get("inputResponses"):
                asks = {"user_name": _question("name")}
                return {"resultType": "input_required", "inputRequests": asks, "requestState": "asked"}
            words = json.dumps(params["inputResponses"])
        if not _follows(params):
            await asyncio.sleep(lasts_s)
            return {"content": [_text(words)]}
        id_ = f"task-{secrets.token_hex(8)}"
        self._tasks[id_] = _Task(name, lasts_s, words)
        return {**self._tasks[id_].told(id_), "resultType": "task"}

    def _found(self, params: Json) -> tuple[str, _Task]:
        id_ = str(params.get("taskId"))
        if id_ not in self._tasks:
            raise RefusedError(-32602, "there is no such task")
        return id_, self._tasks[id_]

    def _updated(self, params: Json) -> Json:
        answers = params.get("inputResponses")
        assert isinstance(answers, dict)
        self._found(params)[1].answered.update(answers)
        return {}

    def _cancelled(self, params: Json) -> Json:
        task = self._found(params)[1]
        task.is_cancelled = task.status in ("working", "input_required", "cancelled")
        return {}

    def _changed(self, name: str) -> None:
        """Tell whoever listens that a list changed."""
        for id_, (wanted, queue) in self._listeners.items():
            if wanted.get(f"{name}ListChanged"):
                queue.put_nowait(_note(f"notifications/{name}/list_changed", id_))

    async def _told(self, id_: object, params: Json) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        wanted = params["notifications"]
        assert isinstance(wanted, dict)
        self._listeners[id_] = (wanted, queue)
        queue.put_nowait(_note("notifications/subscriptions/acknowledged", id_, notifications=wanted))
        try:
            while True:
                yield f"event: message\ndata: {json.dumps(await queue.get())}\n\n".encode()
        finally:
            del self._listeners[id_]


def _whole(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


def _hello() -> Json:
    can: Json = {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {},
        "completions": {},
        "logging": {},
        "extensions": {EXTENSION: {}},
    }
    return {"supportedVersions": ["2026-07-28"], "capabilities": can, "ttlMs": 0, "cacheScope": "private"}


def _note(method: str, id_: object, **params: object) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": {SUBSCRIPTION: id_}}}


def _question(name: str) -> Json:
    fields = {"name": {"type": "string"}, "confirm": {"type": "boolean"}}  # the suite fills in both
    schema = {"type": "object", "properties": fields, "required": [name] if name in fields else []}
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": f"Please tell: {name}", "requestedSchema": schema},
    }


def _text(words: str) -> Json:
    return {"type": "text", "text": words}


def _follows(params: Json) -> bool:
    meta = params.get("_meta") or {}
    assert isinstance(meta, dict)
    can = meta.get("io.modelcontextprotocol/clientCapabilities", {})
    return EXTENSION in can.get("extensions", {})


def _check(params: Json) -> None:
    """Refuse who did not say that it follows tasks."""
    if not _follows(params):
        wanted: Json = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise RefusedError(-32021, "missing required client capability", wanted)
