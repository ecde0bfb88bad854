"""A script to statements: `;`, client lines, GO, DELIMITER, and routines whose body holds `;` of its own."""

import re
from collections.abc import Sequence

from firewall.classify.sql.blocks import TRANSACTION_WORDS
from firewall.classify.sql.dialects import Dialect
from firewall.classify.sql.lexer import CLIENT, SIGN, WORD, Token
from firewall.classify.sql.reading import wordset

_CODE = wordset("FUNCTION PROCEDURE PROC TRIGGER EVENT PACKAGE TASK ALERT BODY RULE")
_STOPS = wordset("TABLE VIEW INDEX AS ON USER ROLE SCHEMA DATABASE SEQUENCE")
_DELIMITER = re.compile(r"^[ \t]*delimiter[ \t]+(\S+)[^\n]*", re.IGNORECASE | re.MULTILINE)
SQLCMD = frozenset({":r", ":setvar", ":connect", ":out", ":on", ":exit", ":error", ":list"})
"""What sqlcmd takes as its own, at the start of a line."""
_LINES = {
    "mysql": wordset(
        """SOURCE SYSTEM PAGER TEE EDIT NOTEE NOPAGER PROMPT REHASH STATUS WARNINGS NOWARNING CONNECT CHARSET EXIT
    QUIT RESETCONNECTION EGO PRINT"""
    ),
    "oracle": wordset(
        """HOST SPOOL PROMPT START EDIT REM REMARK COLUMN DEFINE UNDEFINE ACCEPT VARIABLE PRINT TTITLE BTITLE
    WHENEVER EXIT QUIT CONNECT CONN PASSWORD STORE SAVE GET RUN EXEC CLEAR PAUSE TIMING SHOW SET DESC DESCRIBE"""
    ),
    "tsql": frozenset({"GO"}),
}


def client_words(dialect: Dialect) -> frozenset[str]:
    """Return the words that start a client's own line, up to its end."""
    if dialect.mysql:
        return _LINES["mysql"]
    if dialect.oracle:
        return _LINES["oracle"]
    return _LINES["tsql"] if dialect.tsql else frozenset()


def without_delimiters(text: str, dialect: Dialect) -> str:
    """Return text of the same length in which the mysql client's own delimiters are semicolons."""
    if not dialect.mysql or "elimiter" not in text.lower():
        return text
    out, at, mark = [], 0, ";"
    for found in _DELIMITER.finditer(text):
        out.append(_marked(text[at : found.start()], mark))
        out.append(" " * len(found.group()))
        at, mark = found.end(), found.group(1)[:16]
    return "".join([*out, _marked(text[at:], mark)])


def _marked(text: str, mark: str) -> str:
    return text if mark == ";" else text.replace(mark, ";".rjust(len(mark)))


def split(tokens: Sequence[Token], dialect: Dialect, text: str) -> list[tuple[int, int]]:
    """Return the statements as (start, end) of their tokens; separators are left out."""
    found: list[tuple[int, int]] = []
    start, size = 0, len(tokens)
    while start < size:
        if tokens[start].kind == SIGN and tokens[start].key == ";":
            start += 1
            continue
        end = _client_end(tokens, start, dialect, text) or _end(tokens, start, dialect)
        found.append((start, end))
        start = end
    return found


def _client_end(tokens: Sequence[Token], start: int, dialect: Dialect, text: str) -> int:
    """Return the end of a client's line that starts here; 0: none does."""
    token = tokens[start]
    if token.kind == CLIENT:
        return start + 1
    dotted = dialect.dots and token.key == "."
    signed = (dialect.oracle and token.key in ("@", "!", "/")) or (dialect.tsql and token.key in (":", "!"))
    signed = signed or (dialect.oracle and token.text.startswith("@"))
    if dialect.tsql and token.text.lower() in SQLCMD:
        signed = True
    if not (dotted or signed or (token.kind == WORD and token.key in client_words(dialect))):
        return 0
    if dialect.mysql and start + 1 < len(tokens) and tokens[start + 1].key in ("=", "TRANSACTION"):
        return 0
    newline = text.find("\n", token.start)
    stop = newline if newline >= 0 else len(text)
    end = start + 1
    while end < len(tokens) and tokens[end].start < stop and not (dialect.mysql and tokens[end].key == ";"):
        end += 1
    return end


def _end(tokens: Sequence[Token], start: int, dialect: Dialect) -> int:
    """Return where the statement ends that starts here."""
    stored = _is_code(tokens, start, dialect)
    depth, begun, size = 0, False, len(tokens)
    for index in range(start, size):
        token = tokens[index]
        if index > start and (token.kind == CLIENT or (dialect.tsql and token.key == "GO" and token.kind == WORD)):
            return index
        if stored and token.kind == WORD:
            step = _block_step(tokens, index)
            depth, begun = max(0, depth + step), begun or step > 0
        if (
            token.kind == SIGN
            and token.key == ";"
            and depth <= 0
            and not (stored and _goes_on(tokens, index, dialect, begun=begun))
        ):
            return index
    return size


def _block_step(tokens: Sequence[Token], index: int) -> int:
    word = tokens[index].key
    following = tokens[index + 1].key if index + 1 < len(tokens) else ""
    before = tokens[index - 1].key if index else ""
    if word == "BEGIN":
        return 0 if following in ("TRAN", "TRANSACTION", "WORK", ";") else 1
    if word == "CASE":
        return 0 if before == "END" else 1
    return -1 if word == "END" and following not in ("IF", "LOOP", "WHILE", "REPEAT", "FOR") else 0


def _goes_on(tokens: Sequence[Token], index: int, dialect: Dialect, *, begun: bool) -> bool:
    """Tell whether a routine goes on behind this `;`: declarations in front of its BEGIN."""
    if begun:
        return False
    if dialect.tsql:
        return True
    ahead = [token.key for token in tokens[index + 1 : index + 200]]
    if "BEGIN" not in ahead:
        return False
    until = ahead[: ahead.index("BEGIN")]
    return not {"CREATE", "ALTER", "DROP", "SELECT", "INSERT", "DELETE", "UPDATE", "TRUNCATE", "GRANT"} & set(
        until
    )


def _is_code(tokens: Sequence[Token], start: int, dialect: Dialect) -> bool:
    """Tell whether the statement makes a routine, or is a block with declarations."""
    word = tokens[start].key
    if word in ("CREATE", "ALTER", "REPLACE"):
        for token in tokens[start + 1 : start + 14]:
            if token.kind == WORD and token.key in _STOPS:
                return False
            if token.kind == WORD and token.key in _CODE:
                return True
    if word == "DECLARE":
        ahead = tokens[start + 1 : start + 3]
        return (
            not dialect.tsql
            and not dialect.mysql
            and not any(token.key in ("CURSOR", "BINARY") for token in ahead)
        )
    following = tokens[start + 1] if start + 1 < len(tokens) else None
    return (
        word == "BEGIN"
        and following is not None
        and following.kind == WORD
        and following.key not in TRANSACTION_WORDS
    )
