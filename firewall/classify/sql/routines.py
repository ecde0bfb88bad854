"""What runs stored or composed code: CALL, EXECUTE, PREPARE, DO, bare procedure names, DECLARE."""

from firewall.classify.draft import shown
from firewall.classify.sql.blocks import dynamic, read_block
from firewall.classify.sql.copies import first_text
from firewall.classify.sql.functions import call_effects, check_calls, inner_source
from firewall.classify.sql.lexer import NAME, STRING, WORD, literal
from firewall.classify.sql.reading import EXEC, PRIVILEGE, READ, UNKNOWN, WRITE, Statement


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
