"""The pages of agents' sessions, for those who may read the log; every look is recorded first."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response

from audit import AuditError, decode
from audit.seal import identity_of
from firewall.console.auth import Access
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.runs.following import Follower
from firewall.console.runs.index import Run
from firewall.console.runs.story import Line, line
from firewall.console.tokens.words import ago, dollars, moment
from firewall.core.errors import FirewallError, ProtocolError, StoreError
from firewall.core.grant import Grant
from firewall.core.ids import is_id
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit
from firewall.sequencer.sealing import Sealing
from firewall.storage.sqlite.schema import open_reader
from firewall.tokens import grant_json
from firewall.tokens.service import Tokens

PATH = "/console/sessions"
PAGE = 30
LINES = 100
PAGE_BYTES = 8 << 20
"""Stored bytes of the entries of one page; an entry that is larger by itself is a page of its own."""
_LAST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as the pages show it."""

    run: Run
    grant: Grant | None
    last: str
    began_at: str
    last_at: str
    cost: str

    @property
    def title(self) -> str:
        """Whose it is."""
        return f"{self.grant.agent} for {self.grant.owner}" if self.grant else self.run.principal or self.run.token

    @property
    def counts(self) -> tuple[str, ...]:
        """What was done, in numbers."""
        run = self.run
        pairs = ((run.models, "model call"), (run.tools, "tool call"))
        said = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in pairs if count]
        return (
            *said,
            *([f"{run.asked} asked about"] if run.asked else []),
            *([f"{run.denied} denied"] if run.denied else []),
        )


class SessionRoom:
    """The room; the log is read in threads with a connection each, the index with one that is given."""

    tab = Tab(PATH, "Sessions", Access.LOG)

    def __init__(
        self,
        follower: Follower,
        log: Path,
        *,
        sealing: Sealing,
        sequencer: Sequencer,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._follower = follower
        self._index = follower.reader
        self._log = log
        self._sealing = sealing
        self._sequencer = sequencer
        self._tokens = tokens
        self._clock = clock

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def listing(request: Request, visitor: Visitor) -> Response:
            before = _pair(request.query_params.get("before", ""))
            await self._read_by(visitor, {"what": "sessions"})
            behind = await self._follower.catch_up()
            found = list(self._index.latest(PAGE + 1, before))
            runs, is_more = found[:PAGE], len(found) > PAGE
            older = f"{runs[-1].last_at}.{runs[-1].no}" if is_more else ""
            return frame.html(
                "sessions.html",
                visitor,
                self.tab,
                runs=[self._shown(one) for one in runs],
                older=older,
                is_first=before is None,
                behind=behind,
            )

        async def one(request: Request, visitor: Visitor) -> Response:
            token = str(request.path_params["token"])
            before = _number(request.query_params.get("before", ""))
            await self._follower.catch_up()
            run = self._index.run(token) if is_id(token, "tok") else None
            if run is None:
                raise ProtocolError("there is no such session, or not yet", code="session_unknown", status=404)
            await self._read_by(visitor, {"what": "session", "token": token})
            seqs = self._index.entries(run.no, LINES + 1, before)
            lines, first = await asyncio.to_thread(self._lines, seqs[-LINES:])
            is_more = bool(seqs) and seqs[0] < first
            return frame.html(
                "session.html",
                visitor,
                self.tab,
                shown=self._shown(run),
                lines=lines,
                earlier=first if is_more else 0,
                is_last=before == _LAST,
            )

        return (
            frame.page(PATH, listing, self.tab.needs),
            frame.page(f"{PATH}/{{token}}", one, self.tab.needs),
        )

    async def _read_by(self, visitor: Visitor, data: Mapping[str, Plain]) -> None:
        """Record who looks at what. Raises: StoreError; then nothing is shown."""
        name = visitor.who.name
        record = Record(kind="audit.read", data=data, person=name, principal=name, private={"name": name})
        await self._sequencer.submit(Unit(records=(record,)))

    def _shown(self, run: Run) -> Shown:
        try:
            row = self._tokens.row(run.token)
            grant = grant_json.parse(row.grant) if row.grant else None
        except StoreError:
            raise
        except FirewallError:
            grant = None
        return Shown(
            run=run,
            grant=grant,
            last=ago(run.last_at, self._clock.now_us()),
            began_at=moment(run.began_at),
            last_at=moment(run.last_at),
            cost=dollars(run.cost_micros) if run.cost_micros else "",
        )

    def _lines(self, seqs: Sequence[int]) -> tuple[list[Line], int]:
        """Return the last of these entries as far as a page's bytes reach, and the first that was taken.

        Raises: StoreError.
        """
        lines: list[Line] = []
        weight, first = 0, _LAST
        reader = open_reader(self._log)
        try:
            for seq in reversed(seqs):
                row = reader.execute("SELECT body, sealed FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
                if row is not None:
                    weight += len(row[0]) + len(row[1] or b"")
                    if lines and weight > PAGE_BYTES:
                        break
                    lines.append(self._line(seq, row[0], row[1]))
                first = seq
        except (sqlite3.Error, AuditError) as error:
            raise StoreError("the log cannot be read", detail=str(error)) from error
        finally:
            reader.close()
        return lines[::-1], first

    def _line(self, seq: int, body: bytes, sealed: bytes | None) -> Line:
        entry = decode(body)
        opened = self._sealing.open_under(entry.subject, sealed, identity_of(entry)) if sealed else None
        private = orjson.loads(opened) if opened else None
        found = private if isinstance(private, dict) else None
        return line(seq, entry, found, is_sealed=bool(sealed))


def _pair(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    at, _, no = text.partition(".")
    return _number(at), _number(no)


def _number(text: str) -> int:
    if not text:
        return _LAST
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ProtocolError("there is no such page", code="not_found", status=404)
    return int(text)
