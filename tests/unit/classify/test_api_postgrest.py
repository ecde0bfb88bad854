"""PostgREST by its own rules: what filters leave, what functions may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.api.postgrest import is_limited, judge, sql_in
from firewall.core.effect import Effect


@pytest.mark.parametrize(
    ("query", "limited"),
    [
        ({}, False),
        ({"id": "eq.7"}, True),
        ({"id": "in.(1,2)"}, True),
        ({"id": "is.null"}, True),
        ({"age": "gte.18"}, True),
        ({"id": ["gt.0", "lt.5"]}, True),
        ({"and": "(id.eq.7,name.eq.x)"}, True),
        ({"select": "id", "order": "id", "limit": "1", "columns": "a"}, False),
        ({"id": "neq.0"}, False),
        ({"id": "not.is.null"}, False),
        ({"id": "gt.0"}, False),
        ({"id": "gte.-1"}, False),
        ({"name": "like.*"}, False),
        ({"name": "ilike.%"}, False),
        ({"or": "(id.eq.7,id.neq.7)"}, False),
        ({"and": "(id.neq.0,name.like.*)"}, False),
    ],
)
def test_filters_that_every_row_passes_limit_nothing(query: dict[str, object], *, limited: bool) -> None:
    """A change without a limiting filter is a change of the whole table, however it is dressed."""
    assert is_limited(query) is limited
    effects, _ = judge("PATCH", ["users"], query)
    assert effects == {Effect.WRITE if limited else Effect.DESTRUCTIVE}
    assert judge("DELETE", ["users"], query)[0] == {Effect.DESTRUCTIVE}


def test_functions_may_do_anything_unless_the_server_only_reads() -> None:
    """A call by GET runs in a read-only transaction; the description of the database is read."""
    assert judge("GET", ["rpc", "f"], {})[0] == {Effect.READ}
    assert judge("POST", ["rpc", "f"], {})[0] == {Effect.UNKNOWN}
    assert judge("POST", [], {})[0] == {Effect.UNKNOWN}
    assert judge("BREW", ["users"], {})[0] == {Effect.UNKNOWN}


def test_sql_is_looked_for_in_functions_alone() -> None:
    """An argument whose name says so holds SQL; a column of a table with that name holds data."""
    assert sql_in(["rpc", "exec_sql"], {"p_sql": "drop table x", "n": 1}) == "drop table x"
    assert sql_in(["rpc", "search"], {"query": "shoes"}) == ""
    assert sql_in(["notes"], {"query": "drop table x"}) == ""
    assert sql_in(["rpc", "f"], None) == ""


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "X"]),
    st.lists(st.text(max_size=8), max_size=4),
    st.dictionaries(
        st.text(max_size=6), st.one_of(st.text(max_size=20), st.lists(st.text(max_size=9), max_size=3))
    ),
)
def test_every_request_has_an_effect_and_one_line(method: str, path: list[str], query: dict[str, object]) -> None:
    """Nothing raises, nothing is silent, and what a table's name holds stays on its line."""
    effects, summary = judge(method, path, query)
    assert effects
    assert summary.isprintable()
