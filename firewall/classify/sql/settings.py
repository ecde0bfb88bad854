"""Settings of the session, the server and the database: SET, RESET, PRAGMA, ALTER SYSTEM."""

from firewall.classify.draft import shown
from firewall.classify.sql.functions import check_calls
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    EXEC,
    PRIVILEGE,
    READ,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)

_RUN_SETTINGS = wordset(
    """ARCHIVE_COMMAND RESTORE_COMMAND RECOVERY_END_COMMAND ARCHIVE_CLEANUP_COMMAND SSL_PASSPHRASE_COMMAND
    SHARED_PRELOAD_LIBRARIES SESSION_PRELOAD_LIBRARIES LOCAL_PRELOAD_LIBRARIES DYNAMIC_LIBRARY_PATH
    ARCHIVE_LIBRARY INIT_CONNECT INIT_SLAVE INIT_REPLICA PLUGIN_DIR"""
)


_GUARD_SETTINGS = wordset(
    """ARCHIVE_MODE FSYNC FULL_PAGE_WRITES LOG_BIN SQL_LOG_BIN INNODB_DOUBLEWRITE WAL_LEVEL RECYCLEBIN
    DB_RECOVERY"""
)


_OPEN_SETTINGS = wordset(
    """LOCAL_INFILE SECURE_FILE_PRIV LISTEN_ADDRESSES SSL PASSWORD_ENCRYPTION REMOTE_LOGIN_PASSWORDFILE
    SKIP_GRANT_TABLES"""
)


def read_set(statement: Statement) -> None:
    """Judge SET: session settings are writes; roles and passwords are privilege; server settings by name."""
    words = set(statement.words(1, 3))
    if words & {"ROLE", "AUTHORIZATION", "PASSWORD"} and statement.sign(2) != "=":
        statement.say({PRIVILEGE}, "changes the role or the password that is used", at=(0, 3))
    elif words & {"GLOBAL", "PERSIST", "PERSIST_ONLY"} or statement.word(1).startswith(("@@GLOBAL", "@@PERSIST")):
        statement.say({WRITE}, "changes a setting of the whole server", at=(0, 3))
        setting(statement, 1)
    else:
        statement.say({WRITE}, "changes a setting of the session", at=(0, 2))
        if statement.dialect.mysql:
            setting(statement, 1)
    check_calls(statement)


def read_reset(statement: Statement) -> None:
    """Judge RESET: settings; in MySQL also logs and replicas."""
    words = set(statement.words(1, 3))
    if words & {"MASTER", "BINARY"}:
        statement.say({DESTRUCTIVE}, "deletes all binary logs, from which data could be restored", at=(0, 2))
    elif words & {"SLAVE", "REPLICA"}:
        statement.say({DESTRUCTIVE}, "forgets where replication stands", at=(0, 2))
    elif words & {"ROLE", "AUTHORIZATION"}:
        statement.say({PRIVILEGE}, "goes back to another role", at=(0, 2))
    else:
        statement.say({WRITE}, "resets a setting", at=(0, 2))


def read_pragma(statement: Statement) -> None:
    """Judge PRAGMA: asking reads, setting writes."""
    name, behind = statement.name(1)
    last = name.rpartition(".")[2].lower()
    sets = statement.sign(behind) == "=" or (
        statement.sign(behind) == "(" and not last.endswith(("_info", "_list", "_xinfo", "_check"))
    )
    acts = last in ("incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint")
    value = (
        statement.tokens[behind + 1].text.strip("'\"").upper()
        if sets and behind + 1 < len(statement.tokens)
        else ""
    )
    told = f"sets {shown(last)}" if sets or acts else f"shows {shown(last)}"
    if last in ("rekey", "key", "hexkey", "writable_schema") and sets:
        statement.say({PRIVILEGE, WRITE}, told, at=(0, behind))
    elif last == "journal_mode" and value in ("OFF", "MEMORY"):
        statement.say({DESTRUCTIVE}, f"{told}: a crash then loses data", at=(0, behind + 2))
    else:
        statement.say({WRITE if sets or acts else READ}, told, at=(0, behind))


def setting(statement: Statement, start: int) -> None:
    """Judge a setting of the whole server by its name."""
    for index in range(start, len(statement.tokens)):
        bare = statement.tokens[index].key.upper().lstrip("@").rpartition(".")[2]
        if bare in _RUN_SETTINGS:
            statement.say(
                {EXEC, UNKNOWN}, f"sets {shown(bare.lower())}, which the server runs", at=(index, index + 1)
            )
        elif bare.endswith("_LOG_FILE") or bare == "LOG_ERROR":
            statement.say(
                {WRITE, UNKNOWN},
                f"sets the file that the server writes to: {shown(bare.lower())}",
                at=(index, index + 1),
            )
        elif bare in _GUARD_SETTINGS:
            told = f"sets {shown(bare.lower())}, which keeps recovery possible"
            statement.say({DESTRUCTIVE if _turned_off(statement, index) else WRITE}, told, at=(index, index + 1))
        elif bare in _OPEN_SETTINGS:
            statement.say({PRIVILEGE}, f"sets {shown(bare.lower())}, which guards access", at=(index, index + 1))


def _turned_off(statement: Statement, index: int) -> bool:
    tail = statement.tokens[index + 1 : index + 4]
    values = {token.text.strip("'\"").lower() for token in tail}
    return bool(values & {"off", "0", "false", "no", "minimal", "none"})
