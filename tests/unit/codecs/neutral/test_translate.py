"""The face of translation: what a stream tells about itself, how it ends, what is given its own name back."""

import json

import orjson
import pytest

from firewall.codecs.neutral.events import Failure, Fault
from firewall.codecs.neutral.marks import marked
from firewall.codecs.neutral.translate import (
    StreamTranslation,
    Translated,
    failure_of,
    read_error,
    translate_answer,
    translate_error,
    translate_request,
)
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

LONG = "mcp__server__" + "tool_" * 14


def sent(**more: object) -> Translated:
    """Return a translated request of an Anthropic client for a Chat provider."""
    value = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    return translate_request(
        value, source=Dialect.ANTHROPIC, target=Dialect.OPENAI_CHAT, model="gpt-6-sol", provider="there", at=7
    )


def asked_by_chat(**more: object) -> Translated:
    """Return a translated request of a Chat client for an Anthropic provider."""
    value = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
    return translate_request(
        value, source=Dialect.OPENAI_CHAT, target=Dialect.ANTHROPIC, model="claude-sonnet-5", at=7
    )


def chunk(delta: object = None, **choice: object) -> bytes:
    """Return one chunk of a Chat provider."""
    value = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta or {}, **choice}]}
    return b"data: " + orjson.dumps(value) + b"\n\n"


def types(raw: bytes) -> list[str]:
    """Return the types of an Anthropic stream's events."""
    return [json.loads(line[6:])["type"] for line in raw.decode().splitlines() if line.startswith("data: ")]


def test_a_stream_tells_when_it_has_spoken_and_ended() -> None:
    """Before the first word a fall over stays invisible; after it, and after the end, it does not."""
    translation = StreamTranslation(sent().asked)
    assert types(translation.feed(chunk({"role": "assistant", "content": ""}))) == ["message_start"]
    assert (translation.has_spoken, translation.is_ended) == (False, False)
    assert types(translation.feed(chunk({"content": "a"}))) == ["content_block_start", "content_block_delta"]
    assert (translation.has_spoken, translation.is_ended) == (True, False)
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    counted = b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\n"
    assert translation.feed(chunk(finish_reason="stop") + counted) == b""
    assert (translation.usage.input_tokens, translation.usage.cache_read_tokens) == (5, 4)
    end = translation.feed(b"data: [DONE]\n\n")
    assert types(end) == ["content_block_stop", "message_delta", "message_stop"]
    assert (translation.is_ended, translation.failure, translation.close()) == (True, None, b"")


def test_a_failure_is_not_speech() -> None:
    """An error in the stream before the first word says nothing to the client that could not be taken back."""
    translation = StreamTranslation(sent().asked)
    raw = translation.feed(b'data: {"error":{"message":"busy","code":503}}\n\n')
    assert types(raw) == ["message_start", "error"]
    assert not translation.has_spoken
    assert translation.failure == Failure(Fault.OVERLOADED, "busy", 503)


def test_a_text_flows_before_the_end_of_its_frame_group() -> None:
    """Each word leaves with the chunk that brings it, and pieces of a call as they come."""
    translation = StreamTranslation(sent().asked)
    translation.feed(chunk({"content": "one"}))
    assert b'"two"' in translation.feed(chunk({"content": "two"}))
    piece = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a'}}
    assert b'{\\"a' in translation.feed(chunk({"tool_calls": [piece]}))


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_stream_that_breaks_off_is_an_error(cut: int) -> None:
    """Before the end nothing ends well: the client gets one error event, with a stable code."""
    pieces = [chunk({"content": "a"}), chunk(finish_reason="stop")]
    translation = StreamTranslation(sent().asked)
    raw = b"".join(map(translation.feed, pieces[:cut])) + translation.close()
    assert types(raw)[-1] == "error"
    assert b'"upstream_truncated"' in raw
    assert translation.failure is not None


def test_an_answer_without_a_finish_is_no_answer() -> None:
    """`[DONE]` alone is not enough: the answer may be half of one."""
    translation = StreamTranslation(sent().asked)
    assert types(translation.feed(chunk({"content": "a"}) + b"data: [DONE]\n\n"))[-1] == "error"


def test_a_tool_is_called_by_its_own_name_again() -> None:
    """A name that is too long for the provider is cut there and whole here, streamed or not."""
    there = sent(tools=[{"name": LONG, "input_schema": {"type": "object"}}])
    name = json.loads(there.body)["tools"][0]["function"]["name"]
    assert len(name) == 64
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    raw = StreamTranslation(there.asked).feed(chunk({"tool_calls": [call]}))
    assert b'"name":"%b"' % LONG.encode() in raw
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = {"id": "c", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}
    assert json.loads(translate_answer(there.asked, orjson.dumps(whole)))["content"][0]["name"] == LONG


