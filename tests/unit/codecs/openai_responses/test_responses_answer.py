"""Whole Responses answers, error objects, and both forms into each other."""

import json

import pytest

from firewall.codecs.interface import ModelRequest, Refused, Released
from firewall.codecs.openai_responses import (
    answer_of,
    error,
    read_answer,
    refusal,
    rule_answer,
    stream,
    stream_of,
)
from firewall.core.errors import ProtocolError
from tests.support.stream_play import case, events, play, shape

CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
REASONING = {"type": "reasoning", "id": "rs_0", "summary": []}
LOCAL = {"type": "local_shell_call", "id": "l", "call_id": "c2", "action": {"type": "exec", "command": ["ls"]}}


def answer(*output: object, **fields: object) -> bytes:
    """Return a whole answer as the API prints it, on many lines."""
    value = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "n": 1.0,
        "output": list(output),
        **fields,
    }
    return json.dumps(value, indent=2).encode()


def test_calls_are_found_with_their_places_and_exact_bytes() -> None:
    """Slots are places in the output; arguments are the bytes as they stand there."""
    body = answer(REASONING, CALL, LOCAL, usage={"input_tokens": 3, "output_tokens": True})
    found = read_answer(body)
    assert [(one.slot, one.call.name) for one in found.calls] == [(1, "f"), (2, "local_shell")]
    assert found.calls[0].call.arguments == b'{"a": 1}'
    assert found.calls[1].call.arguments in body
    assert b"\n" in found.calls[1].call.arguments
    assert (found.usage.input_tokens, found.usage.output_tokens, found.issued) == (3, 0, ("resp_1",))


def test_refused_calls_give_way_in_place() -> None:
    """A refused call becomes a message, its reasoning goes, everything else keeps its bytes."""
    body = answer(REASONING, CALL, LOCAL)
    ruled = rule_answer(body, {1: Refused("no"), 2: Released()})
    value = json.loads(ruled)
    assert [item["type"] for item in value["output"]] == ["message", "local_shell_call"]
    assert value["output"][0]["content"][0]["text"] == "no"
    assert value["status"] == "completed"
    assert b'"n": 1.0' in ruled
    assert json.dumps(LOCAL["action"], indent=2).encode()[:20].strip(b" {\n") in ruled


def test_a_call_without_ruling_does_not_leave() -> None:
    """A ruling that is missing is a refusal."""
    assert read_answer(rule_answer(answer(CALL, LOCAL), {0: Released()})).calls[0].call.id == "c1"
    assert read_answer(rule_answer(answer(CALL), {})).calls == ()
    body = answer(CALL)
    assert rule_answer(body, {0: Released()}) is body


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"output":{}}',
        b'{"output":["x"]}',
        b'{"output":[],"output":[]}',
        answer(CALL, CALL),
        answer({**CALL, "arguments": {}}),
        answer({**CALL, "name": None}),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    """Bytes that are no readable Responses object are an upstream fault."""
    with pytest.raises(ProtocolError) as caught:
        read_answer(body)
    assert caught.value.side == "upstream"


def test_printed_answers_unfold_into_one_line_frames() -> None:
    """An answer on many lines becomes frames with one data line each, and asks for the same."""
    streamed = stream_of(answer(REASONING, CALL, LOCAL))
    assert all(len(block.split(b"\n")) == 2 for block in streamed.strip().split(b"\n\n"))
    found = events(streamed)
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    calls = play(case("openai_responses", "text").codec, [streamed]).calls
    assert [one[:2] for one in calls] == [("c1", "f"), ("c2", "local_shell")]


def test_status_decides_the_terminal_event() -> None:
    """Incomplete and failed answers end as such."""
    for status in ("completed", "incomplete", "failed"):
        assert events(stream_of(answer(status=status)))[-1]["type"] == f"response.{status}"


def test_parts_that_are_not_calls_unfold_too() -> None:
    """Summaries, refusals and texts come back from the stream as they were."""
    text = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}
    said = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [text, {"type": "refusal", "refusal": "no"}],
    }
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    custom = {"type": "custom_tool_call", "id": "x", "call_id": "c9", "name": "exec", "input": "1"}
    body = answer(thought, said, custom)
    streamed = stream_of(body)
    assert json.loads(answer_of(streamed)) == json.loads(body)
    names = [one["type"] for one in events(streamed)]
    for name in (
        "response.reasoning_summary_text.delta",
        "response.refusal.done",
        "response.custom_tool_call_input.done",
    ):
        assert name in names


def test_folding_takes_items_where_the_end_leaves_them_out() -> None:
    """A terminal event without output is completed from the finished items."""
    raw = case("openai_responses", "reasoning_then_call").raw
    *head, last = raw.strip().split(b"\n\n")
    value = json.loads(last.split(b"data: ")[1])
    value["response"]["output"] = []
    bare = b"\n\n".join([*head, b"data: " + json.dumps(value).encode()]) + b"\n\n"
    assert stream().feed(bare).calls
    calls = read_answer(answer_of(bare)).calls
    assert [shape(one) for one in calls] == list(case("openai_responses", "reasoning_then_call").calls)


def test_folding_errors() -> None:
    """An `error` event folds into the error object; a stream without an end into nothing."""
    assert json.loads(answer_of(case("openai_responses", "error").raw))["error"]["code"] == "server_error"
    with pytest.raises(ProtocolError):
        answer_of(case("openai_responses", "truncated_mid_call").raw)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (418, "invalid_request_error"),
        (503, "server_error"),
    ],
)
def test_errors_carry_code_and_type(status: int, kind: str) -> None:
    """Every error object has OpenAI's shape and our stable code."""
    assert json.loads(error(status, "some_code", "words")) == {
        "error": {"message": "words", "type": kind, "param": None, "code": "some_code"}
    }


def test_refusal_is_an_answer_of_its_own() -> None:
    """A refused request gets the same well-formed answer each time it is asked."""
    request = ModelRequest(model="gpt-5.5", stream=True, body=b"{}", identity={})
    whole = json.loads(refusal(request, "no"))
    assert (whole["model"], whole["status"], whole["output"][0]["content"][0]["text"]) == (
        "gpt-5.5",
        "completed",
        "no",
    )
    assert refusal(request, "no") == refusal(request, "no") != refusal(request, "never")
    assert play(case("openai_responses", "text").codec, [stream_of(refusal(request, "no"))]).done
