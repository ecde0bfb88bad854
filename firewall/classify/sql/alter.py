"""ALTER: clause by clause, because one statement may add, rename and lose."""

from collections.abc import Callable
from dataclasses import dataclass

from firewall.classify.draft import shown
from firewall.classify.sql.conditions import always_true
from firewall.classify.sql.kinds import PRIVILEGED, kind_of, kind_start, object_name
from firewall.classify.sql.lexer import STRING, literal
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    DISRUPTIVE,
    EXFIL,
    PRIVILEGE,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)
from firewall.classify.sql.settings import setting

_KEPT_BY_ALTER = frozenset({"snowflake", "bigquery", "redshift", "oracle", "databricks", "sparksql", "athena"})
"""Dialects whose type changes only widen, or fail rather than cut."""
_TEXT_TYPES = wordset(
    """VARCHAR TEXT STRING NVARCHAR CLOB NCLOB CHARACTER MEDIUMTEXT LONGTEXT VARCHAR2 NVARCHAR2 LONGBLOB
    MEDIUMBLOB CITEXT ENUM SET JSON"""
)
_ATTRIBUTES = wordset(
    """DEFAULT NOT NULL IDENTITY EXPRESSION COMMENT NOCACHE STATISTICS ENCRYPTION MASKED SEARCH CLUSTERING
    ROWGUIDCOL STORAGE"""
)
"""Traits of a column: taking one away loses nothing that SET does not bring back."""
_MEMBERS = frozenset({"PUBLICATION", "EXTENSION", "SUBSCRIPTION", "SERVER", "ENDPOINT", "TAG", "TASK", "WORKLOAD"})


_UNNAMED = frozenset({"SYSTEM", "DATABASE", "SESSION", "ACCOUNT", "INSTANCE"})
"""Objects that may stand without a name: what follows may be a clause already."""


def read_alter(statement: Statement) -> None:
    """Judge ALTER of anything."""
    kind, behind = kind_of(statement, kind_start(statement))
    name, end = object_name(statement, behind)
    parts = set(kind.split())
    end = max(end, 1)
    if not kind:
        statement.say({WRITE, UNKNOWN}, "alters something of a kind that is not known", at=(0, end))
        return
    told = f"changes the {kind.lower()} {shown(name)}" if name else f"changes the {kind.lower()}"
    privileged = bool(parts & PRIVILEGED) and kind != "MASTER KEY"
    statement.say({PRIVILEGE if privileged else WRITE}, told, at=(0, end))
    if kind.endswith(("TABLE", "VIEW")):
        statement.touch(name)
    if kind == "SYSTEM" or "SETTINGS" in parts:
        setting(statement, 1)
    altered = Altered(kind, name)
    start = behind if parts & _UNNAMED else end
    for index, word in statement.outside(start):
        reader = _CLAUSES.get(word)
        if reader is not None:
            reader(statement, index, altered)


@dataclass(frozen=True, slots=True)
class Altered:
    """The object that an ALTER is about."""

    kind: str
    name: str

    @property
    def shown(self) -> str:
        """The name as people are shown it."""
        return shown(self.name)


Clause = Callable[[Statement, int, Altered], None]


def _drop(statement: Statement, index: int, of: Altered) -> None:
    """`DROP COLUMN x`: a loss; a trait, a member or a grant: none."""
    following = statement.word(index + 1)
    at = (index, min(index + 3, len(statement.tokens)))
    if following in _ATTRIBUTES or set(of.kind.split()) & PRIVILEGED:
        return
    if statement.words(index + 1, 3) == ("ROW", "ACCESS", "POLICY") or following == "MASKING":
        statement.say({PRIVILEGE}, f"takes a policy from {of.shown}", at=at)
    elif set(of.kind.split()) & _MEMBERS and of.kind != "FOREIGN SERVER":
        statement.say({WRITE}, f"takes a member from {of.shown}", at=at, undo="add it again")
    elif following == "BEHAVIOR" or statement.word(index - 1) in ("CASCADE", "ON"):
        return
    else:
        what = (
            statement.source.text[statement.tokens[at[0] + 1].start : statement.tokens[at[1] - 1].end]
            if at[1] > at[0] + 1
            else ""
        )
        statement.say({DESTRUCTIVE}, f"drops {shown(what)} from {of.shown}", at=at)


def _truncate(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index + 1) in ("PARTITION", "SUBPARTITION", "PARTITIONS"):
        statement.say({DESTRUCTIVE}, f"empties partitions of {of.shown}", at=(index, index + 3))


