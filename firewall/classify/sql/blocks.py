"""Procedural code: the statements inside of BEGIN … END, IF, LOOP and stored routines, each judged by itself."""

import re
from dataclasses import replace

from firewall.classify.draft import Source, shown
from firewall.classify.sql.functions import call_effects, check_calls, inner_source
from firewall.classify.sql.lexer import NAME, STRING, WORD, literal
from firewall.classify.sql.reading import EXEC, READ, UNKNOWN, WRITE, Statement, wordset
from firewall.core.effect import Effect

MAX_FRAGMENTS = 400
MAX_TEXTS = 16
"""How many literals of one dynamic statement are read; it is unknown anyway where there are several."""
STARTS = wordset(
    """SELECT INSERT UPDATE DELETE MERGE DROP TRUNCATE ALTER CREATE GRANT REVOKE DENY EXEC EXECUTE CALL DECLARE
    PRINT IF WHILE BACKUP RESTORE KILL SHUTDOWN DBCC USE RETURN THROW RAISERROR OPEN CLOSE DEALLOCATE COMMIT
    ROLLBACK SET WITH BEGIN WAITFOR RECONFIGURE BULK SAVE GO END ELSE FETCH PERFORM RAISE UNLOAD COPY REPLACE"""
)
_CONTROL = wordset("IF ELSIF ELSEIF WHILE FOR FOREACH CASE WHEN UNTIL")
_OPENERS = wordset("""BEGIN END ELSE LOOP THEN DO REPEAT EXCEPTION ATOMIC TRY CATCH NULL NOT IS AS DECLARE""")
_AFTER_CONDITION = frozenset({"THEN", "LOOP", "DO"})
_SILENT = wordset(
    """RAISE SIGNAL RESIGNAL THROW RAISERROR EXIT CONTINUE LEAVE ITERATE BREAK GOTO PRINT GET OPEN CLOSE FETCH
    ASSERT LET PERFORM RETURN NEXT WAITFOR PRAGMA PIPE DEALLOCATE"""
)
_GROWING = wordset(
    """INSERT UPDATE DELETE MERGE SELECT DROP TRUNCATE ALTER CREATE GRANT REVOKE DENY EXEC EXECUTE DECLARE PRINT
    IF WHILE BACKUP RESTORE KILL SHUTDOWN DBCC THROW RAISERROR WAITFOR BULK RETURN COMMIT ROLLBACK BEGIN END
    ELSE"""
)


TRANSACTION_WORDS = wordset(
    """TRAN TRANSACTION WORK ISOLATION READ NOT DEFERRABLE DEFERRED IMMEDIATE EXCLUSIVE DISTRIBUTED NAME
    CONCURRENT"""
)
"""Behind BEGIN they open a transaction, no block."""


def read_block(statement: Statement) -> None:
    """Judge tokens of procedural code, fragment by fragment."""
    index, count = 0, 0
    while index < len(statement.tokens) and count < MAX_FRAGMENTS:
        count += 1
        before = index
        index = _fragment(statement, index)
        if not statement.reading.affords(index - before):
            break
    if index < len(statement.tokens):
        statement.say({UNKNOWN}, "holds more code than is read", at=(index, index + 1))


def _fragment(statement: Statement, index: int) -> int:
    """Judge what starts here and return the index behind it."""
    word = statement.word(index)
    if statement.sign(index) in (";", "<", ">", ":") or statement.sign(index).startswith("<>"):
        return index + 1
    if word in ("BEGIN", "END") and statement.word(index + 1) in ("TRAN", "TRANSACTION", "WORK"):
        statement.say({WRITE}, "opens or ends a transaction", at=(index, index + 2))
        return index + 2
    if word in _CONTROL:
        return _condition(statement, index)
    if word and statement.sign(index + 1) == ":":
        return index + 2
    if word in _OPENERS:
        behind = statement.word(index + 1)
        joined = word == "END" and behind in ("IF", "LOOP", "CASE", "WHILE", "REPEAT", "FOR", "TRY", "CATCH")
        return index + 2 if joined else index + 1
    end = _end(statement, index)
    simple(statement.part(index, end, block=True))
    return max(end, index + 1)


def _end(statement: Statement, index: int) -> int:
    """Return where a simple statement ends: at `;`, at the END of its block, in T-SQL at the next verb."""
    cases, depth = 0, 0
    for at in range(index + 1, len(statement.tokens)):
        sign, word = statement.sign(at), statement.word(at)
        depth += (sign == "(") - (sign == ")")
        cases += word == "CASE"
        if depth > 0:
            continue
        if sign == ";":
            return at
        if word == "END" and cases:
            cases -= 1
        elif not cases and (word in ("END", "ELSE") or (statement.dialect.tsql and starts_here(statement, at))):
            return at
    return len(statement.tokens)


