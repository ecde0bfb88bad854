"""CREATE and DROP: what is made, what is replaced, what is lost, and what code is stored to run later.

Replacing a definition (a view, a function) is a write like any edit; replacing what holds rows, files, a position
or an account is a loss. Stored code is read: where it does more than read and write, storing it is `exec`, since a
mere SELECT or INSERT may start it; on a schedule it does what it says.
"""

from firewall.classify.draft import shown
from firewall.classify.sql.blocks import body_effects
from firewall.classify.sql.functions import check_calls
from firewall.classify.sql.kinds import KINDS, PRIVILEGED, kind_of, kind_start, object_name
from firewall.classify.sql.queries import read_query, read_with
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
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
from firewall.core.effect import Effect

_HOLDS = wordset("""TABLE DATABASE SCHEMA STREAM SEQUENCE STAGE USER ROLE CATALOG DATASET VOLUME QUEUE""")
"""Objects whose replacement loses what is in them."""
_CODE = wordset(
    """FUNCTION PROCEDURE PROC TRIGGER EVENT RULE TASK ALERT PACKAGE AGGREGATE TYPE MACRO SCRIPT JAVA"""
)
_UNSAFE_EXTENSIONS = wordset(
    """plpython3u plpythonu plpython2u plperlu pltclu plsh plr adminpack file_fdw dblink pg_cron http pg_net plv8
    pljava plrust aws_lambda aws_s3 pg_execute_server_program"""
)


def read_drop(statement: Statement) -> None:
    """Judge DROP: a loss, whatever is dropped."""
    kind, behind = kind_of(statement, 1)
    name, end = object_name(statement, behind)
    if kind in ("PREPARE", "SESSION") or statement.word(1) == "PREPARE":
        statement.say({READ}, "forgets a prepared statement", at=(0, end))
        return
    what = kind.lower() or "object"
    names, end = _names(statement, behind, name, end)
    listed = ", ".join(shown(one) for one in names)
    told = f"drops the {what}{'s' if len(names) > 1 else ''} {listed}" if name else f"drops a {what}"
    effects = {DESTRUCTIVE}
    if set(kind.split()) & PRIVILEGED:
        effects.add(PRIVILEGE)
    if kind.endswith(("TABLE", "VIEW", "DATABASE", "SCHEMA")):
        for one in names:
            statement.touch(one)
    if statement.has("CASCADE"):
        told += " and everything that depends on it"
    undo = "UNDROP, as long as the retention time lasts" if statement.dialect.name == "snowflake" else ""
    statement.say(effects, told, at=(0, end), undo=undo)


_MOST_NAMES = 5


def _names(statement: Statement, behind: int, name: str, end: int) -> tuple[list[str], int]:
    """Return all names of a list such as `a, b`, the first few, and the index behind them."""
    names = [name]
    start = behind
    while name and len(names) < _MOST_NAMES and end > start and statement.sign(end) == ",":
        start = end + 1
        name, end = object_name(statement, start)
        names += [name] if name else []
    return names, end


def read_truncate(statement: Statement) -> None:
    """Judge TRUNCATE: a loss."""
    name, end = object_name(
        statement, statement.skip(1, {"TABLE", "DATABASE", "MATERIALIZED", "VIEW", "ALL", "TABLES"})
    )
    statement.touch(name)
    statement.say({DESTRUCTIVE}, f"empties {shown(name)}", at=(0, max(end, 2)))


