"""Bundles: entries as JSON lines, each with its proof (docs/audit-format.md, part 10).

The first line says what the bundle is; every other holds `entry`, the body, `proof`, a c2sp.org/tlog-proof of it,
and what whoever made it opened. What was opened is not proven: the log holds the hash of its ciphertext.
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


def verify_bundle(lines: Iterable[str], keys: Sequence[VerifierKey], *, origin: str = "") -> Bundled:
    """Return what a bundle of ours proves.

    Raises: AuditError, with the line, when one is malformed, says something else than its proof, or is not proven.
    """
    heads: dict[int, bytes] = {}
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        try:
            if number == 1:
                _check_head(line)
            else:
                _take(line, keys, origin, heads=heads, seen=seen)
        except AuditError as error:
            raise AuditError(f"line {number}: {error}") from error
    if not heads:
        raise AuditError("this is no bundle with entries")
    return Bundled(len(seen), max(heads), tuple(sorted(heads.items())))


def _check_head(line: str) -> None:
    if _object(line).get("bundle") != NAME:
        raise AuditError(f"this is no `{NAME}`")


def _take(line: str, keys: Sequence[VerifierKey], origin: str, *, heads: dict[int, bytes], seen: set[int]) -> None:
    row = _object(line)
    proof, entry = row.get("proof"), row.get("entry")
    if not isinstance(proof, str) or not isinstance(entry, dict):
        raise AuditError("a line has no entry with its proof")
    said, checkpoint = verify_proof(proof, keys, origin=origin)
    if canonical(entry) != _proven_body(proof):
        raise AuditError(f"entry {said.seq} is not what its proof proves")
    if heads.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
        raise AuditError(f"two heads of {checkpoint.size} entries differ")
    if said.seq in seen:
        raise AuditError(f"entry {said.seq} stands twice")
    seen.add(said.seq)


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
