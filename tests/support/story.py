"""Reads an installation's log as its owner can: every entry with its sealed part opened, oldest first."""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from audit import decode
from audit.reader import open_readonly
from audit.seal import Keystore, identity_of, read_kek
from tests.support.installation import Installed


@dataclass(frozen=True, slots=True)
class Told:
    """One entry."""

    seq: int
    kind: str
    approval: str
    data: dict[str, object]
    private: dict[str, object]
    """The sealed part; empty where there is none."""

    @property
    def summaries(self) -> str:
        """What the actions of a judged call do, in our words."""
        actions = self.private.get("actions")
        return "; ".join(str(one["summary"]) for one in actions) if isinstance(actions, list) else ""


def story(installed: Installed, *kinds: str) -> list[Told]:
    """Return the entries of these kinds (all where none is named)."""
    data = Path(installed.shown["data_dir"])
    kek = read_kek(installed.config.with_name("keystore.key"))
    with closing(Keystore(data / "keystore.db", kek)) as keystore:
        with closing(open_readonly(installed.database, text=bytes)) as log:
            rows = log.execute("SELECT body, sealed FROM audit_entries ORDER BY seq").fetchall()
        told = [_told(body, sealed, keystore) for body, sealed in rows]
    return [one for one in told if not kinds or one.kind in kinds]


def until_told(installed: Installed, kind: str, holds: Callable[[Told], bool], *, limit_s: int = 30) -> None:
    """Wait for an entry that nothing waits for, as resolvers write theirs; fail when it does not come."""
    end = time.monotonic() + limit_s
    while not any(holds(one) for one in story(installed, kind)):
        assert time.monotonic() < end, f"no such entry of kind {kind}"
        time.sleep(0.05)


def kinds(told: Iterable[Told]) -> list[str]:
    """Return the kinds alone."""
    return [one.kind for one in told]


def _told(body: bytes, sealed: bytes | None, keystore: Keystore) -> Told:
    entry = decode(body)
    private: dict[str, object] = {}
    if sealed is not None:
        key = keystore.find(entry.subject)
        assert key is not None
        private = json.loads(key.open(identity_of(entry), sealed))
    return Told(entry.seq, str(entry.kind), entry.approval, dict(entry.data), private)
