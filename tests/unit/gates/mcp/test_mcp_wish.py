"""A `tools/call` as it came: which tool, which bytes, and what else comes with it."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.gates.mcp.state import Leg
from firewall.gates.mcp.wish import wish_of


def call(params: str) -> messages.Message:
    """Return a call with its parameters as text."""
    return messages.read(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + params.encode() + b"}")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ('{ "b" : 1.0,"a":"\\u0041" }', b'{ "b" : 1.0,"a":"\\u0041" }'),
        ("{}", b"{}"),
    ],
)
def test_the_bytes_that_are_judged_are_the_clients(arguments: str, wanted: bytes) -> None:
    """Spaces, escapes and the order of keys are judged as they came, and sent as they came."""
    message = call(f'{{"name":"t","arguments":{arguments}}}')
    wish = wish_of(message)
    assert wish.arguments == wanted
    assert wish.forwarded is message


def test_a_call_without_arguments() -> None:
    """No arguments are an empty object."""
    assert wish_of(call('{"name":"t"}')).arguments == b"{}"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ("{}", "tool_unknown"),
        ('{"name":7}', "tool_unknown"),
        ('{"name":""}', "tool_unknown"),
        ('{"name":"a\\nb"}', "tool_unknown"),
        ('{"name":"t","arguments":[1]}', "arguments_invalid"),
        ('{"name":"t","arguments":null}', "arguments_invalid"),
        ('{"name":"t","task":{"ttl":1}}', "param_unknown"),
        ('{"name":"t","environment":"staging"}', "param_unknown"),
    ],
)
def test_what_cannot_be_read_is_refused(params: str, code: str) -> None:
    """Names and arguments that are none, and members that nobody knows, are refused with the call's id."""
    with pytest.raises(McpError) as raised:
        wish_of(call(params))
    assert (raised.value.code, raised.value.number, raised.value.of) == (code, -32602, 1)


@pytest.mark.parametrize(
    ("meta", "call_id", "progress"),
    [
        ({}, "", None),
        ({"claudecode/toolUseId": "toolu_1", "progressToken": 0}, "toolu_1", 0),
        ({"callId": "call_1", "progressToken": "p"}, "call_1", "p"),
        ({"callId": 7, "progressToken": True}, "", None),
        ({"callId": "x" * 201, "progressToken": [1]}, "", None),
    ],
)
def test_what_a_client_says_beside(meta: dict[str, object], call_id: str, progress: object) -> None:
    """The id of the model's call and the token for progress are read where they are what they should be."""
    wish = wish_of(call(json.dumps({"name": "t", "_meta": meta})))
    assert (wish.call_id, wish.progress) == (call_id, progress)


def test_what_answers_our_question_is_not_sent_on() -> None:
    """Our state and the answer to our question are taken out; the rest of the call is as it was."""
    state = {"requestState": "stayhand.1.x", "inputResponses": {"stayhand_approval": {"action": "accept"}}}
    meta = {"callId": "c"}
    wish = wish_of(call(json.dumps({"name": "t", "arguments": {"a": 1}, "_meta": meta, **state})))
    assert wish.forwarded.params == {"name": "t", "arguments": {"a": 1}, "_meta": meta}
    assert (wish.state, wish.action) == ("stayhand.1.x", "accept")
    assert json.loads(wish.arguments) == {"a": 1}


def test_a_clients_notes_for_itself_are_neither_judged_nor_sent() -> None:
    """What Codex says about its turn stays here: the same call has the same judged bytes in its next turn."""
    notes = {"x-codex-turn-metadata": {"turn_id": "1"}, "itemId": "fc_1", "sessionId": "s"}
    wish = wish_of(call(json.dumps({"name": "t", "arguments": {"a": 1}, "_meta": {"callId": "c", **notes}})))
    assert wish.arguments == b'{"a": 1}'
    assert wish.forwarded.params == {"name": "t", "arguments": {"a": 1}, "_meta": {"callId": "c"}}
    assert wish.call_id == "c"
    again = {"name": "t", "_meta": notes, "requestState": "stayhand.1.x"}
    assert wish_of(call(json.dumps(again))).forwarded.params == {"name": "t", "_meta": {}}


