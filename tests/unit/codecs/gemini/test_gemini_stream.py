"""Streamed Gemini answers: whole frames, signatures, both spellings, ends and errors."""

import json

import pytest

from firewall.codecs.gemini import stream
from firewall.codecs.gemini.tables import SKIP_SIGNATURE
from firewall.codecs.interface import Refused, Released
from firewall.core.errors import ProtocolError
from tests.support.stream_play import MARK, Case, case, cases, events, play


def raw(name: str) -> bytes:
    """Return a stored stream."""
    return case("gemini", name).raw


def chunk(*parts: dict, finish: str = "", **fields: object) -> bytes:
    """Return one frame with one candidate."""
    candidate = {"content": {"parts": list(parts), "role": "model"}, **fields}
    if finish:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"


def call(name: str = "rm", **fields: object) -> dict:
    """Return a part with a call."""
    return {"functionCall": {"name": name, "args": {"p": "SECRET"}}, **fields}


def parts(forward: bytes) -> list[dict]:
    """Return all parts of a stream."""
    return [
        part
        for event in events(forward)
        for candidate in event.get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
    ]


def refuse(*slots: int) -> object:
    """Return a decision that refuses these slots."""
    return lambda slot: Refused("no") if slot in slots else Released()


def test_refused_call_becomes_a_text_and_its_thoughts_go() -> None:
    """A text stands in the call's place, without thoughts or signature; the rest of the answer is as it was."""
    played = play(case("gemini", "thoughts_then_call").codec, [raw("thoughts_then_call")], refuse(0))
    assert parts(played.forward) == [{"text": "I will list."}, {"text": ""}, {"text": "no"}, {"text": ""}]
    last = events(played.forward)[-1]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"]["promptTokenCount"] == 120
    assert MARK not in played.forward


def test_signature_stays_with_its_part_and_a_lost_one_is_marked_as_such() -> None:
    """When the signed first call is refused, the next one that leaves says that its signature is not there."""
    codec, data = case("gemini", "parallel_calls").codec, raw("parallel_calls")
    lost = parts(play(codec, [data], refuse(0)).forward)
    assert [part.get("thoughtSignature") for part in lost if "functionCall" in part] == [SKIP_SIGNATURE, None]
    both = parts(play(codec, [data], refuse(0, 1)).forward)
    assert [part.get("thoughtSignature") for part in both if "functionCall" in part] == [SKIP_SIGNATURE]
    kept = parts(play(codec, [data], refuse(1)).forward)
    assert [part.get("thoughtSignature") for part in kept if "functionCall" in part] == ["U0VDUkVU", None]


def test_signed_calls_need_no_mark() -> None:
    """Calls that are signed each keep their own signature."""
    data = chunk(call(thoughtSignature="YQ=="), call(thoughtSignature="Yg=="), finish="STOP")
    played = play(case("gemini", "text").codec, [data], refuse(0))
    assert parts(played.forward)[1]["thoughtSignature"] == "Yg=="


def test_candidates_are_held_apart_and_leave_together() -> None:
    """A frame that holds one candidate's text and another's call waits whole."""
    codec = stream()
    step = codec.feed(raw("two_candidates"))
    assert step.forward == b""
    assert codec.rule(0, Released()).forward == raw("two_candidates")


def test_thoughts_wait_until_something_follows() -> None:
    """Thoughts leave with the text they led to, and at the end when nothing followed."""
    thought = chunk({"text": "hm", "thought": True})
    codec = stream()
    assert codec.feed(thought).forward == b""
    assert codec.feed(chunk({"text": ""})).forward == b""
    text = chunk({"text": "so"}, finish="STOP")
    assert codec.feed(text).forward == thought + chunk({"text": ""}) + text
    codec = stream()
    end = chunk({"text": ""}, finish="MAX_TOKENS")
    assert codec.feed(thought + end).forward == thought + end


def test_answer_is_complete_when_every_candidate_finished() -> None:
    """Only with all finish reasons is the provider's close an end; pending calls may still be ruled then."""
    codec = stream()
    codec.feed(raw("thoughts_then_call"))
    step = codec.close()
    assert (step.forward, step.done) == (b"", False)
    last = codec.rule(0, Released())
    assert last.done
    assert MARK in last.forward
    codec = stream()
    codec.feed(chunk({"text": "x"}))
    (error,) = events(codec.close().forward)
    assert error["error"]["details"][0]["reason"] == "stream_truncated"


def test_stream_without_anything_is_broken_off() -> None:
    """An empty stream is no answer."""
    assert b"stream_truncated" in stream().close().forward


def test_bytes_after_the_last_frame_are_a_broken_off_stream() -> None:
    """A frame that was begun and not ended makes the answer incomplete."""
    codec = stream()
    codec.feed(raw("text") + b'data: {"candidates"')
    assert b"stream_truncated" in codec.close().forward


def test_errors_of_the_provider_end_the_answer() -> None:
    """An error object is forwarded, what is held is dropped, and nothing may follow."""
    codec = stream()
    step = codec.feed(chunk(call()))
    assert step.calls
    error = b'data: {"error":{"code":503}}\r\n\r\n'
    end = codec.feed(error)
    assert (end.forward, end.done) == (error, True)
    assert codec.rule(0, Released()).forward == b""
    with pytest.raises(ProtocolError):
        codec.feed(chunk({"text": "more"}))


def test_keepalive_is_a_bare_line_feed() -> None:
    """Never a comment, never an event; nothing after the end."""
    codec = stream()
    assert {codec.keepalive(client) for client in ("gemini-cli", "codex", "opencode", "other")} == {b"\n"}
    (error,) = events(codec.abort("some_code", "words"))
    assert error["error"]["message"] == "words"
    assert codec.keepalive("gemini-cli") == codec.abort("again", "again") == b""
    assert codec.close().done
    assert codec.issued == ()


