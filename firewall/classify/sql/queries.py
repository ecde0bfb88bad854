"""Queries and changes of rows: SELECT, WITH, INSERT, UPDATE, DELETE, MERGE, EXPLAIN, and the tables they name."""

from firewall.classify.draft import shown
from firewall.classify.sql.conditions import always_true
from firewall.classify.sql.functions import check_calls
from firewall.classify.sql.lexer import NUMBER, STRING, literal
from firewall.classify.sql.places import file_effects, is_secret_path
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    EXEC,
    EXFIL,
    READ,
    SECRET,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)

_MAIN = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "REPLACE", "TABLE", "FROM"})
_SECRET_TABLES = wordset(
    """AUTH.REFRESH_TOKENS DBA_CREDENTIALS DECRYPTED_SECRETS DUCKDB_SECRETS MASTER.DBO.SYSLOGINS
    MASTER.SYS.SQL_LOGINS MYSQL.GLOBAL_PRIV MYSQL.SLAVE_MASTER_INFO MYSQL.USER PG_AUTHID
    PG_CATALOG.PG_AUTHID PG_CATALOG.PG_SHADOW PG_SHADOW PG_USER_MAPPING PG_USER_MAPPINGS
    STL_USERLOG_PASSWORDS SVV_EXTERNAL_CREDENTIALS SYS.CREDENTIALS_SECRETS SYS.LINK$ SYS.SQL_LOGINS
    SYS.SYSLOGINS SYS.SYSXLOGINS SYS.USER$ SYSLOGINS USER$ VAULT.DECRYPTED_SECRETS"""
)
"""System tables that hold password hashes, keys or passwords of other servers."""
_NOT_NAMES = frozenset(
    {"SELECT", "LATERAL", "UNNEST", "VALUES", "WHERE", "SET", "ONLY", "TABLE", "GROUP", "ORDER"}
)


def read_query(statement: Statement) -> None:
    """Judge SELECT, VALUES, TABLE and FROM-first queries."""
    statement.say({READ}, "reads rows", at=(0, 1))
    _into(statement)
    _tables(statement)
    _sequence(statement)
    _transform(statement)
    check_calls(statement)


def _sequence(statement: Statement) -> None:
    """Judge `s.NEXTVAL` and `NEXT VALUE FOR s`: the sequence moves on."""
    at = statement.find("NEXTVAL")
    if at > 1 and statement.sign(at - 1) == ".":
        statement.say({WRITE}, "moves a sequence on", at=(at - 2, at + 1))
    at = statement.find("NEXT", "VALUE", "FOR")
    if at > 0:
        statement.say({WRITE}, "moves a sequence on", at=(at, at + 4))


def _transform(statement: Statement) -> None:
    """Judge `SELECT TRANSFORM (…) USING 'program'` of Hive and Spark: every row goes through a program."""
    at = max(statement.find("TRANSFORM"), statement.find("MAP"), statement.find("REDUCE"))
    using = statement.find("USING", start=at) if at > 0 else -1
    if using > 0 and using + 1 < len(statement.tokens) and statement.tokens[using + 1].kind == STRING:
        program = literal(statement.tokens[using + 1], statement.dialect)[0]
        statement.say(
            {EXEC, UNKNOWN}, f"sends the rows through the program {shown(program)}", at=(using, using + 2)
        )
        statement.reading.miss("what the program does")


def _tables(statement: Statement) -> None:
    """Note the tables behind FROM, JOIN, UPDATE and INTO; credentials among them are a secret."""
    for index, token in enumerate(statement.tokens):
        if token.key not in ("FROM", "JOIN", "INTO", "UPDATE", "TABLE", "USING", ",") or statement.sign(index + 1):
            continue
        if token.key in ("FROM", "JOIN", ",") and index + 1 < len(statement.tokens):
            _file(statement, index + 1)
        name, behind = statement.name(index + 1)
        if not name or statement.word(index + 1) in _NOT_NAMES or statement.sign(behind) == "(":
            continue
        if token.key not in {",", "USING"}:
            statement.touch(name)
        parts = name.upper().split(".")
        if {parts[-1], ".".join(parts[-2:]), name.upper()} & _SECRET_TABLES:
            statement.say({SECRET}, f"touches {shown(name)}, which holds credentials", at=(index + 1, behind))


