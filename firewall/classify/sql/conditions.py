"""Whether a WHERE limits anything: conditions that hold for every row are seen through."""

from collections.abc import Sequence

from firewall.classify.sql.lexer import NAME, NUMBER, SIGN, STRING, WORD, Token

MAX_TOKENS = 400
MAX_DEPTH = 12
_TRUE = frozenset({"TRUE"})
_FALSE = frozenset({"FALSE", "NULL"})


def always_true(tokens: Sequence[Token], depth: int = 0) -> bool:
    """Tell whether a condition is seen to hold for every row; what is too long counts as a limit."""
    if len(tokens) > MAX_TOKENS or depth > MAX_DEPTH:
        return False
    tokens = _bare(tokens)
    if not tokens:
        return False
    parts = _split(tokens, ("OR", "||"))
    if len(parts) > 1:
        return any(always_true(part, depth + 1) for part in parts) or _complements(parts)
    parts = _split(tokens, ("AND", "&&"))
    if len(parts) > 1:
        return all(always_true(part, depth + 1) for part in parts)
    if tokens[0].key in ("NOT", "!"):
        return _always_false(tokens[1:], depth + 1)
    return _simple(tokens)


def _bare(tokens: Sequence[Token]) -> Sequence[Token]:
    """Take away parentheses around everything."""
    while len(tokens) >= 2 and tokens[0].key == "(" and tokens[-1].key == ")" and _encloses(tokens):
        tokens = tokens[1:-1]
    return tokens


def _encloses(tokens: Sequence[Token]) -> bool:
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == SIGN:
            depth += (token.key == "(") - (token.key == ")")
        if depth == 0:
            return index == len(tokens) - 1
    return False


def _split(tokens: Sequence[Token], signs: tuple[str, ...]) -> list[Sequence[Token]]:
    """Split at words outside of parentheses; the AND of a BETWEEN does not count."""
    parts: list[Sequence[Token]] = []
    depth, first, between = 0, 0, False
    for index, token in enumerate(tokens):
        if token.kind == SIGN and token.key in "()":
            depth += 1 if token.key == "(" else -1
        elif depth == 0 and token.kind == WORD and token.key == "BETWEEN":
            between = True
        elif depth == 0 and token.kind in (WORD, SIGN) and token.key in signs:
            if between and token.key == "AND":
                between = False
                continue
            parts.append(tokens[first:index])
            first = index + 1
    return [*parts, tokens[first:]]


def _always_false(tokens: Sequence[Token], depth: int) -> bool:
    tokens = _bare(tokens)
    if len(tokens) == 1:
        return tokens[0].key in _FALSE or _number(tokens[0]) == 0
    if tokens and tokens[0].key in ("NOT", "!"):
        return always_true(tokens[1:], depth)
    compared = _compared(tokens)
    return compared is False


def _number(token: Token) -> float | None:
    text = token.text.strip("'\"") if token.kind == STRING else token.text if token.kind == NUMBER else ""
    try:
        return float(text)
    except ValueError:
        return None


_COMPARE = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "<=>": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _compared(tokens: Sequence[Token]) -> bool | None:
    """Return what a comparison of two literals says; None: it is none."""
    keys = [token.key if token.kind == SIGN else "" for token in tokens]
    if len(tokens) == 4 and keys[1] == keys[2] == "=":
        tokens, keys = [*tokens[:2], tokens[3]], [keys[0], "=", keys[3]]
    if len(tokens) != 3 or keys[1] not in _COMPARE:
        return None
    left, right = _number(tokens[0]), _number(tokens[2])
    if left is not None and right is not None:
        return bool(_COMPARE[keys[1]](left, right))
    if tokens[0].kind == STRING == tokens[2].kind:
        return bool(_COMPARE[keys[1]](tokens[0].text, tokens[2].text))
    return None


def _simple(tokens: Sequence[Token]) -> bool:
    """Judge one comparison or value."""
    if len(tokens) == 1:
        return tokens[0].key in _TRUE or bool(_number(tokens[0]))
    compared = _compared(tokens)
    if compared is not None:
        return compared
    words = [token.key if token.kind in (WORD, SIGN) else "" for token in tokens]
    return _same_sides(tokens, words) or _special(tokens, words)


