"""JSON that two readers could understand differently is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import MAX_DEPTH, has_brackets, loads, loads_object

REFUSED = {
    "duplicate": (b'{"a":1,"a":2}', "json_duplicate_key"),
    "duplicate with a space before the colon": (b'{"a":1,"a" :2}', "json_duplicate_key"),
    "duplicate with a newline before the colon": (b'{"a":1,"a"\n:2}', "json_duplicate_key"),
    "duplicate with two spaces before the colon": (b'{"a":1,"a"  :2}', "json_duplicate_key"),
    "duplicate with a space and a tab before the colon": (b'{"a":1,"a" \t:2}', "json_duplicate_key"),
    "duplicate with a space and a return before the colon": (b'{"a":1,"a" \r:2}', "json_duplicate_key"),
    "duplicate spelled with an escape": (b'{"a":1,"\\u0061":2}', "json_duplicate_key"),
    "duplicate hidden behind an escaped quote": (b'{"a":1,"a":"\\u0022:"}', "json_duplicate_key"),
    "duplicate hidden behind an escaped colon": (b'{"a":1,"a":"\\"\\u003a"}', "json_duplicate_key"),
    "duplicate deep inside": (b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}', "json_duplicate_key"),
    "NaN": (b'{"a":NaN}', "json_invalid"),
    "infinity": (b'{"a":-Infinity}', "json_invalid"),
    "lone surrogate": (b'{"a":"\\ud800"}', "json_invalid"),
    "byte order mark": (b'\xef\xbb\xbf{"a":1}', "json_invalid"),
    "UTF-16": ('{"a":1}'.encode("utf-16-le"), "json_invalid"),
    "trailing comma": (b'{"a":1,}', "json_invalid"),
    "two values": (b'{"a":1}{"b":2}', "json_invalid"),
    "control character": (b'{"a":"\n"}', "json_invalid"),
    "too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "json_too_deep"),
    "too deep beside much else": (
        b'{"a":"' + b"x" * 40_000 + b'","b":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        "json_too_deep",
    ),
    "far too deep": (b"[" * 5000 + b"]" * 5000, "json_invalid"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_json_is_refused(name: str) -> None:
    """Each ambiguity is a 400 with its own stable code."""
    data, code = REFUSED[name]
    with pytest.raises(ProtocolError) as caught:
        loads(data)
    assert (caught.value.code, caught.value.status) == (code, 400)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
        b'{"text":"\\"a\\":1,\\"a\\":2"}',
        b'{"text":"\\u0022:", "b" : 1}',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'{"a":"' + b"x" * 40_000 + b'","b":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        b'{"a":"x : y \\u003c","b" :1}',
        b"{" + b",".join(b'"%d":[[]]' % number for number in range(MAX_DEPTH)) + b"}",
        b'{"note":"a :b", "1" : 1.0, "c":1e5}',
        b'"x"',
    ],
)
def test_plain_json_is_read_as_the_standard_library_reads_it(data: bytes) -> None:
    """What is not ambiguous is read, and read alike."""
    assert loads(data) == json.loads(data)


def test_object_is_demanded() -> None:
    """An array where an object belongs is refused by name."""
    with pytest.raises(ProtocolError, match="must be a JSON object"):
        loads_object(b"[]")


@given(
    st.lists(st.sampled_from([b"{", b"[", b"x", b"]}", b"[" * MAX_DEPTH, b"{" * (MAX_DEPTH - 1)])).map(b"".join)
)
def test_brackets_are_enough_exactly_where_more_open_than_levels_are_allowed(data: bytes) -> None:
    """Whether a document may be too deep is told as counting its brackets would tell it."""
    assert has_brackets(data) == (data.count(b"{") + data.count(b"[") > MAX_DEPTH)
