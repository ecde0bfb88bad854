"""What keeps, restores or gives up data: backups, flashbacks, vacuums, logs, checks, the server itself."""

from firewall.classify.draft import shown
from firewall.classify.sql.copies import first_text
from firewall.classify.sql.kinds import kind_of, object_name
from firewall.classify.sql.lexer import STRING, literal
from firewall.classify.sql.places import file_effects, is_away
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    DISRUPTIVE,
    EXEC,
    EXFIL,
    READ,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)

_NOWHERE = frozenset({"NUL", "NUL:", "/DEV/NULL"})


def read_backup(statement: Statement) -> None:
    """Judge BACKUP and DUMP: a copy; with FORMAT or INIT the copies on the medium are overwritten."""
    overwrites = statement.level({"INIT", "FORMAT"}) > 0 or statement.has("INIT") or statement.has("FORMAT")
    texts = [literal(token, statement.dialect)[0] for token in statement.tokens if token.kind == STRING]
    nowhere = any(text.upper() in _NOWHERE for text in texts)
    effects, told = {WRITE}, "makes a backup"
    if statement.dialect.tsql and (overwrites or nowhere):
        effects = {DESTRUCTIVE}
        told = "throws the log away" if nowhere else "overwrites the backups on its medium"
    elif any(map(is_away, texts)):
        effects, told = {EXFIL}, "puts a backup into a store elsewhere"
    statement.say(effects, told, at=(0, 3))


def read_restore(statement: Statement) -> None:
    """Judge RESTORE: in place it overwrites what is there; some forms only look."""
    if statement.word(1) in ("HEADERONLY", "FILELISTONLY", "VERIFYONLY", "LABELONLY", "REWINDONLY"):
        statement.say({READ}, "looks at a backup", at=(0, 2))
        return
    kind, behind = kind_of(statement, 1)
    name, end = object_name(statement, behind)
    statement.say(
        {DESTRUCTIVE}, f"restores the {kind.lower() or 'database'} {shown(name)} over what is there", at=(0, end)
    )


def read_vacuum(statement: Statement) -> None:
    """Judge VACUUM: housekeeping; in Delta tables it removes the versions that could be restored."""
    if statement.dialect.name in ("databricks", "sparksql") and not statement.has("DRY"):
        statement.say({DESTRUCTIVE}, "removes old versions that could be restored", at=(0, 2))
    elif statement.has("DRY", "RUN"):
        statement.say({READ}, "lists what it would clean up")
    elif statement.has("INTO"):
        path, index = first_text(statement)
        statement.say(file_effects(path), f"writes a copy to {shown(path)}", at=(0, index + 1))
    else:
        statement.say({WRITE}, "cleans up storage")


_DBCC_READS = tuple(
    sorted(
        wordset(
            "CHECK SHOW INPUTBUFFER OUTPUTBUFFER OPENTRAN SQLPERF PROCCACHE HELP USEROPTIONS TRACESTATUS PDW_SHOW"
        )
    )
)


def read_dbcc(statement: Statement) -> None:
    """Judge DBCC of SQL Server by its command."""
    word = statement.word(1)
    if statement.has("REPAIR_ALLOW_DATA_LOSS"):
        statement.say({DESTRUCTIVE}, "repairs a database and may lose rows", at=(0, len(statement.tokens)))
    elif word.startswith(_DBCC_READS):
        statement.say({READ}, "checks or shows the state of the database", at=(0, 2))
    elif word in ("FREEPROCCACHE", "DROPCLEANBUFFERS", "FREESYSTEMCACHE", "FREESESSIONCACHE"):
        statement.say({DISRUPTIVE}, "empties caches of the server", at=(0, 2))
    else:
        statement.say({WRITE}, "maintains the database", at=(0, 2))


def read_flashback(statement: Statement) -> None:
    """Judge FLASHBACK: back from the recycle bin it brings back, to a time it overwrites."""
    if statement.has("BEFORE", "DROP"):
        statement.say({WRITE}, "brings back a dropped table", at=(0, 3))
    else:
        statement.say({DESTRUCTIVE}, "takes a table or database back to an earlier state", at=(0, 3))


def read_optimize(statement: Statement) -> None:
    """Judge OPTIMIZE: housekeeping, unless it removes duplicates."""
    lossy = statement.has("DEDUPLICATE")
    told = "removes rows that it takes for duplicates" if lossy else "reorganises storage"
    statement.say({DESTRUCTIVE if lossy else WRITE}, told, at=(0, 2))


def read_purge(statement: Statement) -> None:
    """Judge PURGE: logs or the recycle bin."""
    what = "logs, from which data could be restored" if statement.has("LOGS") else "what the recycle bin keeps"
    statement.say({DESTRUCTIVE}, f"deletes {what}", at=(0, 3))


def read_system(statement: Statement) -> None:
    """Judge ClickHouse's SYSTEM commands."""
    words = statement.words(1, 4)
    if "REPLICA" in words and words[0] == "DROP":
        statement.say({DESTRUCTIVE}, "drops a replica", at=(0, 3))
    elif words[0] in ("SHUTDOWN", "KILL", "STOP", "SUSPEND", "RESTART", "DISABLE"):
        statement.say({DISRUPTIVE}, "stops or restarts a part of the server", at=(0, 3))
    elif statement.dialect.name == "clickhouse":
        statement.say({WRITE}, "maintains the server", at=(0, 3))
    else:
        statement.say({EXEC, UNKNOWN}, "runs a command of the system", at=(0, len(statement.tokens)))
