"""Opening the one database file and its tables; the audit tables are the `audit` package's own.

WAL with synchronous FULL: a commit that was acknowledged survives a crash. Plugins of sqlite-utils are off:
nothing that happens to be installed may run on this connection.
"""

import sqlite3
from pathlib import Path

import sqlite_utils
from sqlite_utils.db import Table

from firewall.core.errors import StoreError
from firewall.storage.sqlite import spend_days
from firewall.storage.sqlite.erasures import ERASURES

BUSY_MS = 2_000


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the file for the one writer, in autocommit mode (the sequencer says BEGIN and COMMIT itself).

    Raises: StoreError when the file cannot be opened.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA recursive_triggers=ON")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten: people are erased here
        connection.execute("PRAGMA cache_size=-32000")
    except sqlite3.Error as error:
        raise StoreError("the log cannot be opened", detail=f"{path}: {error}") from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the file read-only, for lookups that must not wait for the writer.

    Raises: StoreError when the file cannot be opened.
    """
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        raise StoreError("the log cannot be opened", detail=f"{path}: {error}") from error
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Create what is missing; running it again changes nothing."""
    database = sqlite_utils.Database(connection, execute_plugins=False)
    with database.atomic():
        _create(database)


def _create(database: sqlite_utils.Database) -> None:
    _create_approvals(database)
    _create_tokens(database)
    _create_people(database)
    database.execute(
        "CREATE TABLE IF NOT EXISTS buckets (key TEXT PRIMARY KEY, tat_us INTEGER NOT NULL) WITHOUT ROWID"
    )
    database.execute(
        "CREATE TABLE IF NOT EXISTS issued (principal TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, "
        "provider TEXT NOT NULL DEFAULT '', PRIMARY KEY (principal, id)) WITHOUT ROWID"
    )
    _added(database, "issued", "provider")
    database.execute(VOTES)
    _added(database, "approval_votes", "together", "INTEGER NOT NULL DEFAULT 1")
    for statement in (
        FORMS,
        CONVERSATIONS,
        *VIEWS,
        *GLASS,
        ABSENCES,
        *ROSTER,
        PINS,
        *PROOFS,
        *PUSHES,
        *LEDGER,
        ERASURES,
    ):
        database.execute(statement)
    spend_days.create(database.conn)


def _create_approvals(database: sqlite_utils.Database) -> None:
    approvals = _table(
        database,
        "approvals",
        {
            "id": str, "status": str, "digest": str, "principal": str, "token": str, "session": str,
            "environment": str, "effects": str, "approver_group": str, "opened_at": int, "expires_at": int,
            "use_before": int, "decided_at": int, "decided_by": str, "self_approved": int, "reason": bytes,
            "subject_key": str, "subject": bytes, "obligations": str,
        },
        pk="id",
    )  # fmt: skip
    for words in ("obligations", "instead", "authors"):
        _added(database, "approvals", words)
    _added(database, "approvals", "uses", "INTEGER NOT NULL DEFAULT 1")
    _added(database, "approvals", "used", "INTEGER NOT NULL DEFAULT 0")
    _added(database, "approvals", "glass", "INTEGER NOT NULL DEFAULT 0")
    approvals.create_index(["principal", "digest", "status"], if_not_exists=True)
    approvals.create_index(["status", "expires_at"], if_not_exists=True)
    approvals.create_index(["opened_at"], if_not_exists=True)
    approvals.create_index(["principal", "opened_at"], if_not_exists=True)
    approvals.create_index(["status", "opened_at"], if_not_exists=True)
    for statement in QUEUE:
        database.execute(statement)


def _create_tokens(database: sqlite_utils.Database) -> None:
    tokens = _table(
        database,
        "tokens",
        {
            "id": str, "fingerprint": bytes, "kind": str, "holder": str, "parent": str, "grant_json": str,
            "created_at": int, "expires_at": int, "revoked_at": int,
        },
        pk="id",
    )  # fmt: skip
    tokens.create_index(["fingerprint"], unique=True, if_not_exists=True)
    if _added(database, "tokens", "owner"):
        for statement in OWNERS:
            database.execute(statement)
    for statement in TOKEN_TREES:
        database.execute(statement)


def _create_people(database: sqlite_utils.Database) -> None:
    _table(
        database,
        "people",
        {
            "name": str, "role": str, "groups": str, "passphrase_hash": str, "created_at": int,
            "removed_at": int, "changed_at": int, "passphrase_at": int,
        },
        pk="name",
    )  # fmt: skip
    _added(database, "people", "changed_at", "INTEGER NOT NULL DEFAULT 0")
    _added(database, "people", "passphrase_at", "INTEGER NOT NULL DEFAULT 0")


