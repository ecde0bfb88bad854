"""One streamed answer of the Messages API."""

from collections.abc import Iterator, Mapping

import anthropic as sdk
import httpx2
import orjson
import pytest

from firewall.codecs import anthropic
from firewall.codecs.interface import Refused, Released, Ruling, Usage
from firewall.core.errors import ProtocolError


def _event(value: dict[str, object], name: str | None = None) -> bytes:
    return b"event: %s\ndata: %s\n\n" % ((name or str(value["type"])).encode(), orjson.dumps(value))


def _start(index: int, block: Mapping[str, object]) -> bytes:
    return _event({"type": "content_block_start", "index": index, "content_block": block})


def _delta(index: int, delta: dict[str, object]) -> bytes:
    return _event({"type": "content_block_delta", "index": index, "delta": delta})


def _stop(index: int) -> bytes:
    return _event({"type": "content_block_stop", "index": index})


def _json(index: int, text: str) -> bytes:
    return _delta(index, {"type": "input_json_delta", "partial_json": text})


def _tool(index: int, identity: str, text: str = "{}") -> bytes:
    block = {"type": "tool_use", "id": identity, "name": "Bash", "input": {}}
    return _start(index, block) + _json(index, text) + _stop(index)


def _text(index: int, text: str) -> bytes:
    delta = _delta(index, {"type": "text_delta", "text": text})
    return _start(index, {"type": "text", "text": ""}) + delta + _stop(index)


def _thinking(index: int, text: str) -> bytes:
    start = _start(index, {"type": "thinking", "thinking": "", "signature": ""})
    return start + _delta(index, {"type": "thinking_delta", "thinking": text}) + _stop(index)


MESSAGE: dict[str, object] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 2, "cache_read_input_tokens": 30, "output_tokens": 1},
}  # fmt: skip
BEGIN = _event({"type": "message_start", "message": MESSAGE})
STOP = _event({"type": "message_stop"})
PING = _event({"type": "ping"})


def _summary(reason: str = "tool_use") -> bytes:
    delta = {
        "stop_reason": reason,
        "stop_sequence": None,
        "container": {"id": "cntr_1", "expires_at": "2026-11-21T00:00:00Z"},
    }
    return _event(
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}, "context_management": None}
    )


def _play(raw: bytes, *rulings: Ruling) -> bytes:
    codec = anthropic.stream()
    out = codec.feed(raw).forward
    for slot, ruling in enumerate(rulings):
        out += codec.rule(slot, ruling).forward
    return out


def _as_the_sdk_reads(raw: bytes) -> sdk.types.Message:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=raw)

    transport = httpx2.MockTransport(answer)
    with httpx2.Client(transport=transport) as http:
        client = sdk.Anthropic(api_key="x", base_url="http://sdk.invalid", http_client=http)
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            return stream.get_final_message()


def test_text_flows_and_the_call_waits_in_its_place() -> None:
    """Text before a call leaves at once; a call and what follows it wait, and an earlier call may go first."""
    codec = anthropic.stream()
    assert codec.feed(BEGIN + _text(0, "a")).forward == BEGIN + _text(0, "a")
    step = codec.feed(_tool(1, "t1") + _tool(2, "t2") + _text(3, "b") + _summary() + STOP)
    assert (step.forward, [pending.call.id for pending in step.calls], step.done) == (b"", ["t1", "t2"], False)
    assert codec.rule(0, Released()).forward == _tool(1, "t1")
    last = codec.rule(1, Released())
    assert (last.forward, last.done) == (_tool(2, "t2") + _text(3, "b") + _summary() + STOP, True)
    assert codec.usage == Usage(input_tokens=32, cached_input_tokens=30, output_tokens=9, is_reported=True)
    assert codec.issued == ("msg_1", "cntr_1")


def test_thinking_is_held_until_it_shows_what_it_led_to() -> None:
    """Thinking before text leaves with the text; thinking before a call leaves with its ruling, unchanged."""
    codec = anthropic.stream()
    assert codec.feed(BEGIN + _thinking(0, "x")).forward == BEGIN
    assert codec.feed(_text(1, "a")).forward == _thinking(0, "x") + _text(1, "a")
    assert codec.feed(_thinking(2, "y") + _tool(3, "t1")).forward == b""
    assert codec.rule(0, Refused("no")).forward.startswith(_thinking(2, "y"))


