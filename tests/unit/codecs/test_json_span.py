"""Exact slices and splices of JSON bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs import json_span

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES, indent=st.sampled_from([None, 1, 3]), ascii_only=st.booleans())
def test_every_member_and_element_is_cut_exactly(value: object, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """The bytes at each path parse to the value at that path, however the document is written."""
    data = (
        b" " + json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + b"\n"
    )

    def check(path: tuple, expected: object) -> None:
        found = json_span.cut(data, path)
        assert found is not None
        assert json.loads(found.decode("utf-8", "surrogatepass")) == expected
        assert found == found.strip()
        steps = expected.items() if isinstance(expected, dict) else ()
        steps = enumerate(expected) if isinstance(expected, list) else steps
        for step, inner in steps:
            check((*path, step), inner)

    check((), value)


@given(value=VALUES)
def test_one_line_says_the_same(value: object) -> None:
    """Without line breaks the document is the same document; one that has none is untouched."""
    printed = json.dumps(value, indent=2).encode()
    line = json_span.one_line(printed)
    assert json.loads(line) == value
    assert b"\n" not in line
    assert json_span.one_line(line) is line


def test_paths_that_are_not_there() -> None:
    """A missing key or index, or a step into a scalar, is None."""
    data = b'{"a":[1,{"b":2}]}'
    for path in (("x",), ("a", 2), ("a", "b"), (0,), ("a", 0, "c"), ("a", 1, "b", 0)):
        assert json_span.locate(data, path) is None
    assert json_span.cut(data, ("a", 1, "b")) == b"2"
    assert list(json_span.members(b"[1]")) == []
    assert list(json_span.elements(b"{}")) == []
    assert list(json_span.elements(b"[ ]")) == []


def test_keys_are_compared_unescaped() -> None:
    """An escaped key is the same key."""
    assert json_span.cut(rb'{"\u0061": "x\"]}"}', ("a",)) == rb'"x\"]}"'


def test_broken_documents_end_the_search() -> None:
    """On bytes that are no JSON the search ends inside them."""
    for data in (b'{"a":[', b'{"a":"x', b"[1,", b"[[", b"", b'{"a":1 "b":2}', b"[1 2]"):
        list(json_span.members(data))
        list(json_span.elements(data))
        assert len(json_span.cut(data, ()) or b"") <= len(data)


def test_splices_are_applied_in_order() -> None:
    """Each span gets its bytes, whatever the order in which they are named."""
    assert json_span.splice(b"abcdef", {(4, 5): b"X", (0, 2): b"", (2, 2): b"-"}) == b"-cdXf"


def test_places_give_the_elements_of_an_array_in_any_order() -> None:
    """Each element has its exact bytes, its span and its members; one that is not there is an error."""
    data = b' { "x" : [ {"a" : [1, 2]} , "]", {} ] }'
    places = json_span.Places(data, ("x",))
    assert [places.element(place) for place in (2, 0, 1, 0)] == [
        b"{}",
        b'{"a" : [1, 2]}',
        b'"]"',
        b'{"a" : [1, 2]}',
    ]
    begin, end = places.span(1)
    assert (data[begin:end], places.start(1)) == (b'"]"', begin)
    assert (places.member(0, "a"), places.member(0, "b"), places.member(2, "a")) == (b"[1, 2]", None, None)
    with pytest.raises(IndexError):
        places.element(3)
    with pytest.raises(IndexError):
        json_span.Places(data, ("y",)).start(0)


def test_several_places_are_found_in_one_walk() -> None:
    """Each lies where it is found alone, at whatever depth; one that is not there is left out."""
    data = b' { "a" : [1, {"b": "]"}, [2]] , "c": {"a": 3, "0": 4}, "d": "x" }'
    paths: list[tuple[str | int, ...]] = [("a", 1, "b"), ("a", 2, 0), ("c", "0"), ("d",)]
    wanted = {path: json_span.locate(data, path) for path in paths}
    missing: list[tuple[str | int, ...]] = [("a", 9), ("c", 0), ("z",), ("a", "b")]
    assert json_span.locate_each(data, [*paths, *missing]) == wanted
