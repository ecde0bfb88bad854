"""Tokens of SQL with their places in the text: words, names, strings, numbers, signs and client commands.

Comments and blanks are left out. Nothing is ever guessed shut: a string or comment without an end is a token
of the kind BAD, and so is a sign that no dialect knows.
"""

import re
from functools import cache
from typing import NamedTuple

from firewall.classify.sql.dialects import Dialect

WORD, NAME, STRING, NUMBER, SIGN, CLIENT, BAD = "word", "name", "string", "number", "sign", "client", "bad"
MAX_TOKENS = 3_000
MAX_BAD = 20


class Token(NamedTuple):
    """One token; `text` is as written, `key` upper-cased for words and the bare name for quoted names."""

    kind: str
    text: str
    key: str
    start: int
    end: int


_PLAIN_STRING = r"'(?:[^']|'')*+'"
_ESCAPED_STRING = r"'(?:[^'\\]|\\.|'')*+'"
_NAME = {'"': r'"(?:[^"]|"")*+"', "`": r"`(?:[^`]|``)*+`", "[": r"\[(?:[^\]]|\]\])*+\]"}
_SIGNS = r"::|:=|<=>|<>|!=|\^=|<=|>=|\|\||->>|->|=>|\(\+\)|[-+*/%<>=(),.;:!&|^~?@{}\[\]#$\\]"
_WORD = r"(?:@@?|##?(?=[A-Za-z_])|\$(?=\w)|:(?=[A-Za-z_]))?[A-Za-z0-9_\u00aa-\U0010ffff][\w$#\u00aa-\U0010ffff]*"


def _client(dialect: Dialect) -> str:
    r"""Return the rule for a client's backslash command: psql's takes the line, mysql's mostly two characters."""
    if dialect.psql:
        return r"\\[^\n\r]*"
    return r"\\[!.PTRCuds_][^\n\r]*|\\." if dialect.mysql else r"(?!)"


@cache
def _pattern(dialect: Dialect, *, run_versioned: bool) -> re.Pattern[str]:
    """Compile a dialect's lexical rules; the names of the groups are the kinds."""
    string = _ESCAPED_STRING if dialect.backslashes else _PLAIN_STRING
    strings = [rf"(?:[eE]{_ESCAPED_STRING})", rf"(?:(?:[nNbBxX]|[uU]&)?{string})"]
    names = [_NAME["`"] if not dialect.triples else r"`(?:[^`\\]|\\.)*+`"]
    if dialect.raws:
        strings[:0] = [r"[bB]?[rR][bB]?'[^']*+'", r'[bB]?[rR][bB]?"[^"]*+"']
    if dialect.triples:
        strings[:0] = [
            r"[rRbB]{0,2}'''(?:[^'\\]|\\.|'(?!''))*+'''",
            r'[rRbB]{0,2}"""(?:[^"\\]|\\.|"(?!""))*+"""',
        ]
    if dialect.double_quotes:
        strings.append(r'[bB]?"(?:[^"\\]|\\.|"")*+"')
    else:
        names.append("(?:[uU]&)?" + _NAME['"'])
    if dialect.brackets:
        names.append(_NAME["["])
    line = [r"--(?=\s|$)[^\n\r]*" if dialect.mysql else r"--[^\n\r]*"]
    line += [r"#[^\n\r]*"] if dialect.hash_comments else []
    # `PUT file:///a @stage` names an address: behind a colon no comment starts.
    line += [r"(?<![:/])//[^\n\r]*"] if dialect.slash_comments else []
    blanks = [r"[\s\ufeff\0]+", *line]
    if dialect.mysql and run_versioned:
        blanks += [r"/\*M?!\d{0,6}", r"\*/"]
    parts = [
        ("blank", "|".join(blanks)),
        ("comment", r"/\*"),
        ("string", "|".join(strings)),
        ("name", "|".join(names)),
        ("number", r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w$])|\.\d+(?:[eE][-+]?\d+)?|0[xX][0-9a-fA-F]+"),
        ("word", _WORD),
        ("client", _client(dialect)),
        ("sign", _SIGNS),
    ]
    return re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in parts), re.DOTALL)


_TAG = re.compile(r"\$(?:[A-Za-z_\u0080-\uffff]\w*)?\$")
_Q_QUOTE = re.compile(r"[nN]?[qQ]'([^\s'])")
_CLOSERS = {"[": "]", "{": "}", "(": ")", "<": ">"}