def _file(statement: Statement, index: int) -> None:
    """Judge a file that stands where a table does (`FROM '/etc/passwd'`)."""
    token = statement.tokens[index]
    if token.kind == STRING and is_secret_path(path := literal(token, statement.dialect)[0]):
        statement.say({SECRET}, f"reads {shown(path)}, which usually holds credentials", at=(index, index + 1))


_INTO_VARIABLES = wordset("oracle mysql mariadb bigquery snowflake starrocks doris")
"""Dialects whose `SELECT … INTO x` fills variables."""


def _into(statement: Statement) -> None:
    """Judge `SELECT … INTO`: a file, a new table, or a variable."""
    at = statement.level({"INTO"})
    if at < 0 or statement.word(at - 1) == "AS":
        return
    word = statement.word(at + 1)
    if word in ("OUTFILE", "DUMPFILE"):
        token = statement.tokens[at + 2] if at + 2 < len(statement.tokens) else statement.tokens[-1]
        path = literal(token, statement.dialect)[0] if token.kind == STRING else ""
        effects = file_effects(path) if path else {UNKNOWN}
        if statement.word(at + 3) == "TRUNCATE":
            effects = {*effects, DESTRUCTIVE}
        away = {EXFIL} if statement.dialect.name in ("starrocks", "doris") else set()
        statement.say(effects | away, f"writes rows to the file {shown(path)} on the server", at=(at, at + 3))
        statement.reading.miss("whether something runs or reads the file that it writes")
    elif not (statement.block or word.startswith(("@", ":")) or statement.dialect.name in _INTO_VARIABLES):
        at_name = statement.skip(at + 1, {"TEMP", "TEMPORARY", "UNLOGGED", "TABLE"})
        name, _ = statement.name(at_name)
        statement.say({WRITE}, f"puts the result into a new table {shown(name)}", at=(at, at_name + 1))


def read_with(statement: Statement) -> None:
    """Judge `WITH … AS (…) statement`: the statement behind, and what stands in the parentheses."""
    check_calls(statement)
    _inner_changes(statement)
    main = statement.level(_MAIN, 1)
    if main < 0:
        statement.say({READ}, "reads rows")
        _tables(statement)
        return
    tail = statement.part(main)
    _MAIN_READERS.get(statement.word(main), read_query)(tail)
    if statement.word(main) in ("SELECT", "VALUES", "TABLE", "FROM"):
        _tables(statement.part(0, main))


def _inner_changes(statement: Statement) -> None:
    """Judge INSERT, UPDATE, DELETE and MERGE that stand inside of parentheses."""
    for index in range(1, len(statement.tokens) - 1):
        word = statement.word(index)
        if word in ("INSERT", "UPDATE", "DELETE", "MERGE") and statement.sign(index - 1) == "(":
            close = statement.closing(index - 1)
            if not statement.reading.affords(close - index):
                # FAIL-CLOSED: changes within changes are met again at every level, so the work is counted.
                statement.say({UNKNOWN}, "holds more changes within each other than are read", at=(index, close))
                return
            _MAIN_READERS[word](statement.part(index, close))


