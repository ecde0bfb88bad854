"""Bundles: entries as JSON lines, each with its proof (docs/audit-format.md, part 10).

The first line says what the bundle is; every other holds `entry`, the body, `proof`, a c2sp.org/tlog-proof of it,
and what whoever made it opened. What was opened is not proven: the log holds the hash of its ciphertext. Neither
is the first line, yet how many entries it speaks of tells a file that lost lines on its way from a whole one.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.checkpoint import VerifierKey, unb64
from audit.errors import AuditError
from audit.verify import verify_proof
from audit.writing import canonical

NAME = "stayhand audit bundle v1"
"""What `bundle` of the first line says."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle was proven to hold."""

    entries: int
    size: int
    """Of the log, under the largest head that a proof is under."""
    heads: tuple[tuple[int, bytes], ...]
    """Size and root of each head that proofs are under."""
    lowest: int
    highest: int
    beside: int
    """Lines that say more than their proof proves: what was opened, or anything else that somebody wrote there."""

    @property
    def left_out(self) -> int:
        """How many numbers between the lowest and the highest are not in it."""
        return self.highest - self.lowest + 1 - self.entries


class _Lines:
    """What was found so far."""

    def __init__(self, keys: Sequence[VerifierKey], origin: str) -> None:
        self.keys = keys
        self.origin = origin
        self.heads: dict[int, bytes] = {}
        self.seen: set[int] = set()
        self.beside = 0
        self.said: int | None = None
        """How many entries the first line says that there are; it need not say so."""


def verify_bundle(lines: Iterable[str], keys: Sequence[VerifierKey], *, origin: str = "") -> Bundled:
    """Return what a bundle of ours proves.

    Raises: AuditError, with the line, when one is malformed, says something else than its proof, or is not proven.
    """
    found = _Lines(keys, origin)
    for number, line in enumerate(lines, 1):
        try:
            if number == 1:
                found.said = _said(line)
            else:
                _take(line, found)
        except AuditError as error:
            raise AuditError(f"line {number}: {error}") from error
    if not found.heads:
        raise AuditError("this is no bundle with entries")
    count = len(found.seen)
    if found.said not in {None, count}:
        raise AuditError(f"the first line speaks of {found.said} entries, {count} are here: the file is not whole")
    heads = tuple(sorted(found.heads.items()))
    return Bundled(count, max(found.heads), heads, min(found.seen), max(found.seen), found.beside)


def _said(line: str) -> int | None:
    head = _object(line)
    if head.get("bundle") != NAME:
        raise AuditError(f"this is no `{NAME}`")
    entries = head.get("entries")
    if entries is not None and (not isinstance(entries, int) or isinstance(entries, bool)):
        raise AuditError("`entries` is no number")
    return entries


def _take(line: str, found: _Lines) -> None:
    row = _object(line)
    proof, entry = row.get("proof"), row.get("entry")
    if not isinstance(proof, str) or not isinstance(entry, dict):
        raise AuditError("a line has no entry with its proof")
    said, checkpoint = verify_proof(proof, found.keys, origin=found.origin)
    if canonical(entry) != _proven_body(proof):
        raise AuditError(f"entry {said.seq} is not what its proof proves")
    if found.heads.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
        raise AuditError(f"two heads of {checkpoint.size} entries differ")
    if said.seq in found.seen:
        raise AuditError(f"entry {said.seq} stands twice")
    found.seen.add(said.seq)
    found.beside += row.keys() != {"entry", "proof"}


def _proven_body(proof: str) -> bytes:
    """Return the body that a verified proof carries as its extra data."""
    return unb64(proof.split("\n", 2)[1].removeprefix("extra "))


def _object(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AuditError("it is no JSON") from error
    if not isinstance(found, dict):
        raise AuditError("it is no JSON object")
    return found
