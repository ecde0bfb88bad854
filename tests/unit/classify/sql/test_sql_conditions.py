"""Whether a WHERE limits anything."""

import pytest

from firewall.classify.sql.conditions import always_true
from firewall.classify.sql.dialects import ANSI
from firewall.classify.sql.lexer import tokens_of

HOLDS = [
    "true", "1", "1 = 1", "'a' = 'a'", "2 > 1", "a = a", "t.a = t.a", "(1 = 1)", "NOT false", "NOT (1 = 2)",
    "a = 1 OR true",
    "true OR a = 1", "a IS NULL OR a IS NOT NULL", "a = 1 OR a <> 1", "a > 1 OR a <= 1", "a LIKE '%'",
    "EXISTS (SELECT 1)",
    "1 IN (1, 2)", "1 BETWEEN 0 AND 2", "id IS NOT NULL", "users.id > 0", "1 = 1 AND true", "((true))",
    "a = b OR NOT 0",
    "NULL IS NULL", "1 <> 2", "'1' = 1", "a >= a", "coalesce(true, false)", "now() > '2020-01-01'",
    "id IN (SELECT id FROM t)",
]  # fmt: skip
LIMITS = [
    "a = 1", "1 = 2", "false", "NOT true", "a = b", "id = 3", "a IS NOT NULL", "a LIKE '%x'",
    "EXISTS (SELECT 1 FROM t)",
    "a IN (1, 2)", "a BETWEEN 1 AND 2", "true AND a = 1", "a = 1 AND b = 2 OR c = 3", "CURRENT OF c",
    "f(a) = 1", "a = 'a'",
    "deleted", "a NOT LIKE '%'", "lower(a) = 'x'", "a < now()", "a IN (SELECT a FROM t WHERE b = 1)",
    "a IN (SELECT b FROM u)", "id > 5", "a = 1 OR b <> 1", "a BETWEEN 1 AND 2 AND true",
]  # fmt: skip


@pytest.mark.parametrize("text", HOLDS)
def test_a_condition_for_every_row_is_no_limit(text: str) -> None:
    """What holds for every row is seen through."""
    assert always_true(tokens_of(text, ANSI))


@pytest.mark.parametrize("text", LIMITS)
def test_a_real_condition_is_a_limit(text: str) -> None:
    """What may leave a row out is a limit."""
    assert not always_true(tokens_of(text, ANSI))


def test_an_endless_condition_ends() -> None:
    """What is too long or too deep to judge is judged quickly all the same."""
    assert not always_true(tokens_of("a = 1 OR " * 300 + "a = 1", ANSI))
    assert not always_true(tokens_of("(" * 300 + "a = 1" + ")" * 300, ANSI))
