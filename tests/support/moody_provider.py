"""A provider that speaks Anthropic's dialect, counts who asks, and fails, answers or waits as the test says."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio.to_thread
import orjson
from starlette.types import Message, Receive, Scope, Send

from firewall.demo.serving import served

_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "well"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
_ERROR = {"error": {"message": "not now"}}
_LIMIT_S = 120.0


@dataclass(slots=True)
class Moody:
    """Its moods by name, the first part of the path."""

    address: str = ""
    ill: set[str] = field(default_factory=set)
    """Names that answer `ill_status`."""
    ill_status: int = 503
    gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, those that are well wait before they answer."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by method, name and the rest of the path: `POST soon v1/messages`."""
    seen: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    """The same with body and header fields, in order."""

    def count(self, name: str) -> int:
        """Return how many messages a name was asked for."""
        return self.asked[f"POST {name} v1/messages"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        name, _, rest = str(scope["path"]).lstrip("/").partition("/")
        label, body = f"{scope['method']} {name} {rest}", await _body(receive)
        headers = {key.decode(): value.decode("latin-1") for key, value in scope["headers"]}
        self.seen.append((label, body, headers))
        self.asked[label] += 1
        is_ill = name in self.ill
        if not is_ill:
            await anyio.to_thread.run_sync(self.gate.wait, _LIMIT_S)
        raw = orjson.dumps(_ERROR if is_ill else _ANSWER)
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw))]
        await send(
            {"type": "http.response.start", "status": self.ill_status if is_ill else 200, "headers": fields}
        )
        await send({"type": "http.response.body", "body": raw})


@contextmanager
def moody_provider() -> Iterator[Moody]:
    """Serve it on loopback; it waits for nothing at first."""
    moody = Moody()
    moody.gate.set()
    with served(moody) as address:
        moody.address = address
        try:
            yield moody
        finally:
            moody.gate.set()


async def _body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message: Message = await receive()
        pieces.append(bytes(message.get("body", b"")))
        more = bool(message.get("more_body", False)) and message["type"] == "http.request"
    return b"".join(pieces)
