"""The append-only log that anyone can verify without trusting us (docs/audit-format.md is normative).

This package is importable alone: the standard library and `cryptography`, nothing of `firewall`. The pure half is
re-exported here; what touches files has a module of its own:

    audit.schema    the tables, and the guard on a connection
    audit.sqlite    open_log, Log: appending inside the caller's transaction
    audit.seal      Keystore: subject keys, sealing, erasure
    audit.witness   heads kept somewhere else
    audit.verify    verify: the whole proof, read-only
    audit.bundle    verify_bundle: entries with their proofs
    python -m audit verify | show | prove | export
"""

from audit.checkpoint import Checkpoint, SigningKey, VerifierKey, parse_note, verify_note
from audit.entry import Draft, Entry, Kind, decode, encode
from audit.errors import AuditError
from audit.tree import (
    EMPTY_ROOT,
    Frontier,
    Mark,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
)
from audit.writing import Json, canonical

__all__ = [
    "EMPTY_ROOT",
    "AuditError",
    "Checkpoint",
    "Draft",
    "Entry",
    "Frontier",
    "Json",
    "Kind",
    "Mark",
    "SigningKey",
    "VerifierKey",
    "canonical",
    "consistency_proof",
    "decode",
    "encode",
    "inclusion_proof",
    "is_consistent",
    "leaf_hash",
    "node_hash",
    "parse_note",
    "root_from_inclusion",
    "root_of",
    "verify_note",
]
