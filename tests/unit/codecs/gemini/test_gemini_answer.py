"""Whole Gemini answers, error objects, and both forms into each other."""

import json

import pytest

from firewall.codecs.gemini import answer_of, error, read_answer, refusal, rule_answer, stream_of
from firewall.codecs.interface import ModelRequest, Refused, Released
from firewall.core.errors import ProtocolError
from tests.support.stream_play import case, events

CALL = {"functionCall": {"name": "rm", "args": {"p": "SECRET"}}, "thoughtSignature": "YQ=="}
THOUGHT = {"text": "SECRET", "thought": True}


def answer(*parts: dict, **fields: object) -> bytes:
    """Return a whole answer as the API prints it, on many lines."""
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP", "n": 1.0}
    return json.dumps({"candidates": [candidate], **fields}, indent=2).encode()


def test_calls_are_found_with_exact_bytes() -> None:
    """Slots count the calls; arguments are the bytes as they stand there, printed lines and all."""
    body = answer(THOUGHT, CALL, {"text": "x"}, CALL)
    found = read_answer(body)
    assert [(one.slot, one.call.name) for one in found.calls] == [(0, "rm"), (1, "rm")]
    assert found.calls[0].call.arguments in body
    assert json.loads(found.calls[0].call.arguments) == {"p": "SECRET"}


def test_refused_calls_give_way_in_place() -> None:
    """A refused call becomes a text, its thoughts go, everything else keeps its bytes."""
    body = answer({"text": "first"}, THOUGHT, CALL)
    assert rule_answer(body, {0: Released()}) is body
    ruled = rule_answer(body, {0: Refused("no")})
    candidate = json.loads(ruled)["candidates"][0]
    assert candidate["content"]["parts"] == [{"text": "first"}, {"text": "no"}]
    assert candidate["finishReason"] == "STOP"
    assert b'"n": 1.0' in ruled
    assert b"SECRET" not in rule_answer(body, {})


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"error":{}}',
        b'{"candidates":[],"candidates":[]}',
        answer({"functionCall": {"name": "a", "id": "1"}}, {"functionCall": {"name": "a", "id": "1"}}),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    """Bytes that are no readable answer are an upstream fault."""
    with pytest.raises(ProtocolError) as caught:
        read_answer(body)
    assert caught.value.side == "upstream"


def test_counts_are_answers() -> None:
    """What `countTokens` answers has no calls and passes."""
    assert read_answer(b'{"totalTokens":3}').calls == ()


def test_folding_merges_texts_and_keeps_parts() -> None:
    """A folded stream reads like one answer: texts joined, calls in their bytes, last counts."""
    whole = json.loads(answer_of(case("gemini", "thoughts_then_call").raw))
    (candidate,) = whole["candidates"]
    assert [next(iter(part)) for part in candidate["content"]["parts"]] == ["text", "text", "functionCall"]
    assert (candidate["finishReason"], candidate["index"]) == ("STOP", 0)
    text = json.loads(answer_of(case("gemini", "text").raw))["candidates"][0]["content"]["parts"]
    assert text[0] == {"text": "Hello wörld 🙂"}
    two = json.loads(answer_of(case("gemini", "two_candidates").raw))["candidates"]
    assert [one["index"] for one in two] == [0, 1]


def test_folding_errors_and_nothing() -> None:
    """An error object stays one; an empty stream is none."""
    assert json.loads(answer_of(case("gemini", "error").raw))["error"]["status"] == "UNAVAILABLE"
    assert "promptFeedback" in json.loads(answer_of(case("gemini", "blocked").raw))
    with pytest.raises(ProtocolError):
        answer_of(b"\n")


def test_unfolding_is_one_frame_on_one_line() -> None:
    """An answer on many lines becomes one frame with one data line."""
    streamed = stream_of(answer(CALL))
    assert streamed.count(b"\n") == 2
    assert events(streamed) == [json.loads(answer(CALL))]


@pytest.mark.parametrize(
    ("status", "name"),
    [(403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED"), (418, "FAILED_PRECONDITION"), (599, "INTERNAL")],
)
def test_errors_carry_code_and_status(status: int, name: str) -> None:
    """Every error object has Google's shape, with our stable code as its reason."""
    value = json.loads(error(status, "some_code", "words"))["error"]
    assert (value["code"], value["status"], value["message"]) == (status, name, "words")
    assert value["details"][0]["reason"] == "some_code"


def test_refusal_is_an_answer_of_its_own() -> None:
    """A refused request gets the same well-formed answer each time it is asked."""
    request = ModelRequest(model="g", stream=True, body=b"{}", identity={})
    assert read_answer(refusal(request, "no")).calls == ()
    assert refusal(request, "no") == refusal(request, "no") != refusal(request, "never")
    assert events(stream_of(refusal(request, "no")))[0]["candidates"][0]["finishReason"] == "STOP"
