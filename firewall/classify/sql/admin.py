"""Statements that neither query nor define: settings, copies of data, procedures, backups, sessions."""

from firewall.classify.draft import shown
from firewall.classify.sql.alter import setting
from firewall.classify.sql.blocks import dynamic, read_block
from firewall.classify.sql.functions import call_effects, check_calls, inner_source
from firewall.classify.sql.kinds import kind_of, object_name
from firewall.classify.sql.lexer import NAME, STRING, WORD, literal
from firewall.classify.sql.places import file_effects, is_away, read_effects
from firewall.classify.sql.queries import explained
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    DISRUPTIVE,
    EXEC,
    EXFIL,
    PRIVILEGE,
    READ,
    SECRET,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)


def first_text(statement: Statement, start: int = 0) -> tuple[str, int]:
    """Return the first literal from an index on and where it stands; -1: there is none."""
    for index in range(start, len(statement.tokens)):
        if statement.tokens[index].kind == STRING:
            return literal(statement.tokens[index], statement.dialect)[0], index
    return "", -1


def read_explain(statement: Statement) -> None:
    """Judge EXPLAIN, DESCRIBE and ANALYZE in front of a statement: with ANALYZE the statement runs."""
    at = explained(statement)
    if at > 0:
        statement.say({READ}, "shows how the statement behind runs, by running it", at=(0, at))
        statement.judge(statement.part(at))
    elif statement.word(0) == "ANALYZE":
        statement.say({WRITE}, "refreshes the planner's statistics")
    else:
        statement.say({READ}, "shows a plan or a description, and runs nothing")


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


def read_copy(statement: Statement) -> None:
    """Judge COPY of PostgreSQL and its kin, COPY INTO of warehouses, COPY FILES."""
    if statement.word(1) == "INTO":
        _copy_into(statement)
        return
    if statement.word(1) == "FILES":
        statement.say({WRITE}, "copies files between stages", at=(0, 2))
        return
    if statement.sign(1) == "(":
        close = statement.closing(1)
        statement.judge(statement.part(2, close))
        name, behind = "a query's rows", close + 1
    else:
        name, behind = statement.name(statement.skip(1, {"BINARY"}))
        statement.touch(name)
        if statement.sign(behind) == "(":
            behind = statement.closing(behind) + 1
    _copy_ends(statement, behind, name)


def _copy_ends(statement: Statement, at: int, name: str) -> None:
    at = next((index for index, word in statement.outside(at) if word in ("TO", "FROM")), -1)
    where = statement.word(at + 1)
    path, index = first_text(statement, at + 1)
    span = (0, max(index + 1, at + 2))
    if at < 0:
        statement.say({UNKNOWN}, f"copies {shown(name)} in a way that is not understood", at=(0, 2))
    elif where == "PROGRAM":
        statement.say({EXEC, UNKNOWN}, f"runs {shown(path)} on the server's machine", at=(at, index + 1))
        statement.reading.miss("what the program does")
    elif statement.word(at) == "FROM":
        statement.say(read_effects(path), f"loads rows into {shown(name)}", at=span)
    elif where in ("STDOUT", "PSTDOUT"):
        statement.say({READ}, f"prints the rows of {shown(name)}", at=span)
    elif is_away(path):
        statement.say({EXFIL}, f"copies {shown(name)} to {shown(path)}", at=span)
    else:
        effects = file_effects(path) if path else {UNKNOWN}
        statement.say(effects, f"writes the rows of {shown(name)} to the file {shown(path)}", at=span)


def _copy_into(statement: Statement) -> None:
    token = statement.tokens[2] if len(statement.tokens) > 2 else statement.tokens[-1]
    path = literal(token, statement.dialect)[0] if token.kind == STRING else token.text
    if token.kind == STRING:
        statement.say({EXFIL if is_away(path) else WRITE}, f"unloads rows to {shown(path)}", at=(0, 3))
    elif path.startswith("@"):
        statement.say({WRITE}, "unloads rows to a stage", at=(0, 3))
        statement.reading.miss("whether the stage lies outside")
    else:
        statement.say({WRITE}, f"loads rows into {shown(statement.name(2)[0])}", at=(0, 3))
        statement.touch(statement.name(2)[0])
    query = statement.find("SELECT")
    if query > 0:
        check_calls(statement.part(query))