@pytest.mark.parametrize(
    ("rulings", "types", "reason"),
    [
        ((Released(), Released()), ["thinking", "tool_use", "tool_use"], "tool_use"),
        ((Refused("no"), Released()), ["thinking", "text", "tool_use"], "tool_use"),
        ((Released(), Refused("no")), ["thinking", "tool_use", "text"], "tool_use"),
        ((Refused("no"), Refused("nor")), ["thinking", "text", "text"], "end_turn"),
    ],
)
def test_the_sdk_reads_the_ruled_stream(rulings: tuple[Ruling, ...], types: list[str], reason: str) -> None:
    """The real SDK puts the ruled stream together as the folded answer says."""
    raw = BEGIN + PING + _thinking(0, "x") + _tool(1, "t1", '{"a":1}') + _tool(2, "t2") + _summary() + STOP
    ruled = _play(raw, *rulings)
    message = _as_the_sdk_reads(ruled)
    assert [block.type for block in message.content] == types
    assert message.stop_reason == reason
    folded = orjson.loads(anthropic.answer_of(ruled))
    assert [block["type"] for block in folded["content"]] == types
    assert folded["stop_reason"] == reason
    again = _as_the_sdk_reads(anthropic.stream_of(anthropic.answer_of(ruled)))
    assert again.content == message.content


def test_a_stop_reason_that_is_no_call_stays() -> None:
    """Only `tool_use` becomes `end_turn` when every call was refused."""
    ruled = _play(BEGIN + _tool(0, "t1") + _summary("max_tokens") + STOP, Refused("no"))
    assert b'"stop_reason":"max_tokens"' in ruled


def test_the_refusal_of_a_frame_without_a_place_follows_at_the_end() -> None:
    """An unknown event that is refused is gone, and a text block says so before the end."""
    ruled = _play(
        BEGIN + _text(0, "a") + _event({"type": "odd", "x": 1}) + _summary("end_turn") + STOP, Refused("no")
    )
    assert b"odd" not in ruled
    assert [block.type for block in _as_the_sdk_reads(ruled).content] == ["text", "text"]


@pytest.mark.parametrize("index", [0, 1])
def test_a_delta_that_no_table_knows_waits(index: int) -> None:
    """In a text it waits by itself, in a call the whole call becomes unknown."""
    blocks = [_start(0, {"type": "text", "text": ""}), _start(1, {"type": "tool_use", "id": "t", "name": "Bash"})]
    codec = anthropic.stream()
    step = codec.feed(BEGIN + b"".join(blocks) + _delta(index, {"type": "odd_delta", "x": "MARKER"}) + _stop(1))
    assert "unknown:odd_delta" in [pending.call.name for pending in step.calls]
    assert b"MARKER" not in step.forward


def _bad() -> Iterator[tuple[str, bytes]]:
    use: dict[str, object] = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
    yield "event before the message", _text(0, "a")
    yield "second message", BEGIN + BEGIN
    yield "message with content", _event({"type": "message_start", "message": {**MESSAGE, "content": [use]}})
    yield "index used twice", BEGIN + _text(0, "a") + _text(0, "b")
    yield "index leaves a gap", BEGIN + _text(1, "a")
    yield "call id used twice", BEGIN + _tool(0, "t1") + _tool(1, "t1")
    yield "call without id", BEGIN + _tool(0, "")
    yield "delta of no block", BEGIN + _json(0, "{}")
    yield "delta after its block", BEGIN + _tool(0, "t1") + _json(0, "{}")
    yield "delta of another kind", BEGIN + _start(0, {"type": "text", "text": ""}) + _json(0, "{}")
    yield "input twice", BEGIN + _start(0, {**use, "input": {"a": 1}}) + _json(0, "{}") + _stop(0)
    yield "input no text", BEGIN + _start(0, use) + _delta(0, {"type": "input_json_delta", "partial_json": 1})
    yield "end within a block", BEGIN + _start(0, use) + _summary()
    yield "end without summary", BEGIN + STOP
    yield "second end", BEGIN + _summary() + STOP + STOP
    yield "block after the summary", BEGIN + _summary() + _text(0, "a")
    yield "name and type differ", _event({"type": "message_start", "message": MESSAGE}, "message_stop")
    yield "no type", b"event: ping\ndata: {}\n\n"
    yield "event without data", b"event: ping\n\n"
    yield "two data lines", b'event: ping\ndata: {"type":\ndata: "ping"}\n\n'
    yield "key twice", b'event: ping\ndata: {"type":"error","type":"ping"}\n\n'
    yield "no JSON", b"event: ping\ndata: ping\n\n"
    yield "block without type", BEGIN + _start(0, {})
    yield "delta without type", BEGIN + _start(0, use) + _delta(0, {})
    yield "toolset no text", BEGIN + _start(0, {**use, "toolset_name": 1}) + _stop(0)


