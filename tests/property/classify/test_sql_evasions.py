"""SQL in disguise, generated: no loss of any family reads as read or write, and no look-alike is asked."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.draft import Source
from firewall.classify.sql.dialects import ANSI, dialect_named
from firewall.classify.sql.judge import MAX_SQL_CHARS, read_text
from firewall.classify.sql.lexer import MAX_TOKENS, tokens_of
from firewall.classify.sql.reading import MAX_WORK, Reading
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect
from tests.support.sql_evasions import Hidden, hidden
from tests.support.understanding import shipped_context

MILD = {Effect.READ, Effect.WRITE}
VARIANTS = tuple(hidden())
FAMILIES = sorted({variant.family for variant in VARIANTS})
DIALECTS = ("postgres", "mysql", "sqlite", "tsql", "oracle", "snowflake", "bigquery", "redshift", "clickhouse", "")


def effects(text: str, dialect: str) -> set[Effect]:
    """Return all effects of a text."""
    actions = actions_of_input("sql", text, shipped_context(), dialect=dialect)
    return {effect for action in actions for effect in action.effects}


def test_every_family_has_ten_variants() -> None:
    """No family is a handful of examples."""
    assert {name: count for name, count in Counter(item.family for item in VARIANTS).items() if count < 10} == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_loss_is_let_through(family: str) -> None:
    """No variant of a family is nothing but reads and writes."""
    chosen = [item for item in VARIANTS if item.family == family]
    assert [item for item in chosen if effects(item.text, item.dialect) <= MILD] == []


FRONT = st.sampled_from(
    [
        "",
        "SELECT 1;\n",
        "-- DROP\n",
        "/* x */ ",
        "\n\n",
        "BEGIN;\n",
        "SELECT ';' ;\n",
        "INSERT INTO t VALUES (1);\n",
    ]
)
BEHIND = st.sampled_from(["", ";", ";\nSELECT 1", " -- x", "\n;\nCOMMIT", " /* y */"])


@settings(max_examples=400, deadline=None)
@given(variant=st.sampled_from([item for item in VARIANTS if item.text.strip()]), front=FRONT, behind=BEHIND)
def test_company_hides_no_loss(variant: Hidden, front: str, behind: str) -> None:
    """Harmless statements and comments around a loss never lower it."""
    assert not effects(front + variant.text + behind, variant.dialect) <= MILD


LOOK_ALIKES = (
    "SELECT 'DROP TABLE users; DELETE FROM x'",
    "SELECT 1 -- DROP TABLE users",
    "/* DELETE FROM users */ SELECT 1",
    "SELECT deleted, dropped, truncated FROM deleted_items",
    'SELECT "delete" FROM "drop table"',
    "SELECT * FROM update_log WHERE action = 'delete'",
    "SELECT count(*) FROM truncate_history",
    "SELECT a AS delete_count, b AS drop_rate FROM grants",
    "EXPLAIN DELETE FROM users",
    "EXPLAIN UPDATE users SET a = 1",
    "INSERT INTO audit_log (message) VALUES ('DROP TABLE users')",
    "INSERT INTO delete_queue (id) VALUES (1)",
    "UPDATE users SET name = 'DELETE FROM x' WHERE id = 3",
    "UPDATE users SET deleted_at = now() WHERE id = 3",
    "UPDATE t SET a = CASE WHEN b THEN 'drop' ELSE 'delete' END WHERE c = 1",
    "CREATE TABLE dropped_users (id int, deleted boolean)",
    "CREATE INDEX delete_idx ON users (deleted_at)",
    "CREATE VIEW deleted_users AS SELECT * FROM users WHERE deleted",
    "ALTER TABLE users ADD COLUMN deleted_at timestamp",
    "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES b (c) ON DELETE CASCADE",
    "ALTER TABLE users RENAME COLUMN a TO delete_me",
    "COMMENT ON TABLE users IS 'never DROP this'",
    "SELECT replace(a, 'drop', ''), trim(b), position('delete' in c) FROM t",
    "SELECT * FROM t ORDER BY deleted LIMIT 5",
    "SELECT sum(CASE WHEN deleted THEN 1 ELSE 0 END) FROM users",
    "WITH deleted AS (SELECT * FROM users WHERE gone) SELECT * FROM deleted",
    "WITH purge (a) AS (SELECT 1) SELECT a FROM purge",
    "SELECT id FROM executions WHERE call = 'x'",
    "BEGIN; UPDATE users SET a = 1 WHERE id = 3; COMMIT",
    "SELECT * FROM kill_list JOIN grant_rows USING (id)",
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_look_alike_is_asked(dialect: str) -> None:
    """Words of destruction in strings, comments and names are reads and writes in every dialect."""
    assert [text for text in LOOK_ALIKES if not effects(text, dialect) <= MILD] == []


WORDS = st.sampled_from(
    [
        "SELECT", "DROP", "TABLE", "DELETE", "FROM", "WHERE", "1", "=", "(", ")", ";", ",", "'a'", '"b"',
        "`c`", "[d]", "--", "/*",
        "*/", "$$", "$x$", "'", '"', "\\", "\n", "BEGIN", "END", "IF", "THEN", "LOOP", "CREATE", "FUNCTION",
        "AS", "EXECUTE", "DO",
        "IMMEDIATE", "CALL", "WITH", "UPDATE", "SET", "CASE", "WHEN", "ALTER", "COLUMN", "TYPE", "COPY", "TO",
        "PROGRAM", "EXPLAIN",
        "ANALYZE", "MERGE", "INTO", "USING", "ON", "MATCHED", ".", "@x", ":y", "#z", "/*!", "DELIMITER", "//",
        "\\g", ".shell", "E'",
        "q'[", "]'", "PREPARE", "DECLARE", "CURSOR", "FOR", "RETURN", "LANGUAGE", "N'", "GO", "UNION",
        "\u00e9", "\0", "\U0001f600",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(parts=st.lists(WORDS, max_size=40), gap=st.sampled_from([" ", "", "\n"]), dialect=st.sampled_from(DIALECTS))
def test_any_words_get_an_answer(parts: list[str], gap: str, dialect: str) -> None:
    """No heap of words raises; evidence lies inside of the text; there is always an effect and a summary."""
    text = gap.join(parts)
    for action in actions_of_input("sql", text, shipped_context(), dialect=dialect):
        assert action.effects
        assert action.summary
        assert all(0 <= item.start <= item.end <= len(text) for item in action.evidence)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200), dialect=st.sampled_from(DIALECTS))
def test_any_text_gets_an_answer(text: str, dialect: str) -> None:
    """No text at all raises."""
    assert effects(text, dialect)


HEAPS = (
    "select f(", "f(1),", "case when a then b ", "(", "a=1 or ", "drop table a;", "select 1;", "with a as (",
    "exec a ", "begin ",
    "if a then ", "do $$ ", "'a' ", "\\x ", "/*!50000 select */ ", "delimiter //\nselect 1//\n", "/* ",
    "/**/", "$a$ ", "q'[", "[",
    "create function f as ", "alter table t drop column a, ", "a.", "declare x int; ", "case a when b then ",
    ":a ", "e'\\", "a: ",
    "'b c'+", "select 1 union ", "join b on a.x=b.x ", "\n", "\u00e9", "--", ";", "select 1\ngo\n",
    "insert into t values ",
)  # fmt: skip


@pytest.mark.parametrize("heap", HEAPS)
def test_a_heap_of_anything_is_read_with_bounded_work(heap: str) -> None:
    """However long a text is, only so many tokens are looked at, each a bounded number of times."""
    for dialect in DIALECTS:
        known = dialect_named(dialect) or ANSI
        reading = Reading()
        read_text(Source((heap * 30_000)[:MAX_SQL_CHARS]), known, reading)
        assert reading.work <= 8 * MAX_WORK, dialect
        assert len(tokens_of(heap * 5_000, known)) <= MAX_TOKENS + 1
