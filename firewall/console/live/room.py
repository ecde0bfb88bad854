"""The page of live calls and its stream, for those who may read the log; every look is recorded first.

The page without its script shows the last calls. The stream ends with the session, the role, or the server.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.asking import Asker, Doorman
from firewall.console.auth import Access
from firewall.console.held import HeldResponse
from firewall.console.live.feed import KEPT, Feed, Stream
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.sessions import Session
from firewall.core.errors import ProtocolError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit

PATH = "/console/live"
SCRIPT = "live.js"
BATCH_S = 0.5
"""At most one batch in this time: a hundred calls a second are two events."""
BEAT_S = 10.0
"""A comment is sent after this time without calls."""
LOOK_S = 1.0
"""How often the session is looked at."""
_SCRIPT = files("firewall.console").joinpath("static/live.js").read_bytes()


class LiveRoom:
    """The room."""

    tab = Tab(PATH, "Live", Access.LOG)

    def __init__(self, feed: Feed, sequencer: Sequencer) -> None:
        self._feed = feed
        self._sequencer = sequencer

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""
        doorman = frame.doorman

        async def show(_request: Request, visitor: Visitor) -> Response:
            await self._read_by(visitor.who.name)
            return frame.html(
                "live.html",
                visitor,
                self.tab,
                script=SCRIPT,
                calls=self._feed.last(),
                kept=KEPT,
                epoch=self._feed.epoch,
            )

        async def events(request: Request, asker: Asker) -> Response:
            if asker.who is None or asker.session is None:
                raise ProtocolError("sign in with a browser to look at calls", code="no_session", status=403)
            last_id = request.headers.get("last-event-id", "") or request.query_params.get("after", "")
            stream = self._feed.open(asker.who.name, last_id[:40])
            try:
                await self._read_by(asker.who.name)
            except BaseException:
                self._feed.end(stream)
                raise
            body = self._body(stream, doorman, asker.session)
            return HeldResponse(body, media_type="text/event-stream", release=partial(self._feed.end, stream))

        async def script(_request: Request, _asker: Asker) -> Response:
            return Response(
                _SCRIPT, media_type="text/javascript", headers={"cache-control": "public, max-age=300"}
            )

        return (
            frame.page(PATH, show, self.tab.needs),
            Row("GET", f"{PATH}/events", self.tab.needs, events),
            Row("GET", f"/console/{SCRIPT}", Access.PUBLIC, script),
        )

    async def _read_by(self, name: str) -> None:
        record = Record(
            kind="audit.read", data={"what": "live"}, person=name, principal=name, private={"name": name}
        )
        await self._sequencer.submit(Unit(records=(record,)))

    async def _body(self, stream: Stream, doorman: Doorman, session: Session) -> AsyncIterator[bytes]:
        yield b"retry: 3000\n\n"
        quiet_s = 0.0
        while not self._feed.is_closed and doorman.still(session, self.tab.needs):
            if not stream.news.is_set():
                await stream.wait(LOOK_S)
            if not stream.news.is_set():
                quiet_s += LOOK_S
                if quiet_s >= BEAT_S:
                    quiet_s = 0.0
                    yield b": nothing\n\n"
                continue
            calls, skipped = stream.take()
            if (calls or skipped) and doorman.still(session, self.tab.needs):
                quiet_s = 0.0
                yield self._feed.batch(calls, skipped)
                await asyncio.sleep(BATCH_S)
        yield b"event: end\ndata: {}\n\n"
