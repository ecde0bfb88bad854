"""One streamed chat completion."""

from collections.abc import Iterator

import httpx2
import openai as sdk
import orjson
import pytest
from openai.types.chat import ParsedChatCompletion

from firewall.codecs import openai_chat
from firewall.codecs.interface import Refused, Released, Ruling, Usage
from firewall.core.errors import ProtocolError

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
DONE = b"data: [DONE]\n\n"


def _chunk(*choices: dict[str, object], **more: object) -> bytes:
    return b"data: %s\n\n" % orjson.dumps({**HEAD, "choices": list(choices), **more})


def _say(delta: dict[str, object], finish: str | None = None, index: int = 0) -> bytes:
    return _chunk({"index": index, "delta": delta, "finish_reason": finish})


def _call(index: int, arguments: str, **more: object) -> bytes:
    function = {"arguments": arguments, **({"name": "bash"} if more else {})}
    return _say({"tool_calls": [{"index": index, "function": function, **more}]})


def _new(index: int, identity: str, arguments: str = "{}") -> bytes:
    return _call(index, arguments, id=identity, type="function")


ROLE = _say({"role": "assistant", "content": ""})
END = _say({}, "tool_calls")
USAGE = _chunk(usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
TWO = ROLE + _say({"content": "a"}) + _new(0, "x") + _new(1, "y", '{"a":1}') + END + USAGE + DONE


def _play(raw: bytes, *rulings: Ruling) -> bytes:
    codec = openai_chat.stream()
    out = codec.feed(raw).forward
    for slot, ruling in enumerate(rulings):
        out += codec.rule(slot, ruling).forward
    return out


def _as_the_sdk_reads(raw: bytes) -> ParsedChatCompletion[None]:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=raw)

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = sdk.OpenAI(api_key="x", base_url="http://sdk.invalid", http_client=http)
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
            return stream.get_final_completion()


def test_text_passes_what_waits_and_the_end_comes_last() -> None:
    """Calls are complete at the finish reason; text goes on meanwhile; usage and `[DONE]` follow the rulings."""
    codec = openai_chat.stream()
    step = codec.feed(ROLE + _new(0, "x", '{"a"') + _say({"content": "late"}))
    assert (step.forward, step.calls) == (ROLE + _say({"content": "late"}), ())
    step = codec.feed(_call(0, ":1}") + END + USAGE + DONE)
    assert (step.forward, [pending.call.arguments for pending in step.calls]) == (b"", [b'{"a":1}'])
    last = codec.rule(0, Released())
    assert (last.forward, last.done) == (_new(0, "x", '{"a"') + _call(0, ":1}") + END + USAGE + DONE, True)
    assert (codec.usage, codec.issued) == (Usage(3, 0, 4, is_reported=True), ("c1",))


@pytest.mark.parametrize(
    ("rulings", "ids", "content", "finish"),
    [
        ((Released(), Released()), ["x", "y"], "a", "tool_calls"),
        ((Refused("no"), Released()), ["y"], "a\n\nno", "tool_calls"),
        ((Released(), Refused("no")), ["x"], "a\n\nno", "tool_calls"),
        ((Refused("no"), Refused("nor")), [], "a\n\nno\n\nnor", "stop"),
    ],
)
def test_the_sdk_reads_the_ruled_stream(
    rulings: tuple[Ruling, ...], ids: list[str], content: str, finish: str
) -> None:
    """The real SDK puts the ruled stream together as the folded answer says, indexes without a gap."""
    ruled = _play(TWO, *rulings)
    for raw in (ruled, openai_chat.stream_of(openai_chat.answer_of(ruled))):
        choice = _as_the_sdk_reads(raw).choices[0]
        assert [call.id for call in choice.message.tool_calls or []] == ids
        assert (choice.message.content, choice.finish_reason) == (content, finish)
    whole = openai_chat.answer_of(_play(TWO, Released(), Released()))
    message = orjson.loads(openai_chat.rule_answer(whole, dict(enumerate(rulings))))["choices"][0]
    assert [call["id"] for call in message["message"].get("tool_calls", [])] == ids
    assert (message["message"]["content"], message["finish_reason"]) == (content, finish)