def read_unload(statement: Statement) -> None:
    """Judge UNLOAD and EXPORT: rows leave for storage; the query behind is read as well."""
    texts = [index for index, token in enumerate(statement.tokens) if token.kind == STRING]
    paths = [literal(statement.tokens[index], statement.dialect)[0] for index in texts]
    local = statement.words(0, 2) == ("EXPORT", "DATABASE")
    effects = {WRITE} if local and not any(map(is_away, paths)) else {EXFIL}
    place = next((path for path in paths if is_away(path)), "")
    statement.say(effects, f"writes rows out to {shown(place)}" if place else "writes rows out", at=(0, 2))
    if statement.sign(1) == "(" and texts and texts[0] == 2:
        token = statement.tokens[texts[0]]
        text, offset = literal(token, statement.dialect)
        statement.recurse(statement, inner_source(statement, text, offset, start=token.start, end=token.end))
    query = statement.find("SELECT")
    if query > 0:
        check_calls(statement.part(query))


def read_load(statement: Statement) -> None:
    """Judge LOAD: data into a table, or a library into the server."""
    path, index = first_text(statement, 1)
    if statement.word(1) in ("DATA", "XML"):
        if statement.has("OVERWRITE"):
            statement.say({DESTRUCTIVE}, "overwrites a table with what it loads", at=(0, index + 1))
        else:
            statement.say(read_effects(path), f"loads {shown(path)} into a table", at=(0, max(index + 1, 2)))
    elif statement.words(1, 3) == ("INDEX", "INTO", "CACHE"):
        statement.say({WRITE}, "fills a cache", at=(0, 4))
    else:
        statement.say({EXEC}, f"loads code into the server: {shown(path)}", at=(0, 2))
        statement.reading.miss("what the loaded code does")


def read_call(statement: Statement) -> None:
    """Judge CALL: a routine runs; what it does is seen only when it was made here."""
    name, behind = statement.name(1)
    statement.say({EXEC}, f"runs the procedure {shown(name)}", at=(0, behind))
    _routine(statement, name, behind)


def _routine(statement: Statement, name: str, behind: int) -> None:
    last = name.rpartition(".")[2].upper()
    made = statement.reading.routines.get(last)
    if made is not None:
        statement.say(made, f"runs {shown(name)}, which was made just before", at=(0, behind))
        return
    statement.reading.miss(f"what the procedure {shown(name)} does")
    call_effects(statement, name.upper(), (0, behind), (behind, len(statement.tokens)))
    check_calls(statement.part(behind))


def read_execute(statement: Statement) -> None:
    """Judge EXEC and EXECUTE: text, a procedure, a prepared statement, a task, or another user's name."""
    word = statement.word(1)
    token = statement.tokens[1] if len(statement.tokens) > 1 else None
    if word == "AS":
        statement.say({PRIVILEGE}, "goes on as another user", at=(0, 3))
    elif word == "IMMEDIATE":
        dynamic(statement, 2, "runs SQL given as text")
    elif word == "FUNCTION" or token is None:
        statement.say({EXEC}, "runs code that is not seen here")
    elif statement.sign(1) == "(" or token.kind == STRING or word == "FORMAT":
        dynamic(statement, 1, "runs SQL given as text")
    elif word in ("TASK", "ALERT", "SERVICE", "JOB", "NOTEBOOK", "DBT", "DCM", "SCRIPT"):
        statement.say({EXEC}, f"starts the {word.lower()} {shown(statement.name(2)[0])}", at=(0, 3))
    else:
        _procedure(statement)


