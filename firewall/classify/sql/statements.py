"""One statement to effects: by its verb, and by every verb that hides behind it."""

import unicodedata
from collections.abc import Callable

from firewall.classify.sql import admin, alter, copies, define, keeping, queries, routines, settings
from firewall.classify.sql.blocks import TRANSACTION_WORDS, read_block
from firewall.classify.sql.client import read_client
from firewall.classify.sql.lexer import BAD, CLIENT, WORD
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    DISRUPTIVE,
    EXEC,
    PRIVILEGE,
    READ,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)
from firewall.classify.sql.split import client_words
from firewall.core.effect import Effect
from firewall.core.folding import normal

MAX_HIDDEN = 24
_LONGEST_KEYWORD = 64
Reader = Callable[[Statement], None]
_READERS: dict[str, Reader] = {
    "SELECT": queries.read_query,
    "SEL": queries.read_query,
    "VALUES": queries.read_query,
    "TABLE": queries.read_query,
    "FROM": queries.read_query,
    "PIVOT": queries.read_query,
    "UNPIVOT": queries.read_query,
    "WITH": queries.read_with,
    "INSERT": queries.read_insert,
    "REPLACE": queries.read_replace,
    "UPSERT": queries.read_replace,
    "UPDATE": queries.read_update,
    "DELETE": queries.read_delete,
    "DEL": queries.read_delete,
    "MERGE": queries.read_merge,
    "DROP": define.read_drop,
    "UNDEFINE": define.read_drop,
    "TRUNCATE": define.read_truncate,
    "CREATE": define.read_create,
    "DEFINE": define.read_create,
    "ALTER": alter.read_alter,
    "EXPLAIN": admin.read_explain,
    "DESCRIBE": admin.read_explain,
    "DESC": admin.read_explain,
    "ANALYZE": admin.read_explain,
    "ANALYSE": admin.read_explain,
    "SET": settings.read_set,
    "COPY": copies.read_copy,
    "UNLOAD": copies.read_unload,
    "EXPORT": copies.read_unload,
    "LOAD": copies.read_load,
    "CALL": routines.read_call,
    "EXEC": routines.read_execute,
    "EXECUTE": routines.read_execute,
    "PREPARE": routines.read_prepare,
    "DO": routines.read_do,
    "BACKUP": keeping.read_backup,
    "RESTORE": keeping.read_restore,
    "PRAGMA": settings.read_pragma,
    "VACUUM": keeping.read_vacuum,
    "DBCC": keeping.read_dbcc,
    "RESET": settings.read_reset,
    "SYSTEM": keeping.read_system,
    "FLASHBACK": keeping.read_flashback,
    "OPTIMIZE": keeping.read_optimize,
    "SHOW": admin.read_show,
    "DECLARE": routines.read_declare,
    "GET": copies.read_get,
    "PUT": copies.read_put,
    "PURGE": keeping.read_purge,
    "GRANT": admin.read_grant,
    "REVOKE": admin.read_grant,
    "DENY": admin.read_grant,
    "IMPORT": copies.read_import,
    "BULK": copies.read_import,
    **dict.fromkeys(
        wordset(
            """WHEN UNTIL IF WHILE LOOP FOR REPEAT CASE RETURN THROW RAISERROR RAISE PRINT ELSE ELSEIF ELSIF LET
            OPEN FETCH CLOSE SIGNAL RESIGNAL LEAVE ITERATE BREAK CONTINUE GOTO WAITFOR ASSERT FOREACH PERFORM"""
        ),
        read_block,
    ),
}
_FIXED_GROUPS: tuple[tuple[Effect, str, str], ...] = (
    (
        READ,
        "looks at data or definitions",
        "USE HELP LIST LS CHECK CHECKSUM HANDLER MOVE EXISTS WATCH READTEXT DIR SUMMARIZE NULL LINENO DEALLOCATE",
    ),
    (
        WRITE,
        "changes the state of the session or the database",
        """COMMENT BEGIN START COMMIT ROLLBACK SAVEPOINT SAVE RELEASE END ABORT LOCK UNLOCK REINDEX CLUSTER
        CHECKPOINT REFRESH LISTEN UNLISTEN NOTIFY DISCARD RENAME REPAIR FLUSH CACHE UNCACHE UNSET UNDROP
        ATTACH DETACH XA RECONFIGURE ENABLE DISABLE CHANGE MSCK CONVERT FSCK GENERATE COLLECT ASSOCIATE
        DISASSOCIATE SEND RECEIVE EXCHANGE APPLY WRITETEXT UPDATETEXT SYNC INVALIDATE COMPUTE UNINSTALL
        REORG RUNSTATS VALIDATE CLEAR INIT RECOVER SUBSCRIBE UNSUBSCRIBE""",
    ),
    (DISRUPTIVE, "stops sessions, queries or the server", "KILL CANCEL SHUTDOWN RESTART STOP"),
    (DESTRUCTIVE, "removes files", "REMOVE RM"),
    (
        PRIVILEGE,
        "changes who may do what, or what is audited",
        "REASSIGN SECURITY REVERT SETUSER ADMINISTER AUDIT NOAUDIT",
    ),
    (EXEC, "installs code into the server", "INSTALL"),
    (UNKNOWN, "replays changes that are not seen here", "BINLOG"),
    (DESTRUCTIVE, "replaces the data of this server by another's", "CLONE"),
)
_FIXED: dict[str, tuple[Effect, str]] = {
    verb: (effect, told) for effect, told, verbs in _FIXED_GROUPS for verb in verbs.split()
}