@pytest.mark.parametrize("raw", [raw for _, raw in _bad()], ids=[name for name, _ in _bad()])
def test_a_malformed_stream_is_refused(raw: bytes) -> None:
    """What the SDKs would read differently, or not at all, ends the answer in one error."""
    codec = anthropic.stream()
    with pytest.raises(ProtocolError) as caught:
        codec.feed(raw)
    assert caught.value.side == "upstream"


def test_an_error_of_the_provider_ends_the_answer() -> None:
    """It passes as it is; once a call is held it might quote it, so ours takes its place."""
    error = _event({"type": "error", "error": {"type": "overloaded_error", "message": "MARKER"}})
    codec = anthropic.stream()
    step = codec.feed(BEGIN + _thinking(0, "x") + error)
    assert (step.forward, step.done) == (BEGIN + _thinking(0, "x") + error, True)
    codec = anthropic.stream()
    step = codec.feed(BEGIN + _tool(0, "t1") + error)
    assert (step.done, b"MARKER" in step.forward, step.forward.count(b"event: error")) == (True, False, 1)


def test_a_slot_is_ruled_once() -> None:
    """A second ruling, or one for a call that is not there, is our own mistake."""
    codec = anthropic.stream()
    codec.feed(BEGIN + _tool(0, "t1"))
    codec.rule(0, Released())
    for slot in (0, 1, -1):
        with pytest.raises(ValueError, match="slot"):
            codec.rule(slot, Released())


def test_files_of_hosted_tools_are_issued() -> None:
    """A file that a hosted tool made may be named by the client later; what it was asked with may not."""
    result = {
        "type": "code_execution_tool_result",
        "content": {"content": [{"file_id": "file_1"}]},
        "input": {"file_id": "no"},
    }
    codec = anthropic.stream()
    codec.feed(BEGIN + _start(0, result) + _stop(0))
    assert codec.issued == ("msg_1", "file_1")


def test_an_unknown_block_of_an_answer_waits() -> None:
    """In a whole answer too, a block that no table knows is a call."""
    message = {**MESSAGE, "content": [{"type": "odd", "x": 1}, {"type": "text", "text": "a"}]}
    body = orjson.dumps(message)
    (pending,) = anthropic.read_answer(body).calls
    assert (pending.call.name, pending.call.arguments) == ("unknown:odd", b'{"type":"odd","x":1}')
    ruled = orjson.loads(anthropic.rule_answer(body, {0: Refused("no")}))
    assert ruled["content"][0] == {"type": "text", "text": "no"}
    doubled = {**MESSAGE, "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}] * 2}
    with pytest.raises(ProtocolError):
        anthropic.read_answer(orjson.dumps(doubled))


def test_keep_alives_suit_the_client() -> None:
    """Claude Code gets a ping, clients that skip comments a comment (CLIENTS.md)."""
    codec = anthropic.stream()
    assert codec.keepalive("claude-code") == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert codec.keepalive("opencode").startswith(b":")


def test_errors_have_the_shape_of_the_dialect() -> None:
    """Every error object carries the dialect's type and our code."""
    assert orjson.loads(anthropic.error(403, "denied", "no")) == {
        "type": "error",
        "error": {"type": "permission_error", "message": "no", "code": "denied"},
    }


def test_a_refusal_is_a_whole_answer() -> None:
    """A request that was refused before it was sent gets an answer that says so, streamed or not."""
    value: dict[str, object] = {"model": "m", "messages": []}
    request = anthropic.read_request(orjson.dumps(value), value, {}, "")
    answer = anthropic.refusal(request, "not allowed")
    assert anthropic.read_answer(answer).calls == ()
    content = _as_the_sdk_reads(anthropic.stream_of(answer)).content
    assert [block.model_dump()["text"] for block in content] == ["not allowed"]


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"type":"message"}', b'{"type":"message","content":[1]}', b'{"type":"message","content":[{}]}'],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    """A whole answer of another shape is the provider's error."""
    with pytest.raises(ProtocolError) as caught:
        anthropic.read_answer(body)
    assert caught.value.side == "upstream"


def test_every_call_of_an_answer_needs_a_ruling() -> None:
    """A call that nobody ruled on never leaves."""
    answer = anthropic.answer_of(BEGIN + _tool(0, "t1") + _summary() + STOP)
    with pytest.raises(ValueError, match="no ruling"):
        anthropic.rule_answer(answer, {})


@pytest.mark.parametrize("raw", [BEGIN, BEGIN + _event({"type": "error", "error": {}})])
def test_a_stream_without_its_end_is_not_folded(raw: bytes) -> None:
    """Only a complete stream becomes an answer."""
    with pytest.raises(ProtocolError) as caught:
        anthropic.answer_of(raw)
    assert caught.value.code == "stream_truncated"
