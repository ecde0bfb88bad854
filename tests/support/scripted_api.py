"""An API over HTTP that answers what a table says: one server for every vendor, on a real socket.

It records every request, knows one credential, and can go wrong in each of the ways in which APIs do.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.types import Receive, Scope, Send


class Fault(StrEnum):
    """How it goes wrong."""

    NONE = "none"
    REFUSED = "403"
    BROKEN = "500"
    MISSING = "404"
    GARBAGE = "garbage"
    EMPTY = "empty"
    REDIRECT = "redirect"
    HUGE = "huge"
    SILENT = "silent"
    """The answer does not come while the client waits."""


Answer = tuple[int, bytes, list[tuple[bytes, bytes]]]
_WRONG: dict[Fault, Answer] = {
    Fault.REFUSED: (403, b'{"message": "no"}', []),
    Fault.BROKEN: (500, b'{"message": "no"}', []),
    Fault.MISSING: (404, b'{"message": "no"}', []),
    Fault.GARBAGE: (200, b'{"droplet": {"id": 1, ', []),
    Fault.EMPTY: (200, b"", []),
    Fault.REDIRECT: (302, b"", [(b"location", b"/elsewhere")]),
    Fault.HUGE: (200, b'{"x": "' + b"a" * (600 * 1024) + b'"}', []),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """An answer that says by its status that there is none, with these words."""

    text: str


@dataclass(slots=True)
class ScriptedApi:
    """Answers by `METHOD /path?query`; what stands nowhere is not found."""

    token: str
    answers: dict[str, object] = field(default_factory=dict)
    fault: Fault = Fault.NONE
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        query = scope["query_string"].decode("ascii")
        line = f"{scope['method']} {scope['raw_path'].decode('ascii')}{'?' if query else ''}{query}"
        self.asked.append(line)
        held = dict(scope["headers"])
        if self.fault is Fault.SILENT:
            await receive()
            await receive()  # until the client hangs up
            return
        status, body, fields = self._answer(line, held.get(b"authorization", b"").decode("latin-1"))
        fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *fields]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, line: str, bearer: str) -> Answer:
        if bearer != f"Bearer {self.token}":
            return 401, b"{}", []
        if self.fault in _WRONG:
            return _WRONG[self.fault]
        return self._scripted(line)

    def _scripted(self, line: str) -> Answer:
        if line not in self.answers:
            return 404, b'{"message": "not found"}', []
        answer = self.answers[line]
        if isinstance(answer, Missing):
            return 404, answer.text.encode(), []
        return 200, json.dumps(answer).encode(), []
