"""What a judged piece of SQL tells: the words that decided, the summary, the place, what was not seen."""

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import context_with, shipped_context


def understood(text: str, dialect: str = "postgres") -> Action:
    """Return the one action of a piece of SQL."""
    (action,) = actions_of_input("sql", text, shipped_context(), dialect=dialect)
    return action


def words(action: Action) -> list[str]:
    """Return the words that the evidence underlines."""
    return [action.text[item.start : item.end] for item in action.evidence]


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        ("postgres", "SELECT 1; /* x */ DELETE /* y */ FROM orders; SELECT 2", "DELETE /* y */ FROM orders"),
        ("postgres", "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d", "DELETE FROM orders"),
        ("postgres", "EXPLAIN ANALYZE UPDATE t SET a = 1", "UPDATE t"),
        ("postgres", "DO $$ BEGIN DROP TABLE t; END $$", "DROP TABLE t"),
        ("postgres", "SELECT a FROM t WHERE dblink_exec('c', 'TRUNCATE t') = 'x'", "TRUNCATE t"),
        ("postgres", "SELECT pg_terminate_backend(1)", "pg_terminate_backend"),
        ("postgres", "ALTER TABLE t ADD a int, DROP COLUMN b", "DROP COLUMN b"),
        ("mysql", "/*!50000 DROP TABLE t */", "DROP TABLE t"),
        ("mysql", "DELIMITER //\nDROP TABLE t//\n", "DROP TABLE t"),
        ("tsql", "SELECT 1 DROP TABLE t", "DROP TABLE t"),
        ("tsql", "EXEC ('DELETE FROM t')", "DELETE FROM t"),
        ("snowflake", "merge into a using b on a.i = b.i when matched then delete", "delete"),
    ],
)
def test_evidence_points_at_the_deciding_words(dialect: str, text: str, expected: str) -> None:
    """The first evidence is the loss itself, letter by letter, through comments, blocks and strings."""
    assert words(understood(text, dialect))[0] == expected


def test_the_summary_says_what_is_lost() -> None:
    """People read which table loses what, and that nothing limits it."""
    action = understood("DELETE FROM orders")
    assert action.summary.startswith("deletes every row of `orders`; nothing limits it; no undo")
    assert understood("DELETE FROM orders WHERE a = 1").summary.startswith(
        "deletes the rows of `orders` that match"
    )


def test_several_losses_are_all_told() -> None:
    """Each of a few losses is named, more are counted."""
    summary = understood("DROP TABLE a; DROP TABLE b; DROP TABLE c; DROP TABLE d; DROP TABLE e").summary
    assert "`a`" in summary
    assert "`c`" in summary
    assert "and 2 more" in summary


def test_a_write_names_its_counter_operation() -> None:
    """What undoes a write is said where there is such a thing."""
    assert understood("INSERT INTO t VALUES (1)").undo == "delete the new rows"
    assert understood("DROP TABLE t").undo == ""
    assert "UNDROP" in understood("DROP TABLE t", "snowflake").undo


def test_an_unknown_function_is_named() -> None:
    """A function that nobody knows is a read and stands in what could not be seen."""
    action = understood("SELECT my_schema.compute_total(a) FROM t")
    assert action.effects == (Effect.READ,)
    assert action.unseen == ("what the function `my_schema.compute_total` does",)


def test_a_builtin_function_is_not_named() -> None:
    """Everyday functions leave nothing unseen."""
    assert (
        understood("SELECT count(*), coalesce(max(a), 0), jsonb_agg(b), date_trunc('day', c) FROM t").unseen == ()
    )


def test_unknown_says_what_was_not_seen() -> None:
    """An unknown answer always has a reason."""
    for text in ("SELETC 1", "SELECT 'x", "EXECUTE IMMEDIATE x", "", "\\i x.sql"):
        action = understood(text)
        assert Effect.UNKNOWN in action.effects or Effect.EXEC in action.effects
        assert action.unseen


def test_rows_are_bounded_only_by_the_statement_itself() -> None:
    """`rows` is set where every statement names a bound, and nowhere else."""
    assert understood("DELETE FROM t WHERE id = 3").attributes["rows"] == 1
    assert understood("DELETE FROM t ORDER BY a LIMIT 5", "mysql").attributes["rows"] == 5
    assert "rows" not in understood("DELETE FROM t WHERE a = 3").attributes
    assert "rows" not in understood("DELETE FROM t WHERE id = 3; DELETE FROM u").attributes


def test_the_resource_names_the_table() -> None:
    """The first table of the text names the resource, under the client's name."""
    assert understood("UPDATE public.users SET a = 1 WHERE b = 2").resource == "database:postgres/public.users"
    assert understood("SELECT 1").resource == "database:postgres"


def test_a_qualified_name_can_place_it() -> None:
    """A row of environments.toml that names the database claims what is done to it."""
    context = context_with('[[environment]]\nname = "production"\ndatabases = ["shop"]\n')
    (action,) = actions_of_input("sql", "DELETE FROM shop.orders", context, dialect="mysql")
    assert action.environment == "production"
    (action,) = actions_of_input("sql", "\\c other\nDELETE FROM shop.orders", context, dialect="postgres")
    assert action.environment == "unresolved"


def test_a_local_file_is_no_network() -> None:
    """SQL on a file of this machine speaks to no other machine."""
    assert understood("SELECT 1", "sqlite3").attributes["network"] is False
    assert understood("SELECT 1", "mysql").attributes["network"] is True


def test_an_unknown_dialect_is_read_by_several_rules() -> None:
    """Where two dialects cut a text differently, the stricter reading counts."""
    text = "SELECT '\\'; DROP TABLE t; --'"
    assert understood(text, "mysql").effects == (Effect.READ,)
    assert Effect.DESTRUCTIVE in understood(text, "").effects
    assert Effect.DESTRUCTIVE in understood(text, "no such dialect").effects


@pytest.mark.parametrize(
    "line",
    [
        "psql -c 'DROP TABLE t'", "mysql -e 'DROP TABLE t'", "sqlite3 x.db 'DROP TABLE t'",
        "duckdb x.db 'DROP TABLE t'",
        "sqlcmd -Q 'SELECT 1 DROP TABLE t'", "snowsql -q 'DROP TABLE t'", "bq query 'DROP TABLE t'",
        "snow sql -q 'DROP TABLE t'", "clickhouse-client --query 'DROP TABLE t'", "spark-sql -e 'DROP TABLE t'",
        "turso db shell x 'DROP TABLE t'", "wrangler d1 execute x --command 'DROP TABLE t'",
        "echo 'DROP TABLE t' | bq query", "duckdb x.db -c 'DROP TABLE t'", "heroku pg:psql -c 'DROP TABLE t'",
    ],
)  # fmt: skip
def test_every_client_hands_its_sql_over(line: str) -> None:
    """SQL on the command line of any client is read as its dialect's."""
    effects = {
        effect for action in actions_of_input("shell", line, shipped_context()) for effect in action.effects
    }
    assert Effect.DESTRUCTIVE in effects


def test_a_dry_run_of_bq_runs_nothing() -> None:
    """`bq query --dry_run` only reads; `--replace` loses the destination."""
    (action,) = actions_of_input("shell", "bq query --dry_run 'DELETE FROM d.t WHERE true'", shipped_context())
    assert action.effects == (Effect.READ,)
    (action,) = actions_of_input(
        "shell", "bq query --replace --destination_table d.t 'SELECT 1'", shipped_context()
    )
    assert Effect.DESTRUCTIVE in action.effects
