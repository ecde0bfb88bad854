"""`GET /v1/approvals/{id}` with `Accept: text/event-stream`: how the requester's own approval stands, as it moves.

Events are `status`, with what `?wait=` answers, first at once and then whenever it changes; and `end`, the last,
with `{"code"}`: `settled`, `token_expired`, `token_revoked`, `server_stopping` or `time_over` (ask again). A
comment comes every KEEP_ALIVE_S while nothing changes.
Format: html.spec.whatwg.org/multipage/server-sent-events.html.

INVARIANT: nothing is decided here, and nothing is said after the token ended.
"""

import asyncio
from dataclasses import dataclass, field

import orjson
from starlette.types import Receive, Send

from firewall.approvals.service import Approvals
from firewall.core.approval import ApprovalStatus
from firewall.core.errors import LimitError
from firewall.core.ports import Clock
from firewall.gates.edge.send import Connection, send_end, send_head, send_piece
from firewall.gates.models.status import requested, shown
from firewall.tokens.service import Bearer

KEEP_ALIVE_S = 15
MAX_S = 3600
PER_TOKEN = 8
"""Streams that one token may have open, those of its children included."""
MOST = 1_000
_SILENT = frozenset({"gone", "token_expired", "token_revoked"})
"""After these nothing is said of the approval."""
_US = 1_000_000
_HEAD = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


@dataclass(slots=True, eq=False)
class _Open:
    """One stream on its way."""

    lineage: tuple[str, ...]
    until_us: int
    expires_us: int
    over: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    """Why nothing more is said; `gone`: nobody listens."""

    def end(self, why: str) -> None:
        """Say nothing more."""
        self.why = self.why or why
        self.over.set()


class StatusStreams:
    """Every stream that is open."""

    def __init__(self, approvals: Approvals, clock: Clock) -> None:
        self._approvals = approvals
        self._clock = clock
        self._open: set[_Open] = set()

    async def serve(self, bearer: Bearer, *, path: str, receive: Receive, send: Send) -> None:
        """Stream one approval's status.

        Raises: ApprovalError `approval_unknown` (404), also for somebody else's; LimitError `too_many_streams`.
        """
        approval_id = requested(self._approvals, bearer, path).id
        one = self._admitted(bearer)
        connection = Connection(receive, lambda: one.end("gone"))
        connection.watch()
        try:
            await send_head(send, 200, _HEAD)
            await self._follow(one, approval_id, send)
            if one.why != "gone":
                await send_piece(send, _event("end", orjson.dumps({"code": one.why})))
                await send_end(send)
        finally:
            connection.close()
            self._open.discard(one)

    def revoked(self, token_id: str) -> None:
        """End the streams of a token and its children."""
        for one in self._open:
            if token_id in one.lineage:
                one.end("token_revoked")

    def _admitted(self, bearer: Bearer) -> _Open:
        own = max((sum(name in one.lineage for one in self._open) for name in bearer.lineage), default=0)
        if own >= PER_TOKEN or len(self._open) >= MOST:
            raise LimitError("too many streams are open", retry_after_s=KEEP_ALIVE_S, code="too_many_streams")
        now = self._clock.now_us()
        one = _Open(bearer.lineage, min(now + MAX_S * _US, bearer.expires_us), bearer.expires_us)
        self._open.add(one)
        return one

    async def _follow(self, one: _Open, approval_id: str, send: Send) -> None:
        """Tell what changes, until there is a reason to stop."""
        said = b""
        while not one.why:
            approval = await self._approvals.current(approval_id)
            self._look(one, approval.status)
            if one.why in _SILENT:
                return
            found = shown(self._approvals, approval)
            await send_piece(send, b": nothing new\n\n" if found == said else _event("status", found))
            said = found
            if not one.why:
                await self._turn(one, approval_id)

    def _look(self, one: _Open, status: ApprovalStatus) -> None:
        """Find a reason to stop."""
        now = self._clock.now_us()
        if one.expires_us <= now:
            one.end("token_expired")
        elif status is not ApprovalStatus.PENDING:
            one.end("settled")
        elif one.until_us <= now:
            one.end("time_over")
        elif self._approvals.is_draining:
            one.end("server_stopping")

    async def _turn(self, one: _Open, approval_id: str) -> None:
        """Wait until something may have changed."""
        until_us = min(self._clock.now_us() + KEEP_ALIVE_S * _US, one.until_us)
        waits = [
            asyncio.ensure_future(self._approvals.wait(approval_id, until_us=until_us)),
            asyncio.ensure_future(one.over.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def wants_events(accept: str) -> bool:
    """Tell whether a client asks for a stream of events."""
    return any(part.partition(";")[0].strip().lower() == "text/event-stream" for part in accept.split(","))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
