"""JSON-RPC messages of the Model Context Protocol."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs import json_span
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError, data_of, number_of
from firewall.codecs.mcp.messages import Kind, Message
from firewall.core.errors import AuthError, LimitError

CALL = (
    b'{ "jsonrpc":"2.0","id": 7 ,"method":"tools/call","params":{"name":"x\\u00e9","arguments":{"a":1.0}}, "x":[]}'
)


@pytest.mark.parametrize(
    ("raw", "kind", "id_", "method"),
    [
        (CALL, Kind.REQUEST, 7, "tools/call"),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping"}', Kind.REQUEST, "a", "ping"),
        (
            b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
            Kind.NOTIFICATION,
            None,
            "notifications/cancelled",
        ),
        (b'{"jsonrpc":"2.0","id":0,"result":{}}', Kind.RESULT, 0, ""),
        (b'{"jsonrpc":"2.0","id":"","error":{"code":-1,"message":"no"}}', Kind.ERROR, "", ""),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no"}}', Kind.ERROR, None, ""),
        (b'{"jsonrpc":"2.0","error":{"code":-1,"message":"no","data":[]}}', Kind.ERROR, None, ""),
    ],
)
def test_every_kind_of_message_is_read_as_it_is(raw: bytes, kind: Kind, id_: object, method: str) -> None:
    """The bytes are kept, white space and unknown members included; kind, id and method are theirs."""
    found = messages.read(raw)
    assert (found.raw, found.kind, found.id, found.method) == (raw, kind, id_, method)
    assert found.value == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "number", "code", "of"),
    [
        (b"", -32700, "json_invalid", None),
        (b"noise", -32700, "json_invalid", None),
        (b'\xff{"jsonrpc":"2.0"}', -32700, "json_invalid", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32700, "json_invalid", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":NaN}}', -32700, "json_invalid", None),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"a","params":' + b'{"x":' * 300 + b"1" + b"}" * 301,
            -32700,
            "json_too_deep",
            None,
        ),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}', -32600, "json_duplicate_key", None),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"a","n\\u0061me":"b"}}',
            -32600,
            "json_duplicate_key",
            None,
        ),
        (b'[{"jsonrpc":"2.0","id":1,"method":"a"}]', -32600, "batch_refused", None),
        (b"[]", -32600, "batch_refused", None),
        (b"7", -32600, "message_invalid", None),
        (b'{"id":1,"method":"a"}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"1.0","id":1,"method":"a"}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":null,"method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":true,"method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":[],"method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":9007199254740993,"method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":"' + b"a" * 300 + b'","method":"a"}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":""}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":null}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":7}}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","result":{}}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"result":7}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","result":{}}', -32600, "message_invalid", None),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"no"}}', -32600, "message_invalid", 1),
        (b'{"jsonrpc":"2.0","id":1.5,"error":{"code":1,"message":"no"}}', -32600, "message_invalid", None),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(
    raw: bytes, number: int, code: str, of: object
) -> None:
    """With a stable number and word, and the id wherever it could be read."""
    with pytest.raises(McpError) as caught:
        messages.read(raw)
    assert (caught.value.number, caught.value.code, caught.value.of) == (number, code, of)


def test_what_stands_in_a_message_is_found() -> None:
    """Parameters, notes beside them, result and error are objects, empty where there are none."""
    asked = messages.read(b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"k":1},"uri":"x"}}')
    assert (asked.params["uri"], asked.meta, asked.result, asked.error) == ("x", {"k": 1}, {}, {})
    said = messages.read(b'{"jsonrpc":"2.0","id":1,"result":{"_meta":{"k":2}}}')
    assert (said.meta, said.params, said.is_answer, asked.is_answer) == ({"k": 2}, {}, True, False)
    odd = messages.read(b'{"jsonrpc":"2.0","id":1,"result":{"_meta":7}}')
    assert odd.meta == {}


def test_values_are_replaced_and_nothing_else_is_touched() -> None:
    """Another id and another name, and every other byte as it was."""
    found = messages.changed(messages.read(CALL), {("id",): "new", ("params", "name"): "y"})
    assert found.raw == CALL.replace(b"7 ", b'"new" ').replace(b'"x\\u00e9"', b'"y"')
    assert (found.id, found.params["name"]) == ("new", "y")
    assert messages.with_id(found, 7).id == 7
    with pytest.raises(KeyError):
        messages.changed(found, {("params", "cursor"): 1})


@pytest.mark.parametrize(
    ("params", "after"),
    [
        (b"", b'{"jsonrpc":"2.0","id":1,"method":"a"}'),
        (b',"params":{ }', b'"id":1'),
        (b',"params":{"x":1.0}', b'"x":1.0}'),
        (b',"params":{"x":1,"_meta":{ }}', b'"x":1,"_meta":{'),
        (b',"params":{"_meta":{"q":[1.0]},"x":1}', b'"q":[1.0]},"x":1}'),
    ],
)
def test_notes_are_added_beside_what_is_there(params: bytes, after: bytes) -> None:
    """Whether a request has parameters or notes already: they stay as written, the new ones stand there."""
    before = messages.read(b'{"jsonrpc":"2.0","id":1,"method":"a"%b}' % params)
    found = messages.with_meta(before, {"k": {"v": 1}, "z": 2})
    assert messages.read(found.raw).value == found.value
    assert found.meta == {**before.meta, "k": {"v": 1}, "z": 2}
    assert {**found.params, "_meta": 0} == {**before.params, "_meta": 0}
    assert after.lstrip(b"{") in found.raw


def test_members_are_added_to_a_result_beside_what_is_there() -> None:
    """What it says already stays, as written; an empty one gets them all."""
    said = messages.read(b'{"jsonrpc":"2.0","id":1,"result":{ "ttlMs":5, "x":[1.0]}}')
    found = messages.with_result(said, {"resultType": "complete", "ttlMs": 0})
    assert found.raw == b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete", "ttlMs":5, "x":[1.0]}}'
    assert messages.with_result(found, {"ttlMs": 0}) is found
    assert messages.with_result(messages.result(1, {}), {"a": 1}).result == {"a": 1}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    params=st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
    id_=st.text(max_size=9) | st.integers(-(2**53) + 1, 2**53 - 1),
    indent=st.sampled_from([None, 2]),
)
def test_what_is_made_is_read_back(params: dict[str, object], id_: str | int, indent: int | None) -> None:
    """Made, written otherwise, or given another id and back: it is always the same message."""
    made = messages.request(id_, "tools/call", params)
    again = messages.read(json.dumps(made.value, indent=indent).encode())
    assert (again.value, again.kind, again.id, again.method) == (made.value, made.kind, made.id, made.method)
    other = messages.with_id(again, "another")
    assert other.params == again.params
    assert other.value == json.loads(other.raw)
    assert messages.with_id(other, id_).value == again.value
    for one in (
        messages.notification("a", params),
        messages.result(id_, params),
        messages.failure(id_, -1, "x", []),
    ):
        assert _same(messages.read(one.raw), one)


def _same(one: Message, other: Message) -> bool:
    return (one.value, one.kind, one.id, one.method) == (other.value, other.kind, other.id, other.method)


def test_errors_of_ours_have_stable_numbers() -> None:
    """What the protocol numbers keeps its number; ours are -31000 minus the status, with the word beside it."""
    assert number_of(AuthError()) == -31401
    limit = LimitError("too many", retry_after_s=3)
    assert messages.failed(4, limit).error == {
        "code": -31429,
        "message": "too many",
        "data": {"code": "rate_limited", "retryAfterSeconds": 3},
    }
    assert data_of(McpError("x", data={"supported": []})) == {"code": "invalid_request", "supported": []}
    assert messages.failed(None, McpError("x", number=-32700)).value["id"] is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "arguments", "_meta", "params", 'a"b', "\u00e9"]), _VALUES, max_size=5
    ),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", "\n:")]),
    st.booleans(),
)
def test_members_are_the_bytes_that_came(
    params: dict[str, object],
    signs: tuple[str, str],
    is_ascii: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    """However a client writes, each member's bytes are those that stand in the message, never ours."""
    params.pop("_meta", None)
    said = {"jsonrpc": "2.0", "id": 1, "method": "x", "params": {**params, "_meta": {"params": {"name": 0}}}}
    raw = json.dumps(said, separators=signs, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    try:
        message = messages.read(raw)
    except McpError:
        return  # halves of pairs and numbers that JSON has not are refused
    found = messages.members(message, ("params",))
    assert list(found) == list(said["params"])  # type: ignore[call-overload]  # a dict, as it stands above
    assert found == {name: json_span.cut(raw, ("params", name)) for name in found}
    assert messages.members(message, ("params", "nothing")) == {}
