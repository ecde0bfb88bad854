"""Checking the signatures of stored checkpoints beside the scan: Ed25519 leaves the interpreter's lock."""

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from audit.checkpoint import VerifierKey, verify_note
from audit.errors import WRONG_TYPES, AuditError
from audit.report import Fault, Findings

_CHUNK = 64
_MAX_WAITING = 64


class Signatures:
    """A context that verifies notes on other threads and adds what is wrong to the findings, in order."""

    __slots__ = ("_chunk", "_findings", "_keys", "_pool", "_waiting")

    def __init__(self, keys: Sequence[VerifierKey], findings: Findings) -> None:
        self._keys = tuple(keys)
        self._findings = findings
        self._pool = ThreadPoolExecutor(max(1, min(8, (os.cpu_count() or 2) - 1)))
        self._chunk: list[tuple[int, bytes]] = []
        self._waiting: deque[Future[list[tuple[int, str]]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._send()
            while self._waiting:
                self._take()
        self._pool.shutdown(cancel_futures=True)

    def check(self, size: int, note: bytes) -> None:
        """Verify that pinned keys, and they alone, signed this note."""
        self._chunk.append((size, note))
        if len(self._chunk) >= _CHUNK:
            self._send()

    def _send(self) -> None:
        self._waiting.append(self._pool.submit(_verify, self._chunk, self._keys))
        self._chunk = []
        while len(self._waiting) > _MAX_WAITING:
            self._take()

    def _take(self) -> None:
        for size, wrong in self._waiting.popleft().result():
            self._findings.add(Fault.CHECKPOINT, f"checkpoint {size}: {wrong}", max(0, size - 1))


def _verify(notes: Sequence[tuple[int, bytes]], keys: Sequence[VerifierKey]) -> list[tuple[int, str]]:
    wrong: list[tuple[int, str]] = []
    for size, note in notes:
        try:
            verify_note(note, keys, alone=True)
        except AuditError as error:
            wrong.append((size, str(error)))
        except WRONG_TYPES:
            wrong.append((size, "the note has the wrong type"))
    return wrong