def test_reasoning_waits_for_what_it_led_to() -> None:
    """Before text it leaves with the text; before calls with the first released; when all are refused, never."""
    thought = _say({"reasoning_content": "MARKER"})
    codec = openai_chat.stream()
    assert codec.feed(thought).forward == b""
    assert codec.feed(_say({"content": "a"})).forward == thought + _say({"content": "a"})
    codec = openai_chat.stream()
    assert codec.feed(ROLE + thought + _new(0, "x") + _new(1, "y") + END + DONE).forward == ROLE
    assert codec.rule(0, Refused("no")).forward == b""
    assert codec.rule(1, Released()).forward.startswith(thought)
    assert b"MARKER" not in _play(ROLE + thought + _new(0, "x") + END + DONE, Refused("no"))
    assert _play(thought + _say({}, "stop") + DONE) == thought + _say({}, "stop") + DONE


def test_text_frees_reasoning_that_stands_behind_a_call() -> None:
    """Reasoning that led to text passes the call that still waits."""
    thought = _say({"reasoning": "r"})
    codec = openai_chat.stream()
    assert codec.feed(_new(0, "x") + thought).forward == b""
    assert codec.feed(_say({"content": "a"})).forward == thought + _say({"content": "a"})


def test_a_member_that_no_table_knows_waits_as_a_call() -> None:
    """It is shown with its frames; refused, it is replaced by the text and nothing of it leaves."""
    odd = _say({"run": "MARKER", "content": [{"type": "odd"}]})
    codec = openai_chat.stream()
    step = codec.feed(ROLE + odd + _say({}, "stop") + DONE)
    assert [pending.call.name for pending in step.calls] == ["unknown:run", "unknown:content"]
    assert step.calls[0].call.arguments == odd
    out = b"".join(codec.rule(slot, Refused("no")).forward for slot in (0, 1))
    assert b"MARKER" not in out
    assert b'"content":"no\\n\\nno"' in out


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        ({"type": "shell", "shell": {"command": "MARKER"}}, "unknown:shell"),
        ({"type": "function", "function": {"name": "bash", "arguments": "{}", "extra": 1}}, "unknown:extra"),
        ({"type": "function", "function": {"name": "bash", "arguments": '{"a":1,"a":2}'}}, "unknown:bash"),
        ({"type": "custom", "custom": {"name": "exec", "input": "x"}}, "exec"),
        ({"function": {"name": "bash", "arguments": ""}, "extra_content": {"google": {}}}, "bash"),
    ],
)
def test_calls_of_other_kinds(piece: dict[str, object], name: str) -> None:
    """Custom tools are read; types, members and arguments that are not plain make the call unknown."""
    codec = openai_chat.stream()
    step = codec.feed(_say({"tool_calls": [{"index": 0, "id": "x", **piece}]}) + END + DONE)
    assert [pending.call.name for pending in step.calls] == [name]


def _bad() -> Iterator[tuple[str, bytes]]:
    yield "index leaves a gap", _new(1, "x")
    yield "no index", _say({"tool_calls": [{"id": "x"}]})
    yield "call named twice", _new(0, "x") + _new(0, "x")
    yield "id changes", _new(0, "x") + _say({"tool_calls": [{"index": 0, "id": "y"}]})
    yield "type changes", _new(0, "x") + _say({"tool_calls": [{"index": 0, "type": "custom"}]})
    yield "id used twice", _new(0, "x") + _new(1, "x") + END
    yield "call without a name", _call(0, "{}") + END
    yield "arguments no text", _say({"tool_calls": [{"index": 0, "function": {"arguments": {}}}]})
    yield "function no object", _say({"function_call": "x"})
    yield "calls no list", _say({"tool_calls": {"0": 1}})
    yield "call after the end", END + _new(0, "x")
    yield "another end", END + _say({}, "stop")
    yield "end within a call", _new(0, "x") + DONE
    yield "finish no text", _chunk({"index": 0, "delta": {}, "finish_reason": 1})
    yield "chunk after the end", DONE + ROLE
    yield "second end", DONE + DONE
    yield "no choices", b"data: {}\n\n"
    yield "choice no object", b'data: {"choices":[1]}\n\n'
    yield "choice without index", b'data: {"choices":[{"delta":{}}]}\n\n'
    yield "too many choices", b'data: {"choices":[{"index":1000,"delta":{}}]}\n\n'
    yield "delta no object", b'data: {"choices":[{"index":0,"delta":1}]}\n\n'
    yield "event name", b"event: x\n" + ROLE
    for empty in (b'""', b"{}", b"0", b"false", b"[]"):
        yield "an error that SDKs do not take for one", b'data: {"error":' + empty + b',"choices":[]}\n\n'
    yield "two data lines", b'data: {"choices":\ndata: []}\n\n'
    yield "key twice", b'data: {"choices":[],"choices":[]}\n\n'
    yield "end with more", b"data: [DONE] x\n\n"


