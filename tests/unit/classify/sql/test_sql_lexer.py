"""Tokens: where strings, comments and names end in each dialect."""

import pytest

from firewall.classify.sql.dialects import dialect_named, read_as
from firewall.classify.sql.lexer import BAD, MAX_TOKENS, literal, tokens_of


def cut(text: str, dialect: str) -> list[str]:
    """Return the texts of the tokens of a text."""
    known = dialect_named(dialect)
    assert known is not None
    return [token.text for token in tokens_of(text, known)]


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        ("postgres", "a /* b /* c */ d */ e", ["a", "e"]),
        ("mysql", "a /* b /* c */ d", ["a", "d"]),
        ("postgres", "'a\\' b", ["'a\\'", "b"]),
        ("mysql", "'a\\' b'", ["'a\\' b'"]),
        ("postgres", "E'a\\' b'", ["E'a\\' b'"]),
        ("postgres", "$a$ $$ ' $a$ b", ["$a$ $$ ' $a$", "b"]),
        ("postgres", "$1 a$b$c", ["$1", "a$b$c"]),
        ("mysql", "a -- b\nc --d", ["a", "c", "-", "-", "d"]),
        ("postgres", "a --b\nc", ["a", "c"]),
        ("mysql", "a # b\nc", ["a", "c"]),
        ("postgres", "a # b", ["a", "#", "b"]),
        ("snowflake", "a // b\nc", ["a", "c"]),
        ("tsql", "[a]] b] c", ["[a]] b]", "c"]),
        ("tsql", "#t ##g @v @@w", ["#t", "##g", "@v", "@@w"]),
        ("oracle", "q'[it's]' x", ["q'[it's]'", "x"]),
        ("oracle", "q'!a'b!' x", ["q'!a'b!'", "x"]),
        ("bigquery", "'''it's''' r'\\'", ["'''it's'''", "r'\\'"]),
        ("bigquery", "`a\\`b`", ["`a\\`b`"]),
        ("postgres", '"a""b" U&"\\0061"', ['"a""b"', 'U&"\\0061"']),
        ("mysql", "/*!50000 a */ b", ["a", "b"]),
        ("postgres", "/*!50000 a */ b", ["b"]),
        ("postgres", "a \\x b\nc", ["a", "\\x b", "c"]),
        ("mysql", "a \\G b", ["a", "\\G", "b"]),
        ("mysql", "\\! a b\nc", ["\\! a b", "c"]),
        ("sparksql", "r'\\' a", ["r'\\'", "a"]),
        ("postgres", "a\u00a0b", ["a", "b"]),
    ],
)
def test_cutting(dialect: str, text: str, expected: list[str]) -> None:
    """Each dialect ends its strings, comments and names where its server does."""
    assert cut(text, dialect) == expected


@pytest.mark.parametrize("text", ["'a", '"a', "`a", "/* a", "$$ a", "$x$ a", "E'a\\'"])
def test_what_has_no_end_is_bad(text: str) -> None:
    """Nothing is ever guessed shut."""
    known = dialect_named("postgres")
    assert known is not None
    assert any(token.kind == BAD for token in tokens_of(text, known))


def test_too_many_tokens_are_bad() -> None:
    """Behind the last token that is read stands one that says so."""
    known = dialect_named("postgres")
    assert known is not None
    tokens = tokens_of("a " * (MAX_TOKENS + 10), known)
    assert len(tokens) == MAX_TOKENS + 1
    assert tokens[-1].kind == BAD


@pytest.mark.parametrize(
    ("dialect", "text", "said", "exact"),
    [
        ("postgres", "'a b'", "a b", True),
        ("postgres", "'a''b'", "a'b", False),
        ("postgres", "E'a\\nb'", "a\nb", False),
        ("postgres", "$x$a'b$x$", "a'b", True),
        ("mysql", "'a\\'b'", "a'b", False),
        ("oracle", "q'[it's]'", "it's", True),
        ("bigquery", "'''a'b'''", "a'b", True),
        ("tsql", "N'a'", "a", True),
        ("mysql", "'\\x41\\101'", "AA", False),
    ],
)
def test_what_a_string_says(dialect: str, text: str, said: str, exact: bool) -> None:  # noqa: FBT001 - a table
    """A literal is decoded as its server does, and its place is kept where it stands letter by letter."""
    known = dialect_named(dialect)
    assert known is not None
    (token,) = tokens_of(text, known)
    found, offset = literal(token, known)
    assert found == said
    assert (offset >= 0) is exact
    if exact:
        assert text[offset : offset + len(said)] == said


def test_names_of_dialects() -> None:
    """Clients and products name their dialect; what nobody knows is read by several rules."""
    assert [one.name for one in read_as("psql")] == ["postgres"]
    assert [one.name for one in read_as("SQLCMD")] == ["tsql"]
    assert len(read_as("no such thing")) > 1
    assert dialect_named("no such thing") is None
