"""Reading entries for those permitted: sealed parts opened, and the reading itself recorded first."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from audit import AuditError, decode
from audit.seal import identity_of
from firewall.approvals.people import Approver
from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.sequencer.sealing import Sealing


class Entries:
    """The `EntryDesk` of the console."""

    def __init__(self, reader: sqlite3.Connection, sealing: Sealing, sequencer: Sequencer) -> None:
        self._reader = reader
        self._sealing = sealing
        self._sequencer = sequencer

    async def get(self, seq: int, by: Approver) -> Mapping[str, object] | None:
        """Return one entry with its sealed part opened (`null` when its key was erased), or None.

        Raises: StoreError when the log cannot be read or the reading not be recorded.
        """
        try:
            row = self._reader.execute("SELECT body, sealed FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
            if row is None:
                return None
            entry = decode(row[0])
            private = self._sealing.open_under(entry.subject, row[1], identity_of(entry)) if row[1] else None
        except (sqlite3.Error, AuditError) as error:
            raise StoreError("the entry cannot be read", detail=str(error)) from error
        read = Record(
            kind="audit.read", data={"read": seq}, person=by.name, principal=by.name, private={"name": by.name}
        )
        await self._sequencer.submit(Unit(records=(read,)))
        return {
            "seq": entry.seq,
            "at": datetime.fromtimestamp(entry.at / 1e6, UTC).isoformat(),
            "kind": entry.kind,
            "principal": entry.principal,
            "approval": entry.approval,
            "data": dict(entry.data),
            "private": orjson.loads(private) if private else None,
        }