def _procedure(statement: Statement) -> None:
    start = 1
    if statement.sign(2) == "=" and statement.word(1).startswith("@"):
        start = 3
    name, behind = statement.name(start)
    if name.rpartition(".")[2].upper() in ("SP_EXECUTESQL", "SP_PREPEXEC", "SP_SQLEXEC"):
        dynamic(statement, behind, "runs SQL given as text")
        return
    if statement.dialect.tsql or statement.sign(start) != "" or name.startswith("@"):
        statement.say({EXEC}, f"runs the procedure {shown(name)}", at=(0, behind))
    else:
        statement.say({EXEC}, f"runs {shown(name)}, which was prepared before", at=(0, behind))
    _routine(statement, name, behind)


def read_prepare(statement: Statement) -> None:
    """Judge PREPARE: the statement counts as if it ran; text is read, a variable is unknown."""
    name = statement.name(1)[0].rpartition(".")[2].upper()
    at = statement.level({"AS", "FROM"}, 1)
    if statement.word(1) == "TRANSACTION" or at < 0:
        statement.say({WRITE}, "prepares a transaction", at=(0, 2))
        return
    if statement.word(at) == "FROM" and statement.tokens[at + 1 : at + 2]:
        token = statement.tokens[at + 1]
        if token.kind == STRING:
            text, offset = literal(token, statement.dialect)
            statement.recurse(statement, inner_source(statement, text, offset, start=token.start, end=token.end))
        else:
            statement.say({EXEC, UNKNOWN}, "prepares SQL that is put together when it runs", at=(0, at + 2))
    else:
        statement.judge(statement.part(at + 1))
    statement.reading.routines[name] = set(statement.reading.effects)


def read_do(statement: Statement) -> None:
    """Judge DO: in MySQL an expression, in PostgreSQL a block of code given as text."""
    text, index = first_text(statement, 1)
    if index < 0 or statement.dialect.mysql:
        statement.say({READ}, "computes values", at=(0, 1))
        check_calls(statement)
        return
    statement.say({EXEC}, "runs a block of code", at=(0, 1))
    at = statement.find("LANGUAGE")
    language = (
        statement.tokens[at + 1].text.strip("'\"").lower() if 0 < at < len(statement.tokens) - 1 else "plpgsql"
    )
    if language not in ("plpgsql", "sql"):
        if statement.tokens[index - 1].key == "LANGUAGE":
            text, index = first_text(statement, index + 1)
        statement.say({UNKNOWN}, f"runs code in {shown(language)}", at=(0, index + 1))
        statement.reading.miss("what the code does")
        return
    texts = [token for token in statement.tokens if token.kind == STRING]
    token = max(texts, key=lambda item: len(item.text))
    text, offset = literal(token, statement.dialect)
    source = inner_source(statement, text, offset, start=token.start, end=token.end)
    statement.recurse(statement.part(0, block=True), source)


def read_backup(statement: Statement) -> None:
    """Judge BACKUP and DUMP: a copy; with FORMAT or INIT the copies on the medium are overwritten."""
    overwrites = statement.level({"INIT", "FORMAT"}) > 0 or statement.has("INIT") or statement.has("FORMAT")
    effects = {DESTRUCTIVE} if overwrites and statement.dialect.tsql else {WRITE}
    told = "overwrites the backups on its medium" if effects == {DESTRUCTIVE} else "makes a backup"
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


def read_vacuum(statement: Statement) -> None:
    """Judge VACUUM: housekeeping; in Delta tables it removes the versions that could be restored."""
    if statement.dialect.name in ("databricks", "sparksql") and not statement.has("DRY"):
        statement.say({DESTRUCTIVE}, "removes old versions that could be restored", at=(0, 2))
    elif statement.has("DRY", "RUN"):
        statement.say({READ}, "lists what it would clean up")
    elif statement.has("INTO"):
        path, index = first_text(statement)
        statement.say({WRITE}, f"writes a copy to {shown(path)}", at=(0, index + 1))
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