def _same_sides(tokens: Sequence[Token], words: list[str]) -> bool:
    for sign in ("=", "<=>", "<=", ">=", "LIKE", "ILIKE"):
        if sign in words:
            at = words.index(sign)
            left = [token.key or token.text for token in tokens[:at]]
            right = [token.key or token.text for token in tokens[at + 1 :]]
            if left and left == right:
                return True
    return False


_KEYS = frozenset({"ID", "UUID", "GUID", "ROWID", "_ID", "CTID", "OID", "PK"})


def _special(tokens: Sequence[Token], words: list[str]) -> bool:
    """See through `x LIKE '%'`, `1 IN (1)`, `EXISTS (SELECT 1)`, `id IS NOT NULL` and `id > 0`."""
    return (
        (words[0] == "EXISTS" and "FROM" not in words)
        or words[:3] == ["NULL", "IS", "NULL"]
        or _any_text(tokens, words)
        or _any_key(tokens, words)
        or _among_itself(tokens, words)
        or _all_of_its_own(words, tokens)
        or _of_no_row(tokens, words)
    )


_NO_COLUMNS = frozenset({"TRUE", "FALSE", "NULL", "NOT", "AND", "OR", "IS", "IN", "LIKE", "BETWEEN", "INTERVAL"})


def _of_no_row(tokens: Sequence[Token], words: list[str]) -> bool:
    """See `coalesce(true, false)`, `now() > '2020-01-01'`: functions of no column say the same of every row."""
    calls = False
    for index, token in enumerate(tokens):
        called = index + 1 < len(words) and words[index + 1] == "("
        if token.kind not in (WORD, NAME):
            continue
        if not called and token.key not in _NO_COLUMNS:
            return False
        calls = calls or (called and token.key not in _NO_COLUMNS)
    return calls and words[:1] != ["EXISTS"]


def _all_of_its_own(words: list[str], tokens: Sequence[Token]) -> bool:
    """See `id IN (SELECT id FROM t)`: the rows are asked for without a condition."""
    if words[1:4] != ["IN", "(", "SELECT"] or {"WHERE", "LIMIT", "JOIN", "HAVING", "UNION", ","} & set(words):
        return False
    return len(words) >= 8 and tokens[4].key == tokens[0].key and words[5] == "FROM" and words[-1] == ")"


def _any_text(tokens: Sequence[Token], words: list[str]) -> bool:
    last = tokens[-1].text.strip("'\"") if tokens[-1].kind == STRING else None
    return len(words) > 1 and words[-2] in _PATTERNS and "NOT" not in words and last in ("%", "%%", "*", ".*")


_PATTERNS = frozenset({"LIKE", "ILIKE", "~~", "GLOB", "RLIKE", "REGEXP"})


def _any_key(tokens: Sequence[Token], words: list[str]) -> bool:
    if _column(tokens) not in _KEYS or len(words) < 3:
        return False
    number = _number(tokens[-1])
    below = number is not None and number <= 0 and words[-2] in (">", ">=", "<>", "!=", "-")
    return below or words[-3:] == ["IS", "NOT", "NULL"]


def _among_itself(tokens: Sequence[Token], words: list[str]) -> bool:
    if tokens[0].kind in (NUMBER, STRING) and words[1:3] == ["IN", "("]:
        return any(token.text == tokens[0].text for token in tokens[3:])
    between = tokens[0].kind == NUMBER and words[1:2] == ["BETWEEN"]
    return between and all(token.kind in (NUMBER, WORD) for token in tokens)


def _column(tokens: Sequence[Token]) -> str:
    """Return the upper-case name of the column at the start, without what stands before its dot."""
    index = 0
    while index + 2 < len(tokens) and tokens[index + 1].key == ".":
        index += 2
    return tokens[index].key.upper() if tokens[index].kind in (WORD, NAME) else ""


def _complements(parts: list[Sequence[Token]]) -> bool:
    """See `x IS NULL OR x IS NOT NULL`, `x = 1 OR x <> 1`, `x > 1 OR x <= 1`."""
    texts = {" ".join(token.key or token.text for token in _bare(part)) for part in parts}
    for text in texts:
        for sign, other in (
            (" IS NULL", " IS NOT NULL"),
            (" = ", " <> "),
            (" = ", " != "),
            (" > ", " <= "),
            (" < ", " >= "),
        ):
            if sign in text and text.replace(sign, other) in texts:
                return True
        if f"NOT {text}" in texts or f"NOT ( {text} )" in texts:
            return True
    return False