def _delete(statement: Statement, index: int, of: Altered) -> None:
    if of.kind.endswith("TABLE") and statement.word(index - 1) not in ("ON", "LOG"):
        statement.say({DESTRUCTIVE}, f"deletes rows of {of.shown}", at=(index, index + 2))


def _update(statement: Statement, index: int, of: Altered) -> None:
    """ClickHouse: `ALTER TABLE t UPDATE a = 1 WHERE …`."""
    if not of.kind.endswith("TABLE") or statement.word(index - 1) == "ON":
        return
    where = statement.level({"WHERE"}, index)
    if where < 0 or always_true(statement.tokens[where + 1 :]):
        told = f"changes every row of {of.shown}; nothing limits it"
        statement.say({DESTRUCTIVE}, told, at=(index, len(statement.tokens)))


def _unset(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index + 1) in (
        "MASKING",
        "PROJECTION",
        "AGGREGATION",
        "PASSWORD",
        "AUTHENTICATION",
        "NETWORK_POLICY",
    ):
        statement.say({PRIVILEGE}, f"takes a protection from {of.shown}", at=(index, index + 2))


def _typed(statement: Statement, index: int, of: Altered) -> None:
    """`ALTER COLUMN c TYPE t`, `MODIFY c t`, `CHANGE a b t`: a new type may cut or round what is there."""
    if statement.dialect.name in _KEPT_BY_ALTER or not of.kind.endswith("TABLE"):
        return
    new = _new_type(statement, index)
    if not new:
        return
    used = statement.find("USING", start=index) > 0 and statement.word(index) in ("TYPE", "ALTER")
    if new in _TEXT_TYPES and not used:
        return
    told = f"changes a column of {of.shown} to the type {shown(new.lower())}; values may be cut or rounded"
    statement.say({DESTRUCTIVE}, told, at=(index, min(index + 4, len(statement.tokens))))


def _new_type(statement: Statement, index: int) -> str:
    """Return the new type that a clause names; empty: the clause names none."""
    word = statement.word(index)
    if word == "TYPE":
        shape = statement.word(index - 1) not in ("ADD", "SET") or statement.words(index - 2, 2) == ("SET", "DATA")
        return statement.word(index + 1) if shape and statement.sign(index + 1) != "=" else ""
    if word == "ALTER":
        if not statement.dialect.tsql or statement.word(index + 1) != "COLUMN":
            return ""
        _, behind = statement.name(index + 2)
        return "" if statement.word(behind) in ("ADD", "DROP") else statement.name(behind)[0].upper()
    if statement.word(index + 1) in _NOT_COLUMNS:
        return ""
    start = statement.skip(index + 1, {"COLUMN"}, {"IF", "EXISTS"})
    _, behind = statement.name(start)
    if word == "CHANGE":
        _, behind = statement.name(behind)
    found = statement.word(behind)
    return "" if found in _NO_TYPES else found


_NOT_COLUMNS = wordset(
    """TTL ORDER SETTING QUERY SAMPLE COMMENT MASTER REPLICATION PARTITION CONSTRAINT CHECK TRACKING NAME SQL
    REFRESH LOB"""
)
_NO_TYPES = wordset(
    """SET REMOVE COMMENT DEFAULT MATERIALIZED ALIAS CODEC TTL MODIFY FIRST AFTER NOT NULL VISIBLE"""
)


def _set(statement: Statement, index: int, of: Altered) -> None:
    following = statement.word(index + 1)
    at = (index, min(index + 4, len(statement.tokens)))
    if following == "UNUSED":
        statement.say({DESTRUCTIVE}, f"gives up columns of {of.shown}", at=at)
    elif following == "UNLOGGED":
        statement.say({DESTRUCTIVE}, f"lets {of.shown} lose its rows in a crash", at=at)
    elif following in ("OFFLINE", "SINGLE_USER", "RESTRICTED_USER", "READ_ONLY", "EMERGENCY"):
        statement.say({DISRUPTIVE}, f"shuts others out of {of.shown}", at=at)
    elif following == "RECOVERY" and statement.word(index + 2) == "SIMPLE":
        statement.say({DESTRUCTIVE}, f"ends point-in-time recovery of {of.shown}", at=at)
    elif following in ("ENCRYPTION", "TRUSTWORTHY", "DB_CHAINING") or following == "MASKING":
        statement.say({PRIVILEGE}, f"changes how {of.shown} is protected", at=at)
    _keeping(statement, index, of)