def read_insert(statement: Statement) -> None:
    """Judge INSERT: a write; OVERWRITE and OUTFILE are more."""
    head = statement.level({"INTO", "OVERWRITE", "VALUES", "SELECT"}, 1)
    name, behind = statement.name(statement.skip(head + 1, {"TABLE", "INTO", "ONLY"}) if head > 0 else 1)
    replaces = statement.level({"REPLACE"}, behind)
    if statement.level({"OVERWRITE"}, 1) > 0 or statement.word(replaces + 1) in ("WHERE", "USING"):
        local = statement.word(head + 1) in ("LOCAL", "DIRECTORY")
        what = "a folder" if local else shown(name)
        statement.say({DESTRUCTIVE}, f"overwrites {what} with the rows that it inserts", at=(0, behind))
    elif "FUNCTION" in statement.words(head + 1, 2):
        statement.say({EXFIL}, "sends rows to a place outside of the tables", at=(0, head + 3))
    elif statement.word(1) in ("ALL", "FIRST") and statement.dialect.name in ("snowflake", "oracle"):
        statement.say({WRITE}, "inserts rows into several tables", at=(0, 2), undo="delete the new rows")
    else:
        statement.say({WRITE}, f"inserts rows into {shown(name)}", at=(0, behind), undo="delete the new rows")
    statement.touch(name)
    _inner_changes(statement)
    _tables(statement.part(behind))
    check_calls(statement)


def read_replace(statement: Statement) -> None:
    """Judge REPLACE INTO, a `write` as every upsert, and ClickHouse's REPLACE TABLE, a loss."""
    if statement.word(1) in ("TABLE", "DICTIONARY", "TEMPORARY"):
        name, behind = statement.name(statement.skip(1, {"TABLE", "DICTIONARY", "TEMPORARY"}))
        statement.touch(name)
        statement.say({DESTRUCTIVE}, f"replaces the table {shown(name)} and loses what was in it", at=(0, behind))
        check_calls(statement)
        return
    name, behind = statement.name(statement.skip(1, {"INTO", "LOW_PRIORITY", "DELAYED"}))
    statement.touch(name)
    statement.say({WRITE}, f"inserts rows into {shown(name)} and replaces those with the same key", at=(0, behind))
    check_calls(statement)


_UPDATE_WORDS = (
    {"LOW_PRIORITY", "IGNORE", "ONLY", "OR", "ROLLBACK", "ABORT", "REPLACE", "FAIL", "TOP", "STATISTICS"},
)


_BEHIND_WHERE = wordset(
    """RETURNING ORDER LIMIT OPTION WITH SELECT INSERT UPDATE DELETE MERGE EXEC EXECUTE DROP TRUNCATE PRINT DECLARE
    IF BEGIN END COMMIT ROLLBACK GO"""
)
"""What ends a condition: its statement's own clauses, and in T-SQL the next statement."""


def read_update(statement: Statement) -> None:
    """Judge UPDATE: without a WHERE that limits it, it is a loss."""
    if statement.word(1) == "STATISTICS":
        statement.say({WRITE}, "refreshes the planner's statistics", at=(0, 2))
        return
    name, behind = statement.name(statement.skip(1, *_UPDATE_WORDS))
    statement.touch(name)
    check_calls(statement)
    _tables(statement)
    where = statement.level({"WHERE"}, behind)
    if where < 0:
        statement.say({DESTRUCTIVE}, f"changes every row of {shown(name)}; nothing limits it", at=(0, behind))
        _bound(statement, where)
        return
    end = statement.level(_BEHIND_WHERE, where + 1)
    condition = statement.tokens[where + 1 : _condition_end(statement, where, end)]
    if always_true(condition):
        told = f"changes every row of {shown(name)}; its condition holds for all of them"
        statement.say({DESTRUCTIVE}, told, at=(0, behind))
        statement.say({DESTRUCTIVE}, told, at=(where, len(statement.tokens)))
    else:
        told = f"changes some rows of {shown(name)}"
        statement.say({WRITE}, told, at=(0, behind), undo="set the former values again, if somebody has them")
    _bound(statement, where)


def _condition_end(statement: Statement, where: int, end: int) -> int:
    if end > 0:
        return end
    depth = 0
    for index in range(where, len(statement.tokens)):
        depth += (statement.sign(index) == "(") - (statement.sign(index) == ")")
        if depth < 0 or statement.sign(index) == ";":
            return index
    return len(statement.tokens)