_CARRIES_ON = wordset(
    """UNION ALL EXCEPT INTERSECT AS INTO FROM ON THEN FOR GRANT AND OR AFTER OF INSTEAD WITH WHEN BY TO MATCHED
    SOURCE TARGET IS DISTINCT AUTHORIZATION COLUMN RENAME DROP EXPLAIN JOIN SECURITY LOG , ( = ."""
)


def starts_here(statement: Statement, at: int) -> bool:
    """Tell whether T-SQL starts a statement here, without a `;` in front of it."""
    word = statement.word(at)
    if word not in _GROWING:
        return False
    before = statement.tokens[at - 1] if at else None
    if before is not None and (before.key in _CARRIES_ON):
        return False
    following = statement.word(at + 1)
    first = statement.word(0)
    if word == "SELECT":
        return first not in ("INSERT", "WITH", "CREATE", "MERGE") and statement.sign(at - 1) != "("
    if word in ("UPDATE", "DELETE", "INSERT", "MERGE"):
        return first not in ("WITH", "MERGE", "CREATE", "GRANT", "REVOKE", "DENY", "ALTER") and following not in (
            "",
            ")",
        )
    if first in ("ALTER", "CREATE", "GRANT", "REVOKE", "DENY"):
        return word in ("BACKUP", "RESTORE", "KILL", "SHUTDOWN", "DBCC", "TRUNCATE", "WAITFOR")
    return True


def _condition(statement: Statement, index: int) -> int:
    """Judge the condition of IF, WHILE, FOR or CASE and return where the statement behind it starts."""
    depth, at = 0, index + 1
    while at < len(statement.tokens):
        sign, word = statement.sign(at), statement.word(at)
        depth += (sign == "(") - (sign == ")")
        if depth <= 0 and (word in _AFTER_CONDITION or sign == ";"):
            break
        if depth <= 0 and word == "END" and statement.word(index) == "UNTIL":
            at -= 1
            break
        if (
            depth <= 0
            and word in STARTS
            and word not in ("IF", "SET")
            and statement.word(index) in ("IF", "WHILE")
        ):
            at -= 1
            break
        at += 1
    head = statement.part(index, min(at + 1, len(statement.tokens)), block=True)
    if statement.word(index) in ("FOR", "FOREACH") and (query := head.level({"SELECT", "EXECUTE", "WITH"}, 1)) > 0:
        simple(head.part(query))
    check_calls(head)
    return at + 1


_VERBS = wordset("INSERT UPDATE DELETE MERGE DROP TRUNCATE ALTER EXECUTE GRANT REVOKE")
"""What may stand behind another word of a block: `FORALL i IN 1..3 DELETE …`."""


def simple(statement: Statement) -> None:
    """Judge one statement of a block."""
    word = statement.word(0)
    if word in ("RETURN", "PERFORM", "OPEN", "DECLARE") and (inner := _inside(statement)) > 0:
        statement.judge(statement.part(inner))
    elif (verb := statement.level(_VERBS, 1)) > 0 and word not in STARTS:
        check_calls(statement)
        statement.judge(statement.part(verb))
    elif word in _SILENT or word == "DECLARE" or _assigns(statement):
        statement.say({READ}, "works on variables")
        check_calls(statement)
    elif word in STARTS or statement.tokens[0].kind != WORD:
        statement.judge(statement)
    else:
        _named(statement)


def _inside(statement: Statement) -> int:
    """Return where a query or a dynamic statement starts inside RETURN QUERY, OPEN c FOR, DECLARE … CURSOR FOR."""
    at = statement.level(
        {"SELECT", "EXECUTE", "WITH", "INSERT", "UPDATE", "DELETE", "CALL", "TRUNCATE", "DROP"}, 1
    )
    before = statement.word(at - 1)
    return at if at > 0 and before in ("QUERY", "FOR", "IS", "RETURN", "FOUND", "SQLEXCEPTION", "AS", "") else -1


def _assigns(statement: Statement) -> bool:
    signs = {statement.sign(index) for index in range(1, min(8, len(statement.tokens)))}
    _, behind = statement.name(0)
    return ":=" in signs or statement.sign(behind) in ("=", "[")


def _named(statement: Statement) -> None:
    """A declaration (`total int`), a call of a routine (`purge(1)`), or something the words do not tell."""
    name, behind = statement.name(0)
    if statement.sign(behind) == "(" or behind >= len(statement.tokens):
        close = statement.closing(behind) if behind < len(statement.tokens) else behind
        if name.upper().startswith(("DBMS_OUTPUT.", "RAISE_APPLICATION_ERROR", "DBMS_APPLICATION_INFO.")):
            statement.say({READ}, "prints or raises a message")
            return
        statement.say({EXEC}, f"runs the routine {shown(name)}", at=(0, behind))
        statement.reading.miss(f"what the routine {shown(name)} does")
        call_effects(statement, name.upper(), (0, behind), (behind + 1, close))
    elif statement.tokens[behind].kind in (WORD, NAME):
        statement.say({READ}, "declares a variable")
        check_calls(statement)
    else:
        statement.say({UNKNOWN}, "code that is not understood", at=(0, behind))