_ZERO = frozenset({"0", "'0'"})
_EXPIRES = wordset(
    """EXPIRATION_TIMESTAMP DEFAULT_TABLE_EXPIRATION_DAYS PARTITION_EXPIRATION_DAYS
    DEFAULT_PARTITION_EXPIRATION_DAYS"""
)


def _keeping(statement: Statement, index: int, of: Altered) -> None:
    """Judge options that end versions, time travel or let data expire."""
    for at in range(index + 1, len(statement.tokens) - 2):
        key, value = statement.word(at), statement.tokens[at + 2]
        if statement.sign(at + 1) != "=":
            continue
        if key == "SYSTEM_VERSIONING" and value.key == "OFF":
            statement.say({DESTRUCTIVE}, f"stops keeping versions of {of.shown}", at=(at, at + 3))
        elif key.endswith("DATA_RETENTION_TIME_IN_DAYS") and value.text in _ZERO:
            statement.say({DESTRUCTIVE}, f"ends the time in which {of.shown} can be restored", at=(at, at + 3))
        elif key in _EXPIRES and value.key != "NULL":
            statement.say({DESTRUCTIVE}, f"lets data of {of.shown} be deleted at a time", at=(at, at + 3))
        elif key == "DATA_DELETION" and value.key == "ON":
            statement.say({DESTRUCTIVE}, f"lets old rows of {of.shown} be deleted", at=(at, at + 3))
        elif key == "TRUNCATE_TARGET" and value.key == "ON":
            statement.say({DESTRUCTIVE}, f"empties the target partition of {of.shown}", at=(at, at + 3))


def _owner(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index + 1) == "TO" or statement.word(index - 1) in ("CHANGE", "SET"):
        statement.say({PRIVILEGE}, f"gives {of.shown} to another owner", at=(index, index + 3))


def _row_security(statement: Statement, index: int, of: Altered) -> None:
    words = statement.words(index, 3)
    if words in (("ROW", "LEVEL", "SECURITY"), ("ROW", "ACCESS", "POLICY")):
        statement.say({PRIVILEGE}, f"changes which rows of {of.shown} are seen by whom", at=(index, index + 3))


def _moved(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index + 1) in ("PARTITION", "TO", "WITH", "SUBPARTITION", "PART"):
        told = f"swaps the rows of {of.shown} for those of another table"
        statement.say({DISRUPTIVE}, told, at=(index, index + 2), undo="swap them back")
        _keeping(statement, index, of)


def _stop(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index - 1) not in ("RENAME", "COLUMN", "ADD", "SET"):
        statement.say({DISRUPTIVE}, f"interrupts {of.shown}", at=(index, index + 2))


def _clear(statement: Statement, index: int, of: Altered) -> None:
    if statement.word(index + 1) in ("COLUMN", "TABLESPACE", "PARTITION", "PROJECTION"):
        statement.say({DESTRUCTIVE}, f"discards data of {of.shown}", at=(index, index + 2))


def _noarchive(statement: Statement, index: int, of: Altered) -> None:
    if of.kind == "DATABASE":
        statement.say({DESTRUCTIVE}, "ends what makes recovery possible", at=(index, index + 1))


def _remove(statement: Statement, index: int, of: Altered) -> None:
    if of.kind == "DATABASE" and statement.word(index + 1) in ("FILE", "FILEGROUP"):
        statement.say({DESTRUCTIVE}, f"removes a file of {of.shown}", at=(index, index + 2))


def _converted(statement: Statement, index: int, of: Altered) -> None:
    """MySQL: `CONVERT TO CHARACTER SET x`: letters that the new one lacks are lost."""
    if statement.words(index + 1, 3) == ("TO", "CHARACTER", "SET") and statement.word(index + 4) not in _WIDEST:
        told = f"writes the text of {of.shown} in another character set; letters that it lacks are lost"
        statement.say({DESTRUCTIVE}, told, at=(index, index + 5))


_WIDEST = frozenset({"UTF8MB4", "UTF8MB3", "UTF8", "UTF16", "UTF32", "UCS2"})


def _replaced(statement: Statement, index: int, of: Altered) -> None:
    """ClickHouse: `REPLACE PARTITION p FROM t` deletes what the partition holds."""
    if statement.word(index + 1) in ("PARTITION", "PART"):
        statement.say({DESTRUCTIVE}, f"replaces a partition of {of.shown}", at=(index, index + 3))