def test_arguments_that_are_no_object_are_told_in_a_stream_and_refused_whole() -> None:
    """In a stream they pass as text, for the gate to judge as unknown; a message has no place for them."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{oops"}}
    translation = StreamTranslation(sent().asked)
    assert b'"partial_json":"{oops"' in translation.feed(chunk({"tool_calls": [call]}))
    whole = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    with pytest.raises(ProtocolError, match="no JSON object") as refused:
        translate_answer(sent().asked, orjson.dumps(whole))
    assert (refused.value.code, refused.value.status) == ("untranslatable_answer", 502)


def test_what_came_before_a_fault_leaves_with_the_error() -> None:
    """However the stream was cut, the client gets the same: the words, then one error."""
    translation = StreamTranslation(sent().asked)
    with pytest.raises(ProtocolError) as fault:
        translation.feed(chunk({"content": "a"}) + b"data: nonsense\n\n")
    raw = translation.abort(failure_of(fault.value))
    assert types(raw) == ["message_start", "content_block_start", "content_block_delta", "error"]
    assert translation.abort(failure_of(fault.value)) == b""


def test_usage_is_told_to_clients_that_did_not_ask() -> None:
    """A Chat client that asked gets a chunk of its own, any other finds it on the last chunk: money needs it."""
    start = {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    events = b"".join(b"data: %b\n\n" % orjson.dumps(one) for one in (start, end, {"type": "message_stop"}))
    asked = asked_by_chat(stream=True, stream_options={"include_usage": True})
    for told, choices in ((asked, []), (asked_by_chat(stream=True), None)):
        raw = StreamTranslation(told.asked).feed(events)
        last = json.loads(raw.split(b"data: ")[-2])
        assert last["usage"]["total_tokens"] == 5
        assert choices is None or last["choices"] == choices
        assert last["created"] == 7


def test_texts_apart_are_not_glued_together() -> None:
    """Between two texts of a message there may have been a call; in Chat they are one, with a blank line."""
    events: list[object] = [{"type": "message_start", "message": {"id": "m", "model": "c"}}]
    for index, text in enumerate(("one", None, "two")):
        block = {"type": "text", "text": ""} if text else {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        if text:
            delta = {"type": "text_delta", "text": text}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    raw = StreamTranslation(asked_by_chat().asked).feed(
        b"".join(b"data: %b\n\n" % orjson.dumps(one) for one in events)
    )
    said = [
        json.loads(line[6:])["choices"][0]["delta"].get("content") for line in raw.decode().splitlines() if line
    ]
    assert "".join(text or "" for text in said) == "one\n\ntwo"
    assert b'"arguments":"{}"' in raw


def test_errors_keep_their_status_where_dialects_agree() -> None:
    """The code is ours and stable, the words are the provider's, also where its body is no JSON."""
    status, body = translate_error(
        sent().asked, 404, b'{"error":{"message":"no such model","code":"model_not_found"}}'
    )
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
    status, body = translate_error(sent().asked, 502, b"<html>")
    assert (status, json.loads(body)["error"]["message"]) == (502, "the provider answered with status 502")
    assert read_error(Dialect.ANTHROPIC, 400, b'{"error":{"message":"prompt is too long"}}').fault is Fault.CONTEXT


def test_thoughts_go_back_to_the_server_that_they_are_from() -> None:
    """A server that thinks aloud may demand its thoughts while calls are being made; nobody else gets them."""
    events = chunk({"reasoning_content": "hm"}) + chunk({"content": "a"})
    raw = StreamTranslation(sent().asked).feed(events)
    sign = next(one for one in raw.split(b"\n") if b"signature_delta" in one)
    signature = json.loads(sign[6:])["delta"]["signature"]
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    said = [{"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]}]
    value = {"model": "m", "max_tokens": 9, "messages": [*said, {"role": "user", "content": "b"}]}

    def back(provider: str, model: str) -> tuple[bytes, tuple[str, ...]]:
        again = translate_request(
            value, source=Dialect.ANTHROPIC, target=Dialect.OPENAI_CHAT, model=model, provider=provider
        )
        return again.body, again.dropped

    assert b'"reasoning_content":"hm"' in back("there", "deepseek-v4")[0]
    for provider, model in (("other", "deepseek-v4"), ("there", "gpt-6-sol"), ("", "deepseek-v4")):
        body, dropped = back(provider, model)
        assert b"hm" not in body
        assert dropped == ("thinking",)


def test_the_bound_is_the_routes_where_the_client_gives_none() -> None:
    """Anthropic must be told one; what the client asks for goes first."""

    def bound(**more: object) -> object:
        value = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
        body = translate_request(
            value, source=Dialect.OPENAI_CHAT, target=Dialect.ANTHROPIC, model="m", max_output_tokens=64_000
        ).body
        return json.loads(body)["max_tokens"]

    assert (bound(), bound(max_tokens=5), bound(max_completion_tokens=6, max_tokens=5)) == (64_000, 5, 6)


def test_a_provider_thinks_on_where_its_own_thoughts_have_come_back() -> None:
    """Amid calls, Anthropic is asked to think only if nothing that it thought is missing; it comes first."""
    mark = marked("there", "sealed")
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}
    summary = [{"type": "summary_text", "text": "hm"}]
    thought = {"type": "reasoning", "id": "r", "summary": summary, "encrypted_content": mark}

    def asked(*items: object) -> dict[str, object]:
        history = [{"role": "user", "content": "go"}, *items, call, result]
        value = {"model": "m", "input": history, "reasoning": {"effort": "high"}, "store": False}
        sent = translate_request(
            value,
            source=Dialect.OPENAI_RESPONSES,
            target=Dialect.ANTHROPIC,
            model="claude-sonnet-5",
            provider="there",
        )
        body: dict[str, object] = json.loads(sent.body)
        body["dropped"] = sent.dropped
        return body

    kept, lost = asked(said, thought), asked(said)
    assert kept["thinking"] == {"type": "adaptive"}
    assert [block["type"] for block in kept["messages"][1]["content"]] == ["thinking", "text", "tool_use"]
    assert "thinking" not in lost
    assert lost["dropped"] == ("reasoning",)
