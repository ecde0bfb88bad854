"""Running digests of a text: what two texts have in common at their start, or at their end, shows in them."""

import hashlib
from collections.abc import Iterator

BLOCK = 2048
"""Bytes between two digests."""


class Digests:
    """The running digests of one body; from its end only where somebody asks, and once for all who do."""

    __slots__ = ("_from_end", "_start", "data", "forward")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.forward = running_digests(data)
        self._start = -1
        self._from_end: tuple[bytes, ...] = ()

    @property
    def whole(self) -> bytes:
        """The SHA-256 of all of it."""
        return self.forward[-1]

    def from_end(self, start: int) -> tuple[bytes, ...]:
        """Return `digests_from_end` of the body; most who ask know it up to the same place."""
        if start != self._start:
            self._start, self._from_end = start, digests_from_end(self.data, start)
        return self._from_end


def running_digests(data: bytes) -> tuple[bytes, ...]:
    """Return the SHA-256 of `data` up to the end of each block, the last one of all of it; never empty."""
    if len(data) <= BLOCK:
        return (hashlib.sha256(data).digest(),)
    view = memoryview(data)
    return tuple(_running(view[at : at + BLOCK] for at in range(0, len(data), BLOCK)))


def digests_from_end(data: bytes, start: int) -> tuple[bytes, ...]:
    """Return a digest of the last block of `data`, of the last two, and so on until `start`."""
    view = memoryview(data)
    return tuple(_running(view[max(start, at - BLOCK) : at] for at in range(len(data), start, -BLOCK)))


def _running(blocks: Iterator[memoryview]) -> Iterator[bytes]:
    running = hashlib.sha256()
    for block in blocks:
        running.update(block)
        yield running.copy().digest()