QUEUE = (
    "CREATE INDEX IF NOT EXISTS approvals_waiting ON approvals (expires_at, id) WHERE status = 'pending'",
    "CREATE INDEX IF NOT EXISTS approvals_settled ON approvals (opened_at DESC, id) WHERE status <> 'pending'",
    "CREATE INDEX IF NOT EXISTS approvals_open ON approvals (token) WHERE status IN ('pending', 'approved')",
)
"""What waits, in the order in which its time ends; what waits no more, newest first; what tokens have open."""


TOKEN_TREES = (
    "CREATE INDEX IF NOT EXISTS tokens_newest ON tokens (created_at DESC, id)",
    "CREATE INDEX IF NOT EXISTS tokens_roots ON tokens (created_at DESC, id) WHERE parent = ''",
    "CREATE INDEX IF NOT EXISTS tokens_children ON tokens (parent, created_at DESC, id) WHERE parent <> ''",
    """CREATE TABLE IF NOT EXISTS token_uses (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
)
"""Who was narrowed from whom, newest first, and when each was used last, to the minute."""


OWNERS = (
    """UPDATE tokens SET owner = substr(holder, 1, instr(holder, '/') - 1)
  WHERE kind = 'oauth' AND instr(holder, '/') > 0
  AND parent IN (SELECT id FROM tokens WHERE kind = 'oauth' AND parent = '')""",
    """UPDATE tokens SET owner = (SELECT above.owner FROM tokens above WHERE above.id = tokens.parent)
  WHERE kind = 'oauth' AND owner = ''
  AND parent IN (SELECT id FROM tokens WHERE kind = 'oauth' AND owner <> '')""",
)
"""Whom subjects of issuers act for, of an earlier version: `owner/agent in environment: subject of issuer`."""


FORMS = """CREATE TABLE IF NOT EXISTS approval_forms (
  approval TEXT NOT NULL, number INTEGER NOT NULL, form INTEGER NOT NULL, state TEXT NOT NULL,
  status INTEGER NOT NULL, note TEXT NOT NULL, by TEXT NOT NULL, begun_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL, PRIMARY KEY (approval, number)
) STRICT, WITHOUT ROWID"""
"""What approvers had run in place of calls, or before them; ids, codes and numbers alone."""


VOTES = """CREATE TABLE IF NOT EXISTS approval_votes (
  approval TEXT NOT NULL, number INTEGER NOT NULL, voter TEXT NOT NULL, decision TEXT NOT NULL,
  at INTEGER NOT NULL, auth TEXT NOT NULL, groups TEXT NOT NULL, PRIMARY KEY (approval, number)
) STRICT, WITHOUT ROWID"""
"""What people said of approvals: pseudonymous ids, words and numbers alone."""


CONVERSATIONS = """CREATE TABLE IF NOT EXISTS approval_conversations (
  approval TEXT PRIMARY KEY, subject_key TEXT NOT NULL, sealed BLOB NOT NULL
) STRICT"""
"""What was said before calls that people were asked about, sealed under their owners' keys (ADR 0052)."""


VIEWS = (
    """CREATE TABLE IF NOT EXISTS approval_views (
  approval TEXT NOT NULL, viewer TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (approval, viewer)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS votes_at ON approval_votes (at)",
)
"""When people were first shown approvals: pseudonymous ids and times."""


GLASS = (
    """CREATE TABLE IF NOT EXISTS glass (
  approval TEXT PRIMARY KEY, person TEXT NOT NULL, at INTEGER NOT NULL, reason BLOB NOT NULL,
  reviewed_at INTEGER NOT NULL DEFAULT 0, reviewer TEXT NOT NULL DEFAULT '', finding TEXT NOT NULL DEFAULT '',
  note BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS glass_of ON glass (person, at)",
    """CREATE TABLE IF NOT EXISTS glass_people (
  person TEXT NOT NULL, approval TEXT NOT NULL, PRIMARY KEY (person, approval)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS glass_people_of ON glass_people (approval)",
    "CREATE INDEX IF NOT EXISTS glass_open ON glass (at) WHERE reviewed_at = 0",
    "CREATE INDEX IF NOT EXISTS glass_reviewed ON glass (reviewed_at) WHERE reviewed_at > 0",
)
"""Who approved alone what would need more people, and who reviewed it; what they wrote is sealed (ADR 0050)."""


ABSENCES = """CREATE TABLE IF NOT EXISTS absences (
  person TEXT PRIMARY KEY, delegate TEXT NOT NULL, is_away INTEGER NOT NULL, since INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID"""
"""Who is away, and who may speak for whom, until when."""


ROSTER = (
    "CREATE TABLE IF NOT EXISTS roster (one INTEGER PRIMARY KEY CHECK (one = 1), changes INTEGER NOT NULL) STRICT",
    "INSERT OR IGNORE INTO roster (one, changes) VALUES (1, 0)",
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} AFTER {verb} ON {table}"  # noqa: S608 - constants
        " BEGIN UPDATE roster SET changes = changes + 1; END"
        for table in ("people", "absences")
        for verb in ("INSERT", "UPDATE", "DELETE")
    ),
)
"""Counts whatever changes among those who may decide, so that a vote is never counted under older rights."""


PINS = """CREATE TABLE IF NOT EXISTS mcp_pins (
  server TEXT NOT NULL, tool TEXT NOT NULL, state TEXT NOT NULL, identity TEXT NOT NULL, digest TEXT NOT NULL,
  definition TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
  PRIMARY KEY (server, tool, state)
) STRICT, WITHOUT ROWID"""
"""What MCP servers said of their tools when somebody trusted it, and what waits for that (ADR 0029)."""


PROOFS = (
    """CREATE TABLE IF NOT EXISTS passkeys (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, credential BLOB NOT NULL UNIQUE, public_key BLOB NOT NULL,
  sign_count INTEGER NOT NULL, label TEXT NOT NULL, backed_up INTEGER NOT NULL, created_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL, revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS passkeys_of ON passkeys (person)",
    """CREATE TABLE IF NOT EXISTS links (
  id TEXT PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, use TEXT NOT NULL, person TEXT NOT NULL,
  approval TEXT NOT NULL, digest TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL DEFAULT 0, revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS links_of ON links (person)",
)
"""Public keys of approvers' passkeys, and hashes of their personal links (ADR 0041)."""


PUSHES = (
    """CREATE TABLE IF NOT EXISTS pushes (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE, passkey TEXT NOT NULL,
  subject_key TEXT NOT NULL, sealed BLOB NOT NULL, created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS pushes_of ON pushes (person, created_at)",
    "CREATE INDEX IF NOT EXISTS pushes_by ON pushes (passkey) WHERE passkey <> ''",
)
"""Browsers that want to be told; their endpoints and keys are sealed under their owners' keys (ADR 0054)."""


LEDGER = (
    """CREATE TABLE IF NOT EXISTS spend_accounts (
  key TEXT PRIMARY KEY, spent INTEGER NOT NULL, held INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0,
  moved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS spend_open (
  call TEXT PRIMARY KEY, until INTEGER NOT NULL, booked INTEGER NOT NULL, parts TEXT NOT NULL, line TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS spend_calls (
  call TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, entry INTEGER NOT NULL, token TEXT NOT NULL,
  principal TEXT NOT NULL, owner TEXT NOT NULL, session TEXT NOT NULL, team TEXT NOT NULL, feature TEXT NOT NULL,
  user_tier TEXT NOT NULL, tags TEXT NOT NULL, route TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL, input_image INTEGER NOT NULL, input_audio INTEGER NOT NULL,
  output INTEGER NOT NULL, reasoning INTEGER NOT NULL, output_image INTEGER NOT NULL,
  output_audio INTEGER NOT NULL, searches INTEGER NOT NULL, cost INTEGER, reserved INTEGER NOT NULL,
  attempts INTEGER NOT NULL, price TEXT NOT NULL,
  PRIMARY KEY (at, call)
) STRICT, WITHOUT ROWID""",
)
"""Accounts and what they hold, what each call holds of them, and one line a call (docs/spend.md)."""


def _added(
    database: sqlite_utils.Database, table: str, column: str, kind: str = "TEXT NOT NULL DEFAULT ''"
) -> bool:
    """Add a column, of texts unless said otherwise, to a table that was made without it; tell whether it was."""
    if column in {row[1] for row in database.execute(f"PRAGMA table_info({table})")}:
        return False
    database.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    return True


def _table(database: sqlite_utils.Database, name: str, columns: dict[str, type], *, pk: str) -> Table:
    table = database.table(name)
    if not isinstance(table, Table):
        raise StoreError("the log has a view where a table belongs", detail=name)
    table.create(columns, pk=pk, not_null=set(columns) - {pk, "subject", "reason"}, if_not_exists=True)
    return table
