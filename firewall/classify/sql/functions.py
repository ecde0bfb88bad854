"""Functions and procedures with an effect beyond their result, by name; and what an unknown name says.

A query may call any function, and a function of the database's own may do anything. The line drawn here: names
of known effect decide; an unknown name that says it changes or runs something (`purge_orders(…)`) is `unknown`;
any other unknown function is taken for a read and named in what could not be seen.
"""

import re
from collections.abc import Iterable

from firewall.classify.draft import Source, shown
from firewall.classify.names import tokens_of
from firewall.classify.sql.lexer import NAME, STRING, WORD, literal
from firewall.classify.sql.names import (
    CHANGES,
    COMMON,
    KNOWN,
    LOOKS,
    LOSS,
    NAMED_BEFORE,
    NO_CALLS,
    PLAIN_PREFIXES,
    PURE,
    RUNS,
    TEXT_RUNNERS,
    Known,
)
from firewall.classify.sql.places import file_effects, is_secret_path
from firewall.classify.sql.reading import (
    EXEC,
    PRIVILEGE,
    READ,
    SECRET,
    UNKNOWN,
    Statement,
)

_SECRET_NAME = re.compile(r"secret|token|passw|credential|api_?key|access_?key|private", re.IGNORECASE)


def check_calls(statement: Statement) -> None:
    """Add the effects of the functions that the tokens of a statement call."""
    for index in range(len(statement.tokens) - 1):
        if statement.tokens[index].kind in (WORD, NAME) and statement.sign(index + 1) == "(":
            _call(statement, index)


def _call(statement: Statement, index: int) -> None:
    token = statement.tokens[index]
    if token.kind == WORD and token.key in NO_CALLS:
        return
    first = index
    while statement.sign(first - 1) == "." and first >= 2 and statement.tokens[first - 2].kind in (WORD, NAME):
        first -= 2
    if statement.word(first - 1) in NAMED_BEFORE or _names_a_part(statement, first, index + 1):
        return
    name = ".".join(part.key for part in statement.tokens[first : index + 1 : 2]).upper()
    call_effects(statement, name, (first, index + 1), (index + 2, statement.closing(index + 1)))


def _names_a_part(statement: Statement, first: int, opening: int) -> bool:
    """Tell whether this is the head of a common table expression, `x (a, b) AS (`."""
    if statement.word(first - 1) not in ("WITH", "") or statement.sign(first - 1) not in (",", ""):
        return False
    behind = statement.closing(opening) + 1
    return statement.word(behind) == "AS" and statement.sign(behind + 1) == "("


def call_effects(statement: Statement, name: str, at: tuple[int, int], arguments: tuple[int, int]) -> None:
    """Add what a call of a function or procedure does; `name` is upper-case and dotted."""
    last = name.rpartition(".")[2]
    qualified = ".".join(name.split(".")[-2:])
    known = KNOWN.get(qualified) or KNOWN.get(last)
    if last in TEXT_RUNNERS or qualified in TEXT_RUNNERS:
        _runs_text(statement, last, at, arguments)
    elif known is not None and (last not in COMMON or _is_plain(statement, name, arguments[0])):
        _known(statement, known, last, at, arguments)
    elif (made := statement.reading.routines.get(last)) is not None:
        statement.say(made or {UNKNOWN}, f"calls {shown(last.lower())}, which was made just before", at=at)
    else:
        _unknown(statement, name, last, at)


def _is_plain(statement: Statement, name: str, first: int) -> bool:
    """Tell whether a common word is called as the function of that name: `file('x')`, not `a.file(…)`."""
    if "." in name or first >= len(statement.tokens):
        return False
    return statement.tokens[first].kind == STRING or statement.dialect.name == "sqlite"


def _known(statement: Statement, known: Known, last: str, at: tuple[int, int], arguments: tuple[int, int]) -> None:
    effects, told = set(known[0]), known[1]
    texts = _literals(statement, arguments)
    if told.startswith("reads ") and any(is_secret_path(text) for text in texts):
        effects |= {SECRET}
    if last == "GETENV" and any(_SECRET_NAME.search(text) for text in texts):
        effects |= {SECRET}
    if last == "WRITEFILE" and texts:
        effects = set(file_effects(texts[0]))
    if told == "changes state" and last == "SET_CONFIG" and texts and texts[0].lower() == "role":
        effects = {PRIVILEGE}
    statement.say(effects, f"calls {shown(last.lower())}, which {told}", at=at)


def _literals(statement: Statement, arguments: tuple[int, int]) -> list[str]:
    tokens = statement.tokens[arguments[0] : arguments[1]]
    return [literal(token, statement.dialect)[0] for token in tokens if token.kind == STRING]


def _runs_text(statement: Statement, last: str, at: tuple[int, int], arguments: tuple[int, int]) -> None:
    """Read the SQL that a function is given as text; what is put together at run time is unknown."""
    found = False
    for index in range(arguments[0], min(arguments[1], len(statement.tokens))):
        token = statement.tokens[index]
        if token.kind != STRING:
            continue
        text, offset = literal(token, statement.dialect)
        if any(part in text for part in (" ", "\n", "\t", ";", "/*")) and "=" not in text.split(" ")[0]:
            joined = {statement.sign(index - 1), statement.sign(index + 1)} & {"||", "+"}
            found = not joined
            statement.recurse(statement, inner_source(statement, text, offset, start=token.start, end=token.end))
    bulk = last == "OPENROWSET" and statement.word(arguments[0]) == "BULK"
    if bulk:
        statement.say({READ}, "reads a file of the server as a table", at=at)
    elif not found:
        statement.say({EXEC, UNKNOWN}, f"calls {shown(last.lower())}, which runs SQL that is not seen here", at=at)
        statement.reading.miss("SQL that is put together when it runs")
    elif last not in ("OPENQUERY", "OPENROWSET", "EXTERNAL_QUERY", "TS_STAT") and not last.startswith("CROSSTAB"):
        statement.say({READ}, f"calls {shown(last.lower())}, which runs SQL given as text", at=at)


def inner_source(statement: Statement, text: str, offset: int, *, start: int, end: int) -> Source:
    """Return SQL found in a string as a source of its own, exact where no escape moved it."""
    source = statement.source
    if offset >= 0:
        return source.part(text, offset, offset + len(text))
    return source.part(text, start, end)


def _unknown(statement: Statement, name: str, last: str, at: tuple[int, int]) -> None:
    if last in PURE or last in LOOKS:
        return
    words = tokens_of(last)
    says = name_says(words)
    if says:
        statement.say(
            {UNKNOWN}, f"calls the function {shown(name.lower())}, whose name says that it {says}", at=at
        )
        statement.reading.miss(f"what the function {shown(name.lower())} does")
    elif not last.startswith(PLAIN_PREFIXES) and ("." in name or len(words) > 1):
        statement.reading.miss(f"what the function {shown(name.lower())} does")


def name_says(words: Iterable[str]) -> str:
    """Return what the words of a function's name say that it does; empty: nothing beyond a result."""
    listed = list(words)
    if len(listed) < 2:
        return ""
    if set(listed) & LOSS:
        return "removes something"
    if set(listed) & RUNS:
        return "runs something"
    return "changes something" if listed[0] in CHANGES else ""
