"""The log's tables in SQLite, as text, and the guard that keeps a connection from changing them.

The tables live in the same file as the firewall's others, so that one commit holds an effect and its record. They
are insert-only: triggers refuse UPDATE and DELETE, and a next-number trigger refuses what slips past those
(REPLACE fires no delete trigger) as well as gaps. `guard` closes on one connection what triggers cannot: DROP,
ALTER, ATTACH, writable_schema. Whoever owns the file can still change it: that is found, not prevented
(`audit.verify`).
"""

import sqlite3

from audit.errors import AuditError

TABLES = {
    "audit_entries": """CREATE TABLE audit_entries (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  principal TEXT NOT NULL,
  approval TEXT NOT NULL,
  leaf BLOB NOT NULL,
  body BLOB NOT NULL,
  sealed BLOB
) STRICT""",
    "audit_nodes": """CREATE TABLE audit_nodes (
  level INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID""",
    "audit_checkpoints": """CREATE TABLE audit_checkpoints (
  size INTEGER PRIMARY KEY,
  note BLOB NOT NULL
) STRICT""",
}
"""Name to the exact statement; docs/audit-format.md repeats them."""

_NEXT = {
    "audit_entries": "NEW.seq IS NOT (SELECT coalesce(max(seq), -1) + 1 FROM audit_entries)",
    "audit_nodes": ("NEW.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM audit_nodes WHERE level = NEW.level)"),
    "audit_checkpoints": (
        "NEW.size IS NOT (SELECT coalesce(max(seq), -1) + 1 FROM audit_entries)\n"
        "  OR NEW.size <= (SELECT coalesce(max(size), -1) FROM audit_checkpoints)"
    ),
}

TRIGGERS = {
    f"{table}_{name}": (
        f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table}{when}\n"
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
    for table, condition in _NEXT.items()
    for name, event, when in (
        ("no_update", "UPDATE", ""),
        ("no_delete", "DELETE", ""),
        ("next_only", "INSERT", f"\nWHEN {condition}"),
    )
}

INDEXES = {
    "audit_entries_approval": (
        "CREATE INDEX audit_entries_approval ON audit_entries (approval) WHERE approval <> ''"
    )
}

OBJECTS = TABLES | TRIGGERS | INDEXES
"""Everything named audit_* that a log has, in the order of creation."""


def create(conn: sqlite3.Connection) -> None:
    """Create what is missing of the log's tables; does nothing on a complete log. Commits nothing by itself.

    Raises: AuditError when something of that name exists in another form, or the file cannot be written.
    """
    try:
        present = stored(conn)
        for name, statement in OBJECTS.items():
            if name not in present:
                conn.execute(statement)
    except sqlite3.Error as error:
        raise AuditError(f"cannot create the log's tables: {error}") from error
    wrong = drift(conn)
    if wrong:
        raise AuditError(f"the log's schema is not ours: {wrong[0]}")


def stored(conn: sqlite3.Connection) -> dict[str, str]:
    """Return name to statement of everything named audit_* or attached to such a table."""
    rows = conn.execute(
        "SELECT name, sql FROM sqlite_master"
        " WHERE sql IS NOT NULL AND (name LIKE 'audit\\_%' ESCAPE '\\' OR tbl_name LIKE 'audit\\_%' ESCAPE '\\')"
    )
    return {_text(name): _text(sql) for name, sql in rows}


def drift(conn: sqlite3.Connection) -> list[str]:
    """Return one line for each part of the schema that is missing, changed or added."""
    present = stored(conn)
    lines = [f"`{name}` is missing" for name in OBJECTS if name not in present]
    lines += [f"`{name}` is changed" for name in OBJECTS if present.get(name, OBJECTS[name]) != OBJECTS[name]]
    return lines + [f"`{name}` does not belong here" for name in present if name not in OBJECTS]


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


_OBJECT_ACTIONS = {
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_DROP_TRIGGER,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_DROP_VIEW,
    sqlite3.SQLITE_DROP_TEMP_TABLE,
    sqlite3.SQLITE_DROP_TEMP_TRIGGER,
    sqlite3.SQLITE_DROP_TEMP_INDEX,
    sqlite3.SQLITE_DROP_TEMP_VIEW,
    sqlite3.SQLITE_DROP_VTABLE,
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_TEMP_INDEX,
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_CREATE_TEMP_VIEW,
    sqlite3.SQLITE_CREATE_VTABLE,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
}
"""Actions that are refused when either argument names one of ours; a view or temporary table could shadow one."""

_REFUSED_ACTIONS = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}

_PRAGMAS: dict[str, frozenset[str] | None] = {
    "journal_mode": frozenset({"wal"}),
    "synchronous": frozenset({"full", "extra", "2", "3"}),
    "busy_timeout": None,
    "cache_size": None,
    "data_version": None,
    "foreign_key_check": None,
    "foreign_key_list": None,
    "foreign_keys": None,
    "freelist_count": None,
    "index_info": None,
    "index_list": None,
    "index_xinfo": None,
    "integrity_check": None,
    "journal_size_limit": None,
    "mmap_size": None,
    "optimize": None,
    "page_count": None,
    "page_size": None,
    "quick_check": None,
    "table_info": None,
    "table_list": None,
    "table_xinfo": None,
    "temp_store": None,
    "user_version": None,
    "wal_autocheckpoint": None,
    "wal_checkpoint": None,
}
"""Pragmas that stay allowed, and the values that they may be set to (None: any)."""


def guard(conn: sqlite3.Connection) -> None:
    """Forbid on this connection whatever would change the log other than by appending.

    Refused: UPDATE and DELETE on the log's tables, DROP, ALTER, CREATE of or on anything named audit_*, ATTACH,
    VACUUM (it attaches), loading extensions, every pragma not known to be harmless, and a journal mode or
    synchronous setting that would lose acknowledged entries. Other tables of the file stay writable.
    SQLite asks when a statement is compiled, so call this before the connection is lent to anybody; REPLACE is
    seen as an insert, and refused by the next-number triggers.
    """
    conn.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _schema: str | None, _via: str | None) -> int:
    if action in _REFUSED_ACTIONS:
        return sqlite3.SQLITE_DENY
    if action in _OBJECT_ACTIONS and (_is_ours(first) or _is_ours(second)):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and not _is_harmless(first, second):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _is_ours(name: str | None) -> bool:
    return name is not None and name.lower().startswith("audit_")


def _is_harmless(pragma: str | None, value: str | None) -> bool:
    name = (pragma or "").lower()
    if name not in _PRAGMAS:
        return False
    allowed = _PRAGMAS[name]
    return value is None or allowed is None or value.lower() in allowed
