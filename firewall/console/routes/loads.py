"""Every load and swap of routes, newest first, as the log tells it; each look is recorded first."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from audit import AuditError, decode
from audit.seal import identity_of
from firewall.console.runs.following import Follower
from firewall.console.tokens.words import moment
from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.sequencer.sealing import Sealing
from firewall.storage.sqlite.schema import open_reader

PAGE = 50
MOST_CHARS = 2_000
"""Of why something was refused."""


@dataclass(frozen=True, slots=True)
class Load:
    """One entry about routes."""

    seq: int
    at: str
    """ISO 8601."""
    what: str
    """`swap`, `load`, `start` or `refused`."""
    by: str
    """Who it was; empty: the server, or a name that is erased."""
    route: str
    was: str
    now: str
    why: str
    digest: str
    """Of the routes in force from then on; empty: none were put in force."""


@dataclass(frozen=True, slots=True)
class LoadPage:
    """Some of them."""

    loads: tuple[Load, ...]
    older: int
    """The number below which older ones are; 0: there are none."""
    behind: int
    """Entries that are not in the index yet."""


@dataclass(frozen=True, slots=True)
class LoadHistory:
    """Reads them for those who may read the log."""

    follower: Follower
    log: Path
    sealing: Sealing
    sequencer: Sequencer

    async def look(self, name: str, before: int) -> LoadPage:
        """Record that somebody looks, and return a page of entries below a number.

        Raises: StoreError; then nothing is shown.
        """
        data = {"what": "route_history"}
        record = Record(kind="audit.read", data=data, person=name, principal=name, private={"name": name})
        await self.sequencer.submit(Unit(records=(record,)))
        behind = await self.follower.catch_up()
        seqs = self.follower.reader.loads(before, PAGE + 1)
        found = await asyncio.to_thread(self._read, seqs[:PAGE])
        return LoadPage(found, seqs[PAGE - 1] if len(seqs) > PAGE else 0, behind)

    def _read(self, seqs: Sequence[int]) -> tuple[Load, ...]:
        try:
            reader = open_reader(self.log)
            try:
                rows = [
                    reader.execute("SELECT seq, body, sealed FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
                    for seq in seqs
                ]
            finally:
                reader.close()
            return tuple(self._load(*row) for row in rows if row is not None)
        except (sqlite3.Error, AuditError) as error:
            raise StoreError("the log cannot be read", detail=str(error)) from error

    def _load(self, seq: int, body: bytes, sealed: bytes | None) -> Load:
        entry = decode(body)
        opened = self.sealing.open_under(entry.subject, sealed, identity_of(entry)) if sealed else None
        found = orjson.loads(opened) if opened else None
        told = {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}
        what = "refused" if entry.kind == "config.refused" else "start" if "pid" in entry.data else "load"
        if what == "load" and told.get("route"):
            what = "swap"
        return Load(
            seq=seq,
            at=moment(entry.at),
            what=what,
            by=told.get("by", ""),
            route=told.get("route", ""),
            was=told.get("was", ""),
            now=told.get("now") or told.get("to", ""),
            why=told.get("why", "")[:MOST_CHARS],
            digest=str(entry.data.get("routes", "")),
        )