@pytest.mark.parametrize("raw", [raw for _, raw in _bad()], ids=[name for name, _ in _bad()])
def test_a_malformed_stream_is_refused(raw: bytes) -> None:
    """What the SDKs would read differently, or not at all, ends the answer in one error."""
    codec = openai_chat.stream()
    with pytest.raises(ProtocolError) as caught:
        codec.feed(raw)
    assert caught.value.side == "upstream"
    assert codec.abort("x", "y").count(b'"error"') in (0, 1)


def test_of_an_error_beside_a_choice_the_error_alone_leaves() -> None:
    """A chunk that is an error is not read for calls, so nothing else of it may pass."""
    call = (
        b'[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"MARKER"}}]}}]'
    )
    codec = openai_chat.stream()
    step = codec.feed(ROLE + b'data: {"id":"x","error":{"code":"y"},"choices":' + call + b"}\n\n")
    assert (step.forward, step.done) == (ROLE + b'data: {"error":{"code":"y"}}\n\n', True)


def test_an_error_of_the_provider_ends_the_answer() -> None:
    """It passes as it is, an end after it is dropped; once a call is held, ours takes its place."""
    error = b'data: {"error":{"message":"MARKER","code":500}}\n\n'
    codec = openai_chat.stream()
    step = codec.feed(ROLE + error + DONE)
    assert (step.forward, step.done) == (ROLE + error, True)
    codec = openai_chat.stream()
    step = codec.feed(_new(0, "x") + error)
    assert (step.done, b"MARKER" in step.forward, b"upstream_error" in step.forward) == (True, False, True)


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n"])
def test_an_end_without_its_blank_line_counts(end: bytes) -> None:
    """Some providers close the connection right after it."""
    codec = openai_chat.stream()
    codec.feed(ROLE + _say({}, "stop") + end)
    step = codec.close()
    assert (step.forward, step.done) == (DONE, True)
    codec = openai_chat.stream()
    codec.feed(_new(0, "x") + end)
    assert b'"error"' in codec.close().forward


def test_a_slot_is_ruled_once() -> None:
    """A second ruling, or one for a call that is not there, is our own mistake."""
    codec = openai_chat.stream()
    codec.feed(TWO)
    codec.rule(0, Released())
    for slot in (0, 2, -1):
        with pytest.raises(ValueError, match="slot"):
            codec.rule(slot, Released())


def test_keep_alives_and_errors_have_the_shape_of_the_dialect() -> None:
    """A comment keeps every client of this dialect waiting; errors carry our code."""
    assert openai_chat.stream().keepalive("opencode") == b": held\n\n"
    assert orjson.loads(openai_chat.error(403, "denied", "no")) == {
        "error": {"message": "no", "type": "permission_error", "param": None, "code": "denied"}
    }


def test_a_refusal_is_a_whole_answer_for_each_candidate() -> None:
    """A request that was refused before it was sent gets an answer that says so, streamed or not."""
    value: dict[str, object] = {"model": "m", "messages": [], "n": 2}
    answer = openai_chat.refusal(openai_chat.read_request(orjson.dumps(value), value, {}, ""), "not allowed")
    assert openai_chat.read_answer(answer).calls == ()
    choices = _as_the_sdk_reads(openai_chat.stream_of(answer)).choices
    assert [choice.message.content for choice in choices] == ["not allowed", "not allowed"]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"choices":[1]}',
        b'{"choices":[{"index":0}]}',
        b'{"choices":[{"index":0,"message":{}},{"index":0,"message":{}}]}',
    ],
)
def test_what_is_no_completion_is_refused(body: bytes) -> None:
    """A whole answer of another shape is the provider's error."""
    with pytest.raises(ProtocolError) as caught:
        openai_chat.read_answer(body)
    assert caught.value.side == "upstream"


def test_every_call_of_an_answer_needs_a_ruling() -> None:
    """A call that nobody ruled on never leaves."""
    with pytest.raises(ValueError, match="no ruling"):
        openai_chat.rule_answer(openai_chat.answer_of(TWO), {0: Released()})


@pytest.mark.parametrize("raw", [ROLE, ROLE + b'data: {"error":{}}\n\n'])
def test_a_stream_without_its_end_is_not_folded(raw: bytes) -> None:
    """Only a complete stream becomes an answer."""
    with pytest.raises(ProtocolError) as caught:
        openai_chat.answer_of(raw)
    assert caught.value.code == "stream_truncated"
