"""One stored row, and whether its columns are what its hashed body says."""

from hashlib import sha256
from typing import NamedTuple

from audit import entry, tree
from audit.entry import Entry
from audit.errors import AuditError


class Row(NamedTuple):
    """A row of `audit_entries`, as stored: a tuple, since a million of them are made of what a cursor gives."""

    seq: int
    at: int
    kind: str
    principal: str
    approval: str
    leaf: bytes
    body: bytes
    sealed: bytes | None


def check_row(row: Row, expected: int) -> str:
    """Return what is wrong with a row that should be entry `expected`, or an empty text.

    The body is hashed and compared with its leaf, and the body (strictly read) with every column derived from it.
    """
    if row.seq != expected:
        return f"missing, the next stored is {row.seq}"
    if tree.leaf_hash(row.body) != row.leaf:
        return "body does not match its leaf"
    return check_columns(row)


def check_columns(row: Row) -> str:
    """Return what in the columns contradicts the body, or an empty text."""
    try:
        return contradiction(row, entry.decode(row.body))
    except AuditError as error:
        return str(error)


def contradiction(row: Row, said: Entry) -> str:
    """Return which column says something else than the entry in the body, or an empty text."""
    columns = (
        ("seq", row.seq, said.seq),
        ("at", row.at, said.at),
        ("kind", row.kind, said.kind),
        ("principal", row.principal, said.principal),
        ("approval", row.approval, said.approval),
        ("sealed", "" if row.sealed is None else sha256(row.sealed).hexdigest(), said.sealed_sha256),
    )
    for name, stored, hashed in columns:
        if stored != hashed:
            return f"column `{name}` does not match the body"
    return ""