def dynamic(statement: Statement, start: int, what: str) -> None:
    """Judge a statement that runs text: what its literals say counts, what is put together is unknown."""
    end = len(statement.tokens)
    texts = [index for index in range(start, end) if statement.tokens[index].kind == STRING]
    statement.say({EXEC}, what, at=(0, min(start + 1, end)))
    whole = bool(texts) and _only_text(statement, start, texts[0])
    for index in texts[: 1 if whole else MAX_TEXTS]:
        token = statement.tokens[index]
        text, offset = literal(token, statement.dialect)
        if any(mark in text for mark in (" ", "\n", "\t", ";", "/*")) or len(texts) == 1:
            source = inner_source(statement, text, offset, start=token.start, end=token.end)
            statement.recurse(statement, source)
    if not whole:
        statement.say({UNKNOWN}, "runs SQL that is put together when it runs", at=(0, min(start + 1, end)))
        statement.reading.miss("the SQL that is put together when it runs")


def _only_text(statement: Statement, start: int, at: int) -> bool:
    """Tell whether nothing but one literal makes the text: `'…'`, `('…')`, `N'…'`, and what it is given."""
    before = [token.key for token in statement.tokens[start:at]]
    behind = statement.tokens[at + 1].key if at + 1 < len(statement.tokens) else ""
    return all(key in ("(", "=", "@STMT", "@COMMAND") for key in before) and behind in (
        "",
        ")",
        ",",
        "USING",
        "INTO",
        "AT",
    )


_BODY_LANGUAGES = frozenset({"", "SQL", "PLPGSQL", "PLTSQL", "SPL", "PLSQL"})


def body_effects(statement: Statement, start: int) -> set[Effect] | None:
    """Return what stored code does when it runs; None: there is none to read, or of another language."""
    at = statement.find("LANGUAGE", start=start)
    if at > 0 and statement.tokens[at + 1 : at + 2]:
        language = statement.tokens[at + 1].text.strip("'\"").upper()
        if language not in _BODY_LANGUAGES:
            return None
    inner = replace(statement, reading=statement.reading.apart())
    found = _text_body(inner, start) or _plain_body(inner, start)
    statement.reading.work = inner.reading.work
    if not found:
        return None
    for finding in inner.reading.findings:
        if finding.effects - {READ, WRITE}:
            statement.reading.add(
                replace(finding, effects=frozenset({READ}), told=f"stores code that {finding.told}")
            )
    return set(inner.reading.effects)


def _text_body(statement: Statement, start: int) -> bool:
    """Read a body given as text: `AS $$ … $$`, `AS '…'`."""
    for index in range(start, len(statement.tokens)):
        token = statement.tokens[index]
        if token.kind == STRING and statement.word(index - 1) == "AS":
            text, offset = literal(token, statement.dialect)
            source = inner_source(statement, text, offset, start=token.start, end=token.end)
            first = re.match(r"[\s(]*([A-Za-z]*)", text)
            if first and first.group(1).upper() not in STARTS | _CONTROL | _OPENERS | _SILENT:
                source = Source(f"SELECT {text}", base=None, outer=source.whole())
            statement.recurse(replace(statement, block=True), source)
            return True
    return False


def _plain_body(statement: Statement, start: int) -> bool:
    """Read a body that stands there as it is: from BEGIN, AS, DO, RETURN or EACH ROW on."""
    begin = statement.level({"BEGIN", "DECLARE"}, start)
    if begin < 0:
        for word in ("RETURN", "AS", "IS", "DO", "THEN"):
            at = statement.level({word}, start)
            if at > 0 and (word != "AS" or statement.word(at + 1) not in ("ON", "RESTRICTIVE")):
                begin = at + 1 if word != "RETURN" else at
                break
        else:
            rows = statement.find("ROW", start=start)
            begin = rows + 1 if rows > 0 else -1
    while statement.word(begin) in ("INSTEAD", "ALSO", "ROW", "FOLLOWS", "PRECEDES"):
        begin += 1 if statement.word(begin) not in ("FOLLOWS", "PRECEDES") else 2
    if begin < 0 or begin >= len(statement.tokens) or statement.words(begin, 2) == ("EXECUTE", "FUNCTION"):
        return False
    if statement.word(begin) == "EXECUTE" and statement.word(begin + 1) == "PROCEDURE":
        return False
    if statement.sign(begin) == "(":
        if statement.word(begin + 1) not in ("SELECT", "WITH"):
            statement.say({READ}, "computes a value")
            check_calls(statement.part(begin))
            return True
        statement = statement.part(0, statement.closing(begin))
        begin += 1
    read_block(statement.part(begin, block=True))
    return True