def test_streams_of_another_format_are_refused() -> None:
    """A JSON array, as the API streams without `alt=sse`, is not read frame by frame."""
    for start in (b"[{", b' \n[{"candidates"', b"{}"):
        with pytest.raises(ProtocolError) as caught:
            stream().feed(start)
        assert caught.value.code == "stream_format_unsupported"


def test_bad_end_of_a_stream_is_an_error_at_close() -> None:
    """A fault that shows only at the end still ends the answer well."""
    codec = stream()
    codec.feed(b"data: {broken\r\n\r")
    step = codec.close()
    assert step.done
    assert b"upstream_json_invalid" in step.forward


@pytest.mark.parametrize(
    "data",
    [
        b"data: {broken\n\n",
        b'data:{"a":\ndata: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"a"}}]}}]}\ndata:}\n\n',
        b'data: {"candidates":[{"content":[{"functionCall":{"name":"a","args":{"x":1}}}]}]}\n\n',
        b'data: {"candidates":[],"candidates":[]}\n\n',
        b"data: []\n\n",
        b"event: done\ndata: {}\n\n",
        b'data: {"error":null}\n\n',
        b'data: {"error":{"code":500},"candidates":[{"content":{"parts":[{"functionCall":{"name":"a"}}]}}]}\n\n',
        b'data: {"candidates":{}}\n\n',
        b'data: {"candidates":["x"]}\n\n',
        b'data: {"candidates":[{"index":"0"}]}\n\n',
        b'data: {"candidates":[{"index":0},{}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":{}}}]}\n\n',
        b'data: {"candidates":[{"content":"x"}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":["x"]}}]}\n\n',
        b'data: {"candidates":[{"finishReason":"STOP","finish_reason":"STOP"}]}\n\n',
        b'data: {"automaticFunctionCallingHistory":[{"parts":[]}]}\n\n',
        chunk({"functionCall": {"name": "a"}, "function_call": {"name": "b"}}),
        chunk({"functionCall": {"name": "a"}, "text": "b"}),
        chunk({"text": "a", "inlineData": {}}),
        chunk({"functionCall": "a"}),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": 3}}),
        chunk({"functionCall": {"name": "a", "args": "x"}}),
        chunk({"functionCall": {"name": "a", "args": []}}),
        chunk({"functionCall": {"name": "a", "id": 3}}),
        chunk({"functionCall": {"name": "a", "willContinue": True}}),
        chunk({"functionCall": {"name": "a", "partial_args": [{"jsonPath": "$.x"}]}}),
        chunk({"functionCall": {"name": "a", "id": "1"}}, {"functionCall": {"name": "b", "id": "1"}}),
        chunk({"functionCall": {"name": "a", "id": "1"}}) + chunk({"functionCall": {"name": "b", "id": "1"}}),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes) -> None:
    """Malformed, doubled or in two spellings: an upstream fault."""
    with pytest.raises(ProtocolError) as caught:
        stream().feed(data)
    assert (caught.value.side, caught.value.status) == ("upstream", 502)


def test_parts_that_nobody_runs_pass() -> None:
    """Empty parts, media, files and the provider's own calls pass; null fields are not there."""
    data = chunk(
        {},
        {"text": "", "functionCall": None},
        {"inlineData": {"mimeType": "image/png", "data": ""}},
        {"fileData": {"fileUri": "files/a"}},
        {"toolCall": {"id": "1"}},
        {"thoughtSignature": "YQ=="},
        {"text": "x", "videoMetadata": {}},
    )
    step = stream().feed(data)
    assert (step.forward, step.calls) == (data, ())


def test_responses_of_functions_in_an_answer_are_unknown() -> None:
    """A model does not answer calls: such a part is held under its kind."""
    (found,) = stream().feed(chunk({"functionResponse": {"name": "f"}})).calls
    assert found.call.name == "unknown:functionResponse"


@pytest.mark.parametrize("one", cases("gemini"), ids=str)
def test_stored_streams_are_read_as_they_say(one: Case) -> None:
    """Each stored stream brings up its calls and counts; one that is complete leaves as it came."""
    played = play(one.codec, [one.raw])
    assert played.calls == one.calls
    assert (played.forward == one.raw) == (one.ends == "complete")


def test_usage_is_the_last_one_said() -> None:
    """Counts come with every frame; the newest is right, and none is zero."""
    codec = stream()
    assert codec.usage.input_tokens == 0
    codec.feed(b'data: {"usage_metadata":{"promptTokenCount":3}}\n\n')
    codec.feed(b'data: {"usageMetadata":{"promptTokenCount":4,"toolUsePromptTokenCount":1}}\n\n')
    assert codec.usage.input_tokens == 5


def test_feedback_without_a_block_is_no_end() -> None:
    """Only a blocked prompt is an answer without candidates."""
    codec = stream()
    codec.feed(b'data: {"promptFeedback":{"safetyRatings":[]}}\n\n')
    assert b"stream_truncated" in codec.close().forward


def test_comments_after_an_error_say_nothing() -> None:
    """A blank line or comment after the provider's error is dropped; late rulings find nothing."""
    codec = stream()
    codec.feed(raw("error"))
    step = codec.feed(b"\r\n: bye\r\n\r\n")
    assert (step.forward, step.done) == (b"", True)


def test_a_slot_is_ruled_once() -> None:
    """Ruling on what does not wait is a fault of ours and says so."""
    codec = stream()
    codec.feed(raw("parallel_calls"))
    codec.rule(0, Released())
    with pytest.raises(KeyError):
        codec.rule(0, Released())
