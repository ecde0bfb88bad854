"""sqlglot as second opinion on queries and changes of rows, in dialects that PostgreSQL's grammar does not know.

It is asked only where the words read as mild. INVARIANT: it adds effects and never takes one away; what it cannot
parse stays with what the words say.
"""

import sqlglot
from sqlglot import parser as _parser
from sqlglot.errors import SqlglotError
from sqlglot.expressions import Expr, Update

from firewall.classify.sql.reading import DESTRUCTIVE, PRIVILEGE, UNKNOWN, WRITE, Statement
from firewall.core.effect import Effect

MAX_CHARS = 3_000
"""Characters of one input that are parsed; sqlglot takes up to 0.4 ms for a hundred."""
MAX_NESTING = 12
_STRICT: dict[str, tuple[tuple[Effect, ...], str]] = {
    **dict.fromkeys(
        ("Delete", "Drop", "TruncateTable", "DropPartition"), ((DESTRUCTIVE,), "removes rows or objects")
    ),
    **dict.fromkeys(("Insert", "Merge", "Create"), ((WRITE,), "writes rows or objects")),
    **dict.fromkeys(("Grant", "Revoke"), ((PRIVILEGE,), "changes who may do what")),
    "Command": ((UNKNOWN,), "holds a command that its parser does not know"),
}


_parser.logger.disabled = True
"""Its warnings about text that it cannot read are not ours to print."""


def check(statement: Statement, text: str) -> None:
    """Add what sqlglot sees in one statement beyond what its words showed."""
    reading = statement.reading
    if len(text) + reading.parsed_chars > MAX_CHARS or _nesting(statement) > MAX_NESTING:
        return
    reading.parsed_chars += len(text)
    try:
        trees = sqlglot.parse(text, read=statement.dialect.glot or None, error_level=sqlglot.ErrorLevel.IMMEDIATE)
    except (SqlglotError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return
    for tree in trees:
        if tree is not None:
            for node in tree.walk():
                _node(statement, node)


def _nesting(statement: Statement) -> int:
    depth = most = 0
    for token in statement.tokens:
        depth += (token.key in ("(", "[", "{")) - (token.key in (")", "]", "}"))
        most = max(most, depth)
    return most


def _node(statement: Statement, node: Expr) -> None:
    everything = (0, len(statement.tokens))
    name = type(node).__name__
    found = _STRICT.get(name) if name != "Command" or node.parent is not None else None
    if found is not None and not set(found[0]) <= statement.reading.effects:
        statement.say(found[0], f"{found[1]} (as the parser of its dialect reads it)", at=everything)
    elif (
        isinstance(node, Update)
        and node.args.get("where") is None
        and node.parent is None
        and DESTRUCTIVE not in statement.reading.effects
    ):
        statement.say({DESTRUCTIVE}, "changes every row of a table; nothing limits it", at=everything)
