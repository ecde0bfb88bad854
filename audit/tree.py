"""The Merkle tree of RFC 6962 section 2.1: hashes, a growing frontier, proofs and their verification.

Pure. A tree is never held in memory here: `Frontier` keeps the roots of the perfect subtrees that cover the leaves
(the one bits of the size), and proofs ask a `Perfect` function for the hashes that they need.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from audit.errors import AuditError

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""
TILE_HEIGHT = 8
"""Stored subtree hashes lie this many levels apart (C2SP tlog-tiles)."""
TILE_WIDTH = 1 << TILE_HEIGHT

Perfect: TypeAlias = Callable[[int, int], bytes]
"""`perfect(level, index)`: the hash of the perfect subtree over leaves [index << level, (index + 1) << level)."""


def leaf_hash(body: bytes) -> bytes:
    """Return SHA-256(0x00 || body), 32 bytes."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class Mark(NamedTuple):
    """A frontier at one moment, to go back to."""

    size: int
    peaks: tuple[bytes, ...]


_NOTHING = Mark(0, ())


class Frontier:
    """The roots of the perfect subtrees that cover a growing tree, largest first."""

    __slots__ = ("_peaks", "_size")

    def __init__(self, mark: Mark = _NOTHING) -> None:
        """Start from a mark.

        Raises: AuditError when the mark has not one peak for each one bit of its size.
        """
        self.restore(mark)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (not a body)."""
        rest = self._size
        peaks = self._peaks
        while rest & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self._size += 1

    def closing(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Return (tile level, index, hash) of each stored subtree that appending this leaf would complete."""
        closed: list[tuple[int, int, bytes]] = []
        rest, level, end = self._size, 0, len(self._peaks)
        while rest & (TILE_WIDTH - 1) == TILE_WIDTH - 1:
            for peak in reversed(self._peaks[end - TILE_HEIGHT : end]):
                leaf = node_hash(peak, leaf)
            end -= TILE_HEIGHT
            rest >>= TILE_HEIGHT
            level += 1
            closed.append((level, rest, leaf))
        return closed

    def root(self) -> bytes:
        """Return the root of the tree as it is now, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = node_hash(peak, root)
        return root

    def mark(self) -> Mark:
        """Return the present state as a value."""
        return Mark(self._size, tuple(self._peaks))

    def restore(self, mark: Mark) -> None:
        """Go back (or forward) to a state.

        Raises: AuditError when the mark has not one peak for each one bit of its size.
        """
        if mark.size.bit_count() != len(mark.peaks):
            raise AuditError("a frontier needs one hash for each one bit of its size")
        self._size = mark.size
        self._peaks = list(mark.peaks)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def peaks(size: int, perfect: Perfect) -> Mark:
    """Return the frontier at `size`, largest subtree first."""
    found: list[bytes] = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append(perfect(level, start >> level))
            start += 1 << level
    return Mark(size, tuple(found))


def root_at(size: int, perfect: Perfect) -> bytes:
    """Return the root of the first `size` leaves."""
    return Frontier(peaks(size, perfect)).root()


def inclusion_proof(index: int, size: int, perfect: Perfect) -> list[bytes]:
    """Return RFC 6962's audit path of leaf `index` in the tree of `size`, from the leaf's sibling up.

    Raises: AuditError when the leaf is not in the tree.
    """
    if not 0 <= index < size:
        raise AuditError(f"there is no entry {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(middle, high, perfect))
            high = middle
        else:
            path.append(_range_root(low, middle, perfect))
            low = middle
    path.reverse()
    return path


def consistency_proof(old: int, new: int, perfect: Perfect) -> list[bytes]:
    """Return RFC 6962's proof that the tree of `old` leaves is a prefix of the tree of `new`.

    Raises: AuditError unless 0 < old <= new.
    """
    if not 0 < old <= new:
        raise AuditError(f"no consistency proof from {old} to {new}")
    proof: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range_root(middle, high, perfect))
            high = middle
        else:
            proof.append(_range_root(low, middle, perfect))
            low, whole = middle, False
    if not whole:
        proof.append(_range_root(low, high, perfect))
    proof.reverse()
    return proof


def root_from_inclusion(leaf: bytes, index: int, *, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that the path leads to (RFC 9162 section 2.1.3.2).

    Raises: AuditError when the path has not the length that index and size ask for.
    """
    if not 0 <= index < size:
        raise AuditError(f"there is no entry {index} in a tree of {size}")
    fn, sn, root = index, size - 1, leaf
    for step in path:
        if sn == 0:
            raise AuditError("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            root = node_hash(step, root)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            root = node_hash(root, step)
        fn >>= 1
        sn >>= 1
    if sn:
        raise AuditError("the inclusion proof is too short")
    return root


def is_consistent(old: tuple[int, bytes], new: tuple[int, bytes], *, proof: Sequence[bytes]) -> bool:
    """Say whether `proof` shows that tree (size, root) `old` is a prefix of `new` (RFC 9162 section 2.1.4.2)."""
    (first, first_root), (second, second_root) = old, new
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    steps = list(proof)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    return _climb(steps, fn, sn) == (first_root, second_root)


def _climb(steps: Sequence[bytes], fn: int, sn: int) -> tuple[bytes, bytes] | None:
    low = high = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            low, high = node_hash(step, low), node_hash(step, high)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            high = node_hash(high, step)
        fn >>= 1
        sn >>= 1
    return None if sn else (low, high)


def _split(count: int) -> int:
    """Return the largest power of two below `count` (> 1)."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(low: int, high: int, perfect: Perfect) -> bytes:
    """Return the root over leaves [low, high), where low is aligned as RFC 6962's splitting aligns it."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return perfect(level, low >> level)
    middle = low + _split(count)
    return node_hash(_range_root(low, middle, perfect), _range_root(middle, high, perfect))