def read_statement(statement: Statement) -> None:
    """Judge one statement; every path adds at least one finding."""
    reading = statement.reading
    if not statement.tokens or not reading.affords(len(statement.tokens)):
        reading.effects.add(UNKNOWN)
        reading.miss("more SQL than is read")
        return
    reading.statements += 1
    if any(token.kind == BAD for token in statement.tokens):
        at = next(index for index, token in enumerate(statement.tokens) if token.kind == BAD)
        statement.say({UNKNOWN}, "holds text that has no end or no meaning", at=(at, at + 1))
    _look_alikes(statement)
    if statement.tokens[0].kind == CLIENT or _client_line(statement):
        read_client(statement)
        return
    depth = 0
    while statement.sign(depth) == "(":
        depth += 1
    inner = statement.part(depth) if depth else statement
    if not inner.tokens:
        statement.say({UNKNOWN}, "has no words")
        return
    _dispatch(inner)
    _balanced(statement)
    if not (statement.dialect.postgres or statement.block):
        hidden(inner)


def _client_line(statement: Statement) -> bool:
    dialect, first = statement.dialect, statement.tokens[0]
    if statement.block or statement.depth:
        return False
    if dialect.dots and first.key == ".":
        return True
    if dialect.oracle and (first.key in ("@", "!", "/") or first.text.startswith("@")):
        return True
    if dialect.tsql and (
        first.key == "!" or first.text.lower() in (":r", ":setvar", ":connect", ":out", ":on", ":exit")
    ):
        return True
    clients = client_words(dialect)
    return first.kind == WORD and first.key in clients and not (first.key in _READERS and dialect.mysql)


def _dispatch(statement: Statement) -> None:
    word = statement.word(0)
    if word == "BEGIN" and len(statement.tokens) > 1 and statement.word(1) not in TRANSACTION_WORDS:
        read_block(statement)
        return
    reader = _READERS.get(word)
    if reader is not None:
        reader(statement)
    elif word in _FIXED:
        _fixed(statement, word)
    else:
        routines.read_bare(statement)


_REPLICATION = wordset("SLAVE REPLICA MASTER REPLICATION GROUP_REPLICATION")


_ENDS = wordset("IF LOOP WHILE REPEAT FOR CASE")


def _fixed(statement: Statement, word: str) -> None:
    effect, told = _FIXED[word]
    following = statement.word(1)
    if word == "ATTACH":
        path = copies.first_text(statement)[0] or statement.name(statement.skip(1, {"DATABASE"}))[0]
        statement.reading.files.append(path)
    if (word in ("ATTACH", "DETACH") and statement.has("POLICY")) or (
        word == "RENAME" and following in ("USER", "ROLE")
    ):
        effect, told = PRIVILEGE, "changes who may do what"
    elif word in ("START", "CHANGE") and following in _REPLICATION:
        effect, told = DISRUPTIVE, "changes replication"
    elif word == "DETACH" and statement.dialect.name == "clickhouse":
        effect, told = DISRUPTIVE, "takes a table away until it is attached again"
    elif word == "REPAIR" and statement.has("USE_FRM"):
        effect, told = DESTRUCTIVE, "rebuilds a table from its definition alone and may lose rows"
    elif word == "END" and (statement.block or following in _ENDS):
        effect, told = READ, "ends a block"
    statement.say({effect}, told, at=(0, 2))