def read_get(statement: Statement) -> None:
    """Judge GET: in MySQL it asks for diagnostics, in Snowflake it downloads files."""
    if statement.word(1) in ("DIAGNOSTICS", "STACKED", "CURRENT"):
        statement.say({READ}, "asks for diagnostics", at=(0, 2))
    else:
        statement.say({WRITE}, "downloads files of a stage", at=(0, 2))


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


def read_show(statement: Statement) -> None:
    """Judge SHOW: a read; a user's definition shows its password's hash."""
    secret = statement.words(1, 2) == ("CREATE", "USER") or statement.has("SECRETS", "VALUES")
    statement.say({SECRET} if secret else {READ}, "shows definitions or settings", at=(0, 3 if secret else 1))


def read_bare(statement: Statement) -> None:
    """Judge a first word that is no verb: in T-SQL a procedure's name, elsewhere an assignment or unknown."""
    token = statement.tokens[0]
    name, behind = statement.name(0)
    if statement.sign(behind) in (":=", "=") and token.kind in (WORD, NAME):
        statement.say({WRITE}, "sets a variable", at=(0, behind + 1))
        check_calls(statement)
    elif token.kind in (WORD, NAME) and statement.sign(1) == ":":
        statement.say({READ}, "is a label")
        if len(statement.tokens) > 2:
            statement.judge(statement.part(2))
    elif statement.dialect.tsql and token.kind in (WORD, NAME) and not token.text.startswith(("@", ":", "#")):
        statement.say({EXEC}, f"runs the procedure {shown(name)}", at=(0, behind))
        _routine(statement, name, behind)
    else:
        statement.say({UNKNOWN}, f"begins with {shown(token.text, 30)}, which is no statement that is known")


def read_declare(statement: Statement) -> None:
    """Judge DECLARE: variables, or a cursor whose query is read."""
    at = statement.level({"FOR"}, 1)
    if at > 0 and statement.has("CURSOR"):
        statement.judge(statement.part(at + 1))
        return
    if statement.level({"BEGIN"}, 1) > 0:
        read_block(statement)
        return
    statement.say({READ}, "declares variables", at=(0, 2))
    check_calls(statement)


def read_purge(statement: Statement) -> None:
    """Judge PURGE: logs or the recycle bin."""
    what = "logs, from which data could be restored" if statement.has("LOGS") else "what the recycle bin keeps"
    statement.say({DESTRUCTIVE}, f"deletes {what}", at=(0, 3))


def read_grant(statement: Statement) -> None:
    """Judge GRANT, REVOKE and DENY."""
    verb = {"GRANT": "grants", "REVOKE": "takes away", "DENY": "denies"}.get(statement.word(0), "changes")
    share = statement.has("DATASHARE") and statement.has("ACCOUNT")
    if statement.word(0) == "GRANT" and statement.word(1) == "ALL" and _is_on_everything(statement):
        statement.say(
            {PRIVILEGE, DESTRUCTIVE},
            "grants every right on every database; which rights the account held before is not remembered",
            at=(0, len(statement.tokens)),
        )
        return
    effects = {PRIVILEGE, EXFIL} if share else {PRIVILEGE}
    statement.say(effects, f"{verb} rights", at=(0, min(4, len(statement.tokens))))


def _is_on_everything(statement: Statement) -> bool:
    """Tell whether rights are granted `ON *.*`: at MySQL's global level, one set of bits for an account.

    REVOKE takes single bits or all of them; none brings back the set that GRANT ALL has overwritten (MySQL 8.4
    reference, 15.7.1.6, "Global privileges").
    """
    on = statement.level({"ON"}, 1)
    return on > 0 and "".join(token.text for token in statement.tokens[on + 1 : on + 4]) == "*.*"


def read_import(statement: Statement) -> None:
    """Judge IMPORT and BULK INSERT."""
    statement.say({WRITE}, "loads data or definitions", at=(0, 3))