def read_create(statement: Statement) -> None:
    """Judge CREATE, with or without OR REPLACE."""
    replaces = statement.words(1, 2) == ("OR", "REPLACE")
    start = kind_start(statement)
    kind, behind = kind_of(statement, start)
    name, end = object_name(statement, behind)
    parts = set(kind.split())
    if not kind or not parts & KINDS:
        statement.say(
            {WRITE, UNKNOWN} if replaces else {WRITE},
            "creates something of a kind that is not known",
            at=(0, max(end, 1)),
        )
        statement.reading.miss("what kind of thing it creates")
        check_calls(statement)
        return
    alters = statement.words(1, 2) == ("OR", "ALTER")
    effects: set[Effect] = {PRIVILEGE} if parts & PRIVILEGED and kind != "MASTER KEY" else {WRITE}
    told = f"creates the {kind.lower()} {shown(name)}"
    if replaces and parts & _HOLDS and not parts & {"FUNCTION", "VIEW", "POLICY", "TRIGGER", "INDEX"}:
        effects.add(DESTRUCTIVE)
        told = f"replaces the {kind.lower()} {shown(name)} and loses what was in it"
    elif alters and "TABLE" in parts:
        effects.add(DESTRUCTIVE)
        told = f"makes the table {shown(name)} what is said here; columns that are not named are dropped"
    elif replaces:
        told = f"creates the {kind.lower()} {shown(name)} or replaces its definition"
    _more(statement, kind, name, effects)
    undo = f"drop the {kind.lower()} again" if not replaces else ""
    statement.say(effects, told, at=(0, max(end, 1)), undo=undo)
    if "TABLE" in parts or "VIEW" in parts:
        statement.touch(name)
    if parts & _CODE and not parts & {"TABLE", "SESSION"}:
        _stored(statement, kind, name, end)
    else:
        _as_query(statement, end)


def _more(statement: Statement, kind: str, name: str, effects: set[Effect]) -> None:
    """Add what some kinds do besides."""
    if kind == "EXTENSION" and name.lower() in _UNSAFE_EXTENSIONS:
        effects |= {EXEC, PRIVILEGE}
    if kind.endswith(("LANGUAGE", "LIBRARY", "ASSEMBLY")):
        effects.add(EXEC)
    if "USER" in kind and statement.has("DEFAULT_SECRET"):
        effects.add(SECRET)
    if kind in ("SUBSCRIPTION", "PUBLICATION"):
        statement.reading.miss("what is copied over the replication")
    if kind == "DATABASE" and statement.has("FROM", "BACKUP"):
        effects.add(EXFIL)


def _as_query(statement: Statement, start: int) -> None:
    """Judge the query behind AS, and the functions that defaults and checks call."""
    main = statement.level({"SELECT", "WITH"}, start)
    if (main > 0 and statement.word(main - 1) in ("AS", "")) or statement.has("SELECT"):
        at = main if main > 0 else statement.find("SELECT")
        (read_with if statement.word(at) == "WITH" else read_query)(statement.part(at, block=True))
        return
    check_calls(statement)


_SCHEDULED = frozenset({"EVENT", "TASK", "ALERT"})
_OWN_START = frozenset({"TRIGGER", "RULE"})


def _stored(statement: Statement, kind: str, name: str, end: int) -> None:
    """Judge the code that is stored: what it does counts when something may start it without being asked."""
    found = body_effects(statement, end)
    last = name.rpartition(".")[2].upper()
    if found is not None:
        statement.reading.routines[last] = found
    loud = (found or set()) - {READ, WRITE}
    words = set(kind.split())
    if found is None:
        statement.reading.miss(f"what the {kind.lower()} {shown(name)} does")
        if _foreign(statement, end):
            statement.say(
                {EXEC}, f"stores code of another language in the {kind.lower()} {shown(name)}", at=(0, end)
            )
    elif loud and words & _SCHEDULED:
        statement.say(loud, f"lets the {kind.lower()} {shown(name)} do so on a schedule", at=(0, end))
    elif loud and words & (_OWN_START | {"FUNCTION"}):
        told = (
            f"stores code in the {kind.lower()} {shown(name)} that does more than read and write ({_listed(loud)})"
        )
        statement.say({EXEC}, told, at=(0, end))


def _listed(effects: set[Effect]) -> str:
    return ", ".join(sorted(effect.value for effect in effects))


def _foreign(statement: Statement, start: int) -> bool:
    """Tell whether the body is of a language that reaches the server's machine."""
    at = statement.find("LANGUAGE", start=start)
    language = statement.word(at + 1) if at > 0 else ""
    token = statement.tokens[at + 1] if 0 < at < len(statement.tokens) - 1 else None
    language = language or (token.text.strip("'\"").upper() if token is not None else "")
    unsafe = language.endswith("U") or language in ("C", "INTERNAL", "JAVA", "PLSH", "PLR")
    return (unsafe and statement.dialect.name not in ("snowflake", "bigquery")) or statement.has("SONAME")
