"""Canonical JSON: one pass over an object writes the very bytes that checking and writing apart would."""

import json
from enum import StrEnum
from json.encoder import c_make_encoder  # type: ignore[attr-defined]  # typeshed leaves it out
from types import MappingProxyType

import pytest

from audit import AuditError, canonical, writing
from audit.writing import Json, object_text, utf8


class Word(StrEnum):
    """Text of another type than text."""

    ONE = 'o"ne'


def test_canonical_sorts_and_refuses() -> None:
    """`canonical` is the same restricted model for a value of any shape."""
    assert canonical({"b": [1, True, "é"], "a": {}}) == '{"a":{},"b":[1,true,"é"]}'.encode()
    with pytest.raises(AuditError):
        canonical([1.5])  # type: ignore[list-item]  # that is the point


def test_the_kept_encoder_writes_what_the_library_writes() -> None:
    """With the C encoder or without it, a value has the same bytes, at every call."""
    values: list[object] = [
        {"b": [1, True, "é\u2028\x7f"], "a": {"z": -(2**53), "y": []}, "": '\\"\n\x00'},
        'text "quoted"',
        [],
        {},
        (1, "two"),
        False,
        0,
        {"same": {"k": 1}, "again": {"k": 1}},
    ]
    with_c, without = writing._writer(c_make_encoder), writing._writer(None)
    assert c_make_encoder is not None
    for value in values * 2:
        library = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        assert with_c(value) == without(value) == library
    for wrong in (float("nan"), b"bytes", {"a": {1, 2}}):
        for write in (with_c, without):
            with pytest.raises((TypeError, ValueError)):
                write(wrong)
    assert with_c({"after": "an error"}) == '{"after":"an error"}'


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"b": 1, "a": "x", "": ""},
        {"no": False, "yes": True, "zero": 0, "least": 1 - 2**53, "most": 2**53 - 1},
        {"word": Word.ONE, "é-value": "é\u2028\x7f", "list": ["a", 1, (True, [])], "in": {"b": 1, "a": {}}},
        {f"k{number}": number for number in range(300)},
        {Word.ONE: "a key of another type"},
    ],
    ids=["empty", "sorted", "plain", "odd", "wide", "key"],
)
def test_an_object_is_written_as_canonical_writes_it(value: dict[str, Json]) -> None:
    """Whatever its shape, and however often: the same text, also for a mapping that is no dict."""
    value = {key: item for key, item in value.items() if key.isascii()}
    for _ in range(2):
        assert object_text(value) == object_text(MappingProxyType(value)) == canonical(value).decode()


@pytest.mark.parametrize(
    "value",
    [
        {"a": None},
        {"a": 1.0},
        {"a": 2**53},
        {"a": "\udfff"},
        {"a": [None]},
        {"a": MappingProxyType({})},
        {"é": 1},
        {1: 1},
        {"a": 1, 2: 1},
        {**{f"k{number}": number for number in range(300)}, "a": 0.5},
    ],
)
def test_what_leaves_the_model_is_refused_each_time(value: dict[str, Json]) -> None:
    """A shape that was written or refused before changes nothing about what is refused."""
    assert object_text({"a": 1}) == '{"a":1}'
    for _ in range(2):
        with pytest.raises(AuditError):
            utf8(object_text(value))