def _expires(statement: Statement, index: int, of: Altered) -> None:
    """ClickHouse: `MODIFY TTL …`: rows are deleted when their time is over."""
    if statement.word(index - 1) == "MODIFY" and of.kind.endswith("TABLE"):
        statement.say({DESTRUCTIVE}, f"lets rows of {of.shown} be deleted at a time", at=(index - 1, index + 2))


def _disabled(statement: Statement, index: int, of: Altered) -> None:
    """MySQL: `ALTER INSTANCE DISABLE INNODB REDO_LOG`: a crash then loses data."""
    if "REDO_LOG" in statement.words(index + 1, 2):
        told = f"stops the log of {of.shown} without which a crash loses data"
        statement.say({DESTRUCTIVE}, told, at=(index, index + 3))


def _rotated(statement: Statement, index: int, of: Altered) -> None:
    """MySQL: `ALTER INSTANCE ROTATE … MASTER KEY`: another key guards what is stored."""
    if statement.find("MASTER", "KEY", start=index) > 0:
        statement.say({PRIVILEGE}, f"changes the master key of {of.shown}", at=(index, index + 2))


def _policy(statement: Statement, index: int, of: Altered) -> None:
    """Snowflake: `SET NETWORK_POLICY = x`, `SET PASSWORD POLICY x`: who may sign in, and how."""
    if statement.word(index - 1) in ("SET", "UNSET") and of.kind in ("ACCOUNT", "USER"):
        statement.say({PRIVILEGE}, f"changes how {of.shown} is protected", at=(index - 1, index + 1))


def _engine(statement: Statement, index: int, of: Altered) -> None:
    at = index + 2 if statement.sign(index + 1) == "=" else index + 1
    if statement.word(at) in ("BLACKHOLE", "MEMORY"):
        statement.say({DESTRUCTIVE}, f"moves {of.shown} to an engine that keeps no rows", at=(index, at + 1))


def _accounts(statement: Statement, index: int, of: Altered) -> None:
    if of.kind == "SHARE" and statement.word(index + 1) in ("ACCOUNTS", "CONSUMER", "ACCOUNT"):
        statement.say({EXFIL}, f"shares {of.shown} with other accounts", at=(index, index + 2))


def _body(statement: Statement, index: int, of: Altered) -> None:
    """`ALTER EVENT … DO statement`, `ALTER TASK … MODIFY AS statement`: the new text is judged."""
    if of.kind in ("EVENT", "TASK", "ALERT"):
        inner = statement.part(index + 1)
        if inner.tokens:
            statement.judge(inner)
    token = statement.tokens[index + 1] if index + 1 < len(statement.tokens) else None
    if of.kind == "TASK" and token is not None and token.kind == STRING:
        text, offset = literal(token, statement.dialect)
        statement.recurse(statement, statement.source.part(text, max(offset, 0), max(offset, 0) + len(text)))


_CLAUSES: dict[str, Clause] = {
    "DROP": _drop,
    "TRUNCATE": _truncate,
    "DELETE": _delete,
    "UPDATE": _update,
    "UNSET": _unset,
    "TYPE": _typed,
    "MODIFY": _typed,
    "CHANGE": _typed,
    "ALTER": _typed,
    "SET": _set,
    "OWNER": _owner,
    "AUTHORIZATION": _owner,
    "ROW": _row_security,
    "SWITCH": _moved,
    "EXCHANGE": _moved,
    "SWAP": _moved,
    "SUSPEND": _stop,
    "ABORT": _stop,
    "KILL": _stop,
    "DISCONNECT": _stop,
    "OFFLINE": _stop,
    "SHUTDOWN": _stop,
    "CLOSE": _stop,
    "DISMOUNT": _stop,
    "FAILOVER": _stop,
    "FORCE_FAILOVER_ALLOW_DATA_LOSS": _noarchive,
    "REMOVE": _remove,
    "CLEAR": _clear,
    "DISCARD": _clear,
    "NOARCHIVELOG": _noarchive,
    "ENGINE": _engine,
    "CONVERT": _converted,
    "REPLACE": _replaced,
    "TTL": _expires,
    "DISABLE": _disabled,
    "ROTATE": _rotated,
    "NETWORK_POLICY": _policy,
    "PASSWORD": _policy,
    "AUTHENTICATION": _policy,
    "SESSION": _policy,
    "ADD": _accounts,
    "DO": _body,
    "AS": _body,
}