def _bound(statement: Statement, where: int) -> None:
    """Note an upper bound of rows: LIMIT n, TOP (n), or a key set to one value."""
    limit = statement.level({"LIMIT"})
    if limit > 0 and limit + 1 < len(statement.tokens) and statement.tokens[limit + 1].kind == NUMBER:
        text = statement.tokens[limit + 1].text
        if text.isdigit() and len(text) < 10:
            statement.reading.rows_bound.append(int(text))
            return
    words = statement.tokens[where + 1 :]
    if where > 0 and len(words) == 3 and words[0].key.upper() in ("ID", "UUID") and words[1].key == "=":
        statement.reading.rows_bound.append(1)


_DELETE_WORDS = frozenset({"LOW_PRIORITY", "QUICK", "IGNORE", "FROM", "ONLY", "HISTORY"})


def read_delete(statement: Statement) -> None:
    """Judge DELETE: always a loss; the summary says how much."""
    name, behind = statement.name(statement.skip(1, _DELETE_WORDS))
    statement.touch(name)
    check_calls(statement)
    _tables(statement)
    where = statement.level({"WHERE"}, behind)
    limited = where > 0 and not always_true(statement.tokens[where + 1 : _condition_end(statement, where, -1)])
    if limited:
        told = f"deletes the rows of {shown(name)} that match its condition"
    else:
        told = f"deletes every row of {shown(name)}; nothing limits it"
    statement.say({DESTRUCTIVE}, told, at=(0, behind))
    _bound(statement, where)


def read_merge(statement: Statement) -> None:
    """Judge MERGE: with a DELETE among its branches it is a loss."""
    name, behind = statement.name(statement.skip(1, {"INTO", "TOP"}))
    statement.touch(name)
    check_calls(statement)
    _tables(statement)
    at = next(
        (index for index, word in statement.outside() if word == "DELETE" and statement.word(index - 1) != "ON"),
        -1,
    )
    if at > 0:
        told = f"deletes rows of {shown(name)} that the merge finds"
        statement.say({DESTRUCTIVE}, told, at=(at, at + 1))
    else:
        statement.say({WRITE}, f"inserts and changes rows of {shown(name)}", at=(0, behind))


_EXPLAINED = wordset(
    """SELECT INSERT UPDATE DELETE MERGE WITH REPLACE CREATE EXECUTE DECLARE VALUES TABLE REFRESH CALL"""
)
_CHANGES = wordset("SELECT INSERT UPDATE DELETE REPLACE WITH")
_OFF = frozenset({"OFF", "FALSE", "0", "NO"})


def explained(statement: Statement) -> int:
    """Return the index of the statement that EXPLAIN runs; -1: it only shows the plan."""
    opening = statement.sign(1) == "("
    runs = statement.word(0) == "ANALYZE"
    end = statement.closing(1) if opening else statement.level(_CHANGES if runs else _EXPLAINED, 1)
    first = end + 1 if opening and end + 1 < len(statement.tokens) else end
    if opening and (statement.word(2) in _EXPLAINED or statement.sign(2) == "("):
        return -1
    for index in range(1, max(end, 1)):
        if statement.word(index) in ("ANALYZE", "ANALYSE", "PROFILE"):
            value = statement.tokens[index + 1] if index + 1 < len(statement.tokens) else None
            off = opening and value is not None and (value.key or value.text).strip("'").upper() in _OFF
            runs = runs or not off
    return first if runs and first > 0 else -1


_MAIN_READERS = {
    "SELECT": read_query,
    "VALUES": read_query,
    "TABLE": read_query,
    "FROM": read_query,
    "INSERT": read_insert,
    "REPLACE": read_replace,
    "UPDATE": read_update,
    "DELETE": read_delete,
    "MERGE": read_merge,
}
