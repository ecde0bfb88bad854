"""Where requests hold SQL."""

from firewall.classify.api.statements import statements

PIPELINE = {"requests": [{"stmt": {"sql": "select 1"}}, {"batch": {"steps": [{"stmt": {"sql": "drop table t"}}]}}]}


def test_every_named_argument_is_read() -> None:
    """What stands at any of several places is run, so all of it is judged."""
    where = "requests.stmt.sql|requests.batch.steps.stmt.sql|requests.sql"
    assert statements(where, PIPELINE, "") == "select 1;\ndrop table t"
    assert statements("sql", {}, "drop table t") == ""
    assert statements("@body", {}, "drop table t") == "drop table t"


def test_a_statement_may_begin_in_the_address_and_end_in_the_body() -> None:
    """Both are one text; behind an INSERT the body is data."""
    assert statements("query+@body", {"query": "DROP"}, "TABLE t") == "DROP\nTABLE t"
    assert statements("query+@body", {}, "DROP TABLE t") == "DROP TABLE t"
    assert statements("query+@body", {"query": " insert into t format CSV"}, "drop table t").strip() == (
        "insert into t format CSV"
    )