def test_what_answers_a_servers_question_is_judged() -> None:
    """Answers stand beside the arguments that are judged, with the questions; the state is the server's own."""
    answers = {"q": {"action": "accept", "content": {"db": "prod"}}}
    brought = {"requestState": "ours", "inputResponses": answers}
    leg = Leg("olga/coder", "x", "d", "theirs", frozenset({"q"}), "ab" * 32, 0)
    wish = wish_of(call(json.dumps({"name": "t", "arguments": {"a": 1}, **brought})), leg)
    assert wish.given == {"a": 1}
    assert json.loads(wish.arguments) == {"a": 1, "mcp:inputResponses": answers, "mcp:inputRequests": "ab" * 32}
    assert wish.forwarded.params["requestState"] == "theirs"
    assert wish.forwarded.params["inputResponses"] == answers
    assert (wish.state, wish.action) == ("", "")


def test_what_stands_beside_and_is_no_plain_note_is_judged() -> None:
    """A server may act by it: it is among the judged arguments, also where our own question is answered."""
    meta = {"callId": "c", "database": "prod", "progressToken": {"x": 1}}
    message = call(json.dumps({"name": "t", "arguments": {"a": 1}, "_meta": meta}))
    wish = wish_of(message)
    assert (wish.forwarded, wish.given) == (message, {"a": 1})
    bound = {"a": 1, "mcp:_meta": {"database": "prod", "progressToken": {"x": 1}}}
    assert json.loads(wish.arguments) == bound
    again = {"name": "t", "arguments": {"a": 1}, "_meta": meta, "requestState": "stayhand.1.x"}
    assert json.loads(wish_of(call(json.dumps(again))).arguments) == bound


@pytest.mark.parametrize("name", ["mcp:_meta", "mcp:inputRequests", "mcp:inputResponses"])
def test_an_argument_hides_nothing_under_our_names(name: str) -> None:
    """What stands beside the arguments is judged under names that no argument has: such a call is refused."""
    said = {"inputResponses": {"q": {}}, "_meta": {"database": "prod"}}
    with pytest.raises(McpError) as raised:
        wish_of(call(json.dumps({"name": "t", "arguments": {"a": 1, name: "x"}, **said})))
    assert (raised.value.code, raised.value.number) == ("argument_reserved", -32602)


ODD = '{ "id":123456789012345678901234567890,"f":1.50e+1, "s":"\\u0041" }'


def test_arguments_go_on_verbatim_without_our_question() -> None:
    """Numbers and escapes are sent as they came where our state and the answer to our question are taken out."""
    said = call(
        f'{{"requestState":"stayhand.1.x","name":"t","arguments":{ODD},"inputResponses":{{}},"_meta":{{}}}}'
    )
    wish = wish_of(said)
    assert f'"arguments":{ODD}'.encode() in wish.forwarded.raw
    assert wish.forwarded.params.keys() == {"name", "arguments", "_meta"}
    assert wish.arguments == ODD.encode()


@pytest.mark.parametrize(("arguments", "rest"), [(ODD, f",{ODD[1:].lstrip()}"), ("{ }", "}"), ("{}", "}")])
def test_what_is_judged_with_more_beside_it_is_verbatim(arguments: str, rest: str) -> None:
    """Behind what stands beside them, the arguments are judged as they came, and so is what stands there."""
    big = "99999999999999999999999"
    said = f'"inputResponses":{{"n": {big}}},"requestState":"s","_meta":{{"n": {big}, "callId":"c"}}'
    leg = Leg("olga/coder", "x", "d", "theirs", frozenset({"n"}), "asked", 0)
    judged = wish_of(call(f'{{"name":"t","arguments":{arguments},{said}}}'), leg).arguments
    beside = f'{{"mcp:inputResponses":{{"n": {big}}},"mcp:inputRequests":"asked","mcp:_meta":{{"n":{big}}}'
    assert judged.decode() == beside + rest
    assert json.loads(judged)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text(max_size=6), _JSON, max_size=3),
    st.dictionaries(st.text(max_size=6), _JSON, max_size=3),
)
def test_what_is_judged_is_all_that_is_sent(arguments: dict[str, object], meta: dict[str, object]) -> None:
    """Always: the judged bytes are one object with every argument and every note that is not plain, as sent."""
    notes = {f"x{name}": one for name, one in meta.items()}
    message = call(json.dumps({"name": "t", "arguments": arguments, "_meta": notes}))
    judged = orjson.loads(wish_of(message).arguments)
    assert judged.pop("mcp:_meta", {}) == message.params["_meta"]
    assert judged == message.params["arguments"]
