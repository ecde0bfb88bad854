"""Making the index, a block in a commit, in a process of its own: `python -m firewall.console.explorer.indexing`.

It is started by the server when a block is due, works at the lowest priority until none is, and ends; so it takes
no turn from the process that judges calls, and holds up no commit: it only reads the log. What it needs comes on
standard input as one JSON object: {"log", "keystore", "index", "kek" in base64}. Killed at any moment, the next
one goes on behind the last block that is there.
"""

import base64
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from audit import AuditError
from audit.seal import Keystore, SubjectKey
from firewall.console.explorer.blocks import WIDTH, Mark, packed
from firewall.console.explorer.log import Log
from firewall.console.explorer.seen import Seen
from firewall.console.explorer.store import Block, Index, remove
from firewall.core.errors import StoreError

OPEN_SUBJECT = "stayhand"
"""Whose key seals blocks and marks words that were never sealed: the system's, as in `sequencer.sealing`."""
NICE = 15


def marker(keystore: Keystore) -> Mark:
    """Return what gives a word its mark under a key; None once the key was erased."""

    def mark(key_id: str, word: str) -> int | None:
        key = keystore.find(key_id)
        return None if key is None else int.from_bytes(key.word(word)[:4], "big")

    return mark


def bound_to(number: int, part: str) -> bytes:
    """Return what a sealed part of a block is bound to."""
    return f"stayhand search v1\n{part}\n{number}\n".encode()


def index(log: Log, keystore: Keystore, path: Path, *, is_wanted: Callable[[], bool] = lambda: True) -> int:
    """Index every whole block that is missing, while that is wanted; return how many entries are in the index.

    Raises: StoreError, AuditError, sqlite3.Error: what was kept so far stays.
    """
    if log.size < WIDTH:
        return 0
    key = keystore.key_for(OPEN_SUBJECT)
    kept = _fitting(log, path, key)
    try:
        mark = marker(keystore)
        while is_wanted() and log.size - kept.size >= WIDTH:
            keystore.look_again()  # the server erases, and this process may run for an hour
            number = kept.size // WIDTH
            seen: list[Seen] = []
            marks, rows = packed(_noted(log.between(number * WIDTH, (number + 1) * WIDTH), seen), mark, key.id)
            sealed = (
                key.seal(bound_to(number, part), one.dump()) for part, one in (("marks", marks), ("rows", rows))
            )
            kept.keep(Block(number, seen, *sealed))
        return kept.size
    finally:
        kept.close()


def _noted(entries: Iterable[Seen], seen: list[Seen]) -> Iterator[Seen]:
    """Pass entries on and note them without what was sealed: a block's may be large."""
    for one in entries:
        yield one
        seen.append(replace(one, private=None, body=b""))


def _fitting(log: Log, path: Path, key: SubjectKey) -> Index:
    """Open the index of this log, made anew where it is another's, or of a log that was longer."""
    kept = Index.writing(path, log=log.leaf(0), key=key.id)
    if kept.size and kept.last_leaf() != log.leaf(kept.size - 1):
        kept.close()
        remove(path)
        kept = Index.writing(path, log=log.leaf(0), key=key.id)
    return kept


def main() -> int:
    """Index what is due and end: 0, or 1 with a line on standard error."""
    os.nice(NICE)
    parent = os.getppid()
    try:
        said = orjson.loads(sys.stdin.buffer.read())
        keystore = Keystore(Path(said["keystore"]), base64.b64decode(said["kek"]))
        try:
            log = Log(Path(said["log"]), keystore)
            try:
                index(log, keystore, Path(said["index"]), is_wanted=lambda: os.getppid() == parent)
            finally:
                log.close()
        finally:
            keystore.close()
    except (StoreError, AuditError, sqlite3.Error, OSError, ValueError, KeyError) as error:
        detail = error.detail or error.public if isinstance(error, StoreError) else str(error)
        sys.stderr.write(f"{detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