def _balanced(statement: Statement) -> None:
    depth = sum((token.key == "(") - (token.key == ")") for token in statement.tokens)
    if depth and not statement.block and not statement.dialect.half_open:
        statement.say({UNKNOWN}, "its parentheses do not match", at=(0, 1))


_OBJECTS = wordset(
    """TABLE DATABASE SCHEMA VIEW INDEX USER ROLE LOGIN PROCEDURE FUNCTION TRIGGER SEQUENCE MATERIALIZED EXTERNAL
    SYSTEM SERVER TABLESPACE PROC COLUMN PARTITION POLICY OWNED EXTENSION TYPE EVENT SYNONYM IF"""
)
_OWN_BODIES = frozenset(
    {"GRANT", "REVOKE", "DENY", "CREATE", "ALTER", "COMMENT", "DROP", "IF", "WHILE", "BEGIN", "DECLARE"}
)

_SHOWS = wordset("SHOW EXPLAIN DESCRIBE DESC HELP ANALYZE")


def hidden(statement: Statement) -> None:
    """Judge verbs that stand behind another statement without a `;`: T-SQL needs none, a typo hides one."""
    if statement.word(0) in _SHOWS or (statement.word(0) in _OWN_BODIES and not statement.dialect.tsql):
        return
    count = 0
    for index in range(1, len(statement.tokens) - 1):
        if statement.tokens[index].kind == WORD and _starts(statement, index):
            count += 1
            if count > MAX_HIDDEN or not statement.reading.affords(len(statement.tokens) - index):
                statement.say({UNKNOWN}, "holds more statements than are read", at=(index, index + 1))
                return
            _dispatch(statement.part(index))


def _starts(statement: Statement, index: int) -> bool:
    word, following, before = statement.word(index), statement.word(index + 1), statement.word(index - 1)
    first = statement.word(0)
    if first in _OWN_BODIES and first not in ("IF", "WHILE", "BEGIN", "DECLARE"):
        return False
    if word in _BY_NEXT:
        return following in _BY_NEXT[word] and (
            before not in ("ON", "THEN") or (before == "ON" and first == "SET")
        )
    if word == "UPDATE":
        name, behind = statement.name(index + 1)
        return bool(name) and name.upper() != "SET" and statement.word(behind) == "SET" and before != "THEN"
    return statement.dialect.tsql and word in _TSQL_STARTS and before not in _NOT_BEFORE and following != ""


_BY_NEXT: dict[str, frozenset[str]] = {
    **dict.fromkeys(("DROP", "ALTER", "CREATE"), _OBJECTS),
    **dict.fromkeys(("MERGE", "REPLACE"), frozenset({"INTO"})),
    "INSERT": frozenset({"INTO", "OVERWRITE"}),
    "DELETE": frozenset({"FROM"}),
    "TRUNCATE": frozenset({"TABLE"}),
}
_TSQL_STARTS = wordset("EXEC EXECUTE SHUTDOWN KILL BACKUP RESTORE GRANT DENY DBCC XP_CMDSHELL")
_NOT_BEFORE = wordset("AS WITH FROM SELECT BY")
_KNOWN_WORDS = frozenset(_READERS) | frozenset(_FIXED)


def _look_alikes(statement: Statement) -> None:
    """A word that only looks like Latin letters is no keyword, and hides what it looks like."""
    for index, token in enumerate(statement.tokens):
        if token.kind == WORD and len(token.text) <= _LONGEST_KEYWORD and not token.text.isascii():
            plain = skeleton(token.text)
            if plain.isascii() and (plain in _KNOWN_WORDS or index == 0 or statement.sign(index + 1) == "("):
                statement.say(
                    {UNKNOWN}, "spells a word with letters that only look like it", at=(index, index + 1)
                )


_LOOKS_LIKE = str.maketrans(
    "АВЕКМНОРСТХУаеорсухіјѕԁԛԝһӏᎪᏴᎬᏦΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιѵɡɩⅼⅰⅴⅹⅾⅽⅿı",
    "ABEKMHOPCTXYaeopcyxijsdqwhlABEKABEZHIKMNOPTYXoivgilivxdcmi",
)


def skeleton(text: str) -> str:
    """Return the Latin word that a word looks like, upper-case: folded, without marks and invisible signs."""
    folded = normal(text, "NFKD").translate(_LOOKS_LIKE)
    return "".join(char for char in folded if unicodedata.category(char) not in ("Mn", "Cf", "Cc")).upper()
