"""What is told at once is what the longer look would have told."""

import json

from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.api.predicates import MAX_NODES, is_wide
from firewall.classify.api.request import object_of
from firewall.classify.draft import _all_within, _within
from firewall.classify.environments import Environments, Place, PlaceKind, compile_environments
from firewall.classify.globs import matches
from firewall.core.action import Evidence
from firewall.guard.foreign import _forms, _is_form

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=5),
    max_leaves=30,
)
_NAMES = st.sampled_from(["a", "a.b", "api.a.b", "b", "c/d", "a*"])
_KINDS = st.sampled_from(list(PlaceKind))


@given(value=_VALUES, repeated=st.integers(1, MAX_NODES))
def test_a_short_body_is_never_too_wide(value: object, repeated: int) -> None:
    """Each value is a character at least, so so many characters hold no more values than are looked at."""
    for text in (json.dumps(value), json.dumps([0] * repeated, separators=(",", ":")), f"[{'[],' * repeated}[]]"):
        if len(text) <= MAX_NODES:
            assert not is_wide(json.loads(text))


def test_a_long_body_that_is_too_wide_is_not_seen() -> None:
    """Behind the short ones the values are counted as before."""
    many = "[" + "0," * MAX_NODES + "0]"
    assert object_of(many, {"content-type": "application/json"}) is None
    assert object_of("[" + "0," * (MAX_NODES // 2 - 2) + "0]", {"content-type": "application/json"}) is not None


@given(
    rows=st.lists(st.dictionaries(_KINDS, st.lists(_NAMES, min_size=1, max_size=3), max_size=3), max_size=4),
    places=st.lists(st.tuples(_KINDS, _NAMES), max_size=4),
)
def test_places_are_claimed_by_the_rows_that_name_them(
    rows: list[dict[PlaceKind, list[str]]], places: list[Place]
) -> None:
    """Globs sorted by their kind claim what the rows claim one by one."""
    table = {
        "environment": [
            {"name": f"env{at}", **{kind.value: globs for kind, globs in row.items()}}
            for at, row in enumerate(rows)
        ]
    }
    compiled = compile_environments(table)
    claimed = {
        row.name for kind, value in places for row in compiled.rows if matches(row.globs.get(kind, ()), value)
    }
    assert compiled.claimed(places) == claimed
    assert Environments(compiled.rows, compiled.scratch) == compiled


@given(spans=st.lists(st.tuples(st.integers(-3, 12), st.integers(-3, 12)), max_size=4), length=st.integers(0, 9))
def test_evidence_lies_within_its_text(spans: list[tuple[int, int]], length: int) -> None:
    """Looking at all of it first changes nothing of what is cut."""
    items = [Evidence(start, end, "why") for start, end in spans]
    assert _all_within(items, length) == tuple(_within(one, length) for one in items)


@given(
    pieces=st.lists(
        st.sampled_from(
            [b"%", b"{", b"[", b"a=b", b'form-data; name="x"\r\n\r\nsecret-value', b'form-data; name="']
        ),
        max_size=5,
    )
)
def test_a_body_is_a_form_where_it_is_read_as_one(pieces: list[bytes]) -> None:
    """Telling so beforehand is the same as trying."""
    body = b"".join(pieces)
    assert _is_form(body) is any(True for _ in _forms(body))