def _quoted_end(text: str, at: int, dialect: Dialect, missing: set[str]) -> int:
    """Return the end of `$tag$ … $tag$` and of Oracle's `q'[…]'`; 0: none starts here, or it has no end.

    What was not found once is not looked for again, so that a text is read in one go.
    """
    if dialect.dollars and text[at] == "$" and (at == 0 or not (text[at - 1].isalnum() or text[at - 1] in "_$")):
        opening = _TAG.match(text, at)
        closer = opening.group() if opening else ""
    elif dialect.oracle and text[at] in "nNqQ" and (at == 0 or not text[at - 1].isalnum()):
        opening = _Q_QUOTE.match(text, at)
        closer = _CLOSERS.get(opening.group(1), opening.group(1)) + "'" if opening else ""
    else:
        return 0
    if opening is None or closer in missing:
        return 0
    end = text.find(closer, opening.end())
    if end < 0:
        missing.add(closer)
        return 0
    return end + len(closer)


def tokens_of(text: str, dialect: Dialect, *, run_versioned: bool = True) -> list[Token]:
    """Cut text into tokens; `run_versioned` says whether MySQL's versioned comments are code or comments.

    At most MAX_TOKENS; the token behind is BAD.
    """
    match = _pattern(dialect, run_versioned=run_versioned).match
    found: list[Token] = []
    at, end = 0, len(text)
    missing: set[str] = set()
    bad = 0
    while at < end:
        stop = _quoted_end(text, at, dialect, missing)
        if stop:
            found.append(Token(STRING, text[at:stop], "", at, stop))
            at = stop
            continue
        token = match(text, at)
        unclosed = token is not None and dialect.brackets and token.group() == "["
        if token is None or unclosed or len(found) >= MAX_TOKENS:
            found.append(Token(BAD, text[at : at + 1], "", at, end))
            bad += 1
            if token is not None or bad > MAX_BAD or text[at] in "'\"`":
                break
            at += 1
            continue
        kind, stop = str(token.lastgroup), token.end()
        if kind == "comment":
            stop = _comment_end(text, at, nested=dialect.nested_comments)
            if not stop:
                found.append(Token(BAD, text[at:], "", at, end))
                break
        elif kind != "blank":
            open_escape = kind == WORD and token.group() in "eE" and text.startswith("'", stop)
            shape = BAD if open_escape else _unclosed(kind, token.group(), dialect)
            found.append(_token(shape, token.group(), at, stop))
            if open_escape:
                break
        at = stop
    return found


def _unclosed(kind: str, text: str, dialect: Dialect) -> str:
    """Return BAD for what begins a dollar-quoted string that never ends."""
    opens = text == "$" if kind == SIGN else kind == WORD and text[0] == "$" and "$" in text[1:]
    return BAD if dialect.dollars and opens else kind


def _token(kind: str, text: str, start: int, end: int) -> Token:
    if kind == WORD:
        return Token(kind, text, text.upper(), start, end)
    if kind == NAME:
        bare = text[text.index(text[-1] if text[-1] != "]" else "[") + 1 : -1]
        return Token(kind, text, bare, start, end)
    return Token(kind, text, text if kind == SIGN else "", start, end)


_EDGE = re.compile(r"/\*|\*/")


def _comment_end(text: str, at: int, *, nested: bool) -> int:
    """Return the offset behind a comment that starts here; 0: it has no end."""
    if not nested:
        return text.find("*/", at + 2) + 2 if "*/" in text[at + 2 :] else 0
    depth = 0
    for edge in _EDGE.finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return 0


_OPENING = re.compile(r"^[A-Za-z&]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", "'": "'", '"': '"', "b": "\b", "Z": "\x1a"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|[0-7]{3}|.)", re.DOTALL)


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    if len(code) > 1:
        return chr(int(code[1:], 16) if code[0] in "xu" else int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code)


def literal(token: Token, dialect: Dialect) -> tuple[str, int]:
    """Return what a string says and the offset of its first character, -1 when escapes moved things."""
    text = token.text
    if text.startswith("$"):
        size = text.index("$", 1) + 1
        return text[size:-size], token.start + size
    opening = _OPENING.match(text)
    skip = opening.end() if opening else 0
    if dialect.oracle and text[:skip].upper().endswith("Q"):
        return text[skip + 2 : -2], token.start + skip + 2
    for mark in ("'''", '"""'):
        if text.startswith(mark, skip) and dialect.triples and len(text) >= skip + 6:
            return text[skip + 3 : -3], token.start + skip + 3
    quote = text[skip : skip + 1]
    inner = text[skip + 1 : -1]
    escapes = "\\" in inner and (dialect.backslashes or text[:1] in "eE")
    if not escapes and quote not in inner:
        return inner, token.start + skip + 1
    plain = inner.replace(quote * 2, quote)
    return (_ESCAPE.sub(_unescaped, plain) if escapes else plain), -1
