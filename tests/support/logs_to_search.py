"""Logs with sealed entries, written through the sequencer's own parts without a server, and their index."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from audit import Draft, Kind, SigningKey
from audit.seal import Keystore, identity, read_kek, write_kek
from audit.sqlite import Log as Appending
from audit.sqlite import open_log
from firewall.console.explorer.indexing import index
from firewall.console.explorer.log import Log
from firewall.console.explorer.search import Searcher
from firewall.core.work import Plain, Record
from firewall.sequencer.sealing import Sealing
from tests.support.audit_logs import KEY, ORIGIN, connect

START_US = 1_795_262_400_000_000
"""When the first entry is written, 21 November 2026; a second passes between two."""


@dataclass(slots=True)
class Written:
    """A log that is being written, with its keys."""

    folder: Path
    keystore: Keystore
    sealing: Sealing
    key: SigningKey
    size: int = 0

    @property
    def path(self) -> Path:
        """The log's file."""
        return self.folder / "stayhand.db"

    @property
    def index(self) -> Path:
        """The index's file."""
        return self.folder / "search.db"

    @property
    def kek(self) -> bytes:
        """What wraps the keys."""
        return read_kek(self.folder / "keystore.key")

    def write(self, records: Iterable[Record]) -> None:
        """Append records in one commit."""
        self._append([self._draft(one, self.size + at) for at, one in enumerate(records)])

    def fill(self, count: int) -> None:
        """Append entries that say nothing in particular."""
        self.write(judged(word=f"filler{at}") for at in range(count))

    def indexed(self) -> int:
        """Index what is due, in this process."""
        log = Log(self.path, self.keystore)
        try:
            return index(log, self.keystore, self.index)
        finally:
            log.close()

    def searcher(self) -> Searcher:
        """Return who searches it."""
        return Searcher(self.path, self.index, self.keystore)

    def _append(self, drafts: Sequence[Draft]) -> None:
        conn = connect(self.path)
        try:
            log: Appending = open_log(conn, self.key, origin=ORIGIN)
            conn.execute("BEGIN IMMEDIATE")
            log.append(drafts)
            log.checkpoint()
            conn.execute("COMMIT")
            log.committed()
            self.size = log.size
        finally:
            conn.close()

    def _draft(self, record: Record, seq: int) -> Draft:
        at = START_US + seq * 1_000_000
        principal = self.sealing.pseudonym(record.principal) if record.principal else ""
        kind = Kind(record.kind)
        if record.private is None:
            return Draft(kind, principal, at, record.data, record.approval)
        key = self.sealing.key_for(record.person)
        bound = identity(record.kind, at, principal=principal, approval=record.approval, subject=key.id)
        sealed = key.seal(bound, orjson.dumps(record.private))
        return Draft(kind, principal, at, record.data, record.approval, key.id, sealed)


@contextmanager
def written(folder: Path) -> Iterator[Written]:
    """Make an empty log with a keystore."""
    write_kek(folder / "keystore.key")
    keystore = Keystore.create(folder / "keystore.db", read_kek(folder / "keystore.key"))
    one = Written(folder, keystore, Sealing(keystore), KEY)
    one._append([])
    try:
        yield one
    finally:
        keystore.close()


def judged(
    *,
    owner: str = "alice",
    agent: str = "claude",
    verdict: str = "allow",
    environment: str = "staging",
    effects: tuple[str, ...] = ("read",),
    resource: str = "file:/srv/data",
    session: str = "ses_1",
    approval: str = "",
    word: str = "ls",
    kind: str = "tool.judged",
    more: Mapping[str, Plain] | None = None,
) -> Record:
    """One verdict, with the fields that the guard writes."""
    return Record(
        kind=kind,
        data={
            "verdict": verdict,
            "environment": environment,
            "effects": effects,
            "gate": "models",
            **(more or {}),
        },
        person=owner,
        principal=f"{owner}/{agent}",
        approval=approval,
        private={
            "tool": "bash",
            "arguments": f'{{"command": "{word}"}}',
            "session": session,
            "actions": [{"operation": "run", "resource": resource, "environment": environment, "summary": word}],
        },
    )


_WORDS = ("delete", "list", "volumeDelete", "naïve", "\uff26\uff35\uff2c\uff2c", "payroll_2026")


def scattered(seed: int, count: int) -> list[Record]:
    """Return entries of a few people, places and words, thrown together."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    return [
        judged(
            owner=dice.choice(("alice", "bob")),
            agent=dice.choice(("claude", "codex")),
            verdict=dice.choice(("allow", "ask", "deny")),
            environment=dice.choice(("staging", "production")),
            effects=dice.choice((("read",), ("write",), ("destructive", "exec"))),
            resource=dice.choice(("volume:railway/vol_1", "volume:railway/vol_2", "file:/srv/data")),
            session=dice.choice(("ses_1", "ses_2")),
            approval=dice.choice(("", "", "apr_1")),
            word=" ".join(dice.sample(_WORDS, 2)),
        )
        for _ in range(count)
    ]
