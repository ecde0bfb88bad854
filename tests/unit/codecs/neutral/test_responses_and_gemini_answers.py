"""Answers of Responses and Gemini that the stored streams do not show: odd ones, and some that contradict."""

import json

import pytest

from firewall.codecs.neutral import registry
from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Failure,
    Fault,
    RefusalDelta,
    Stop,
    ThinkingDelta,
    ThinkingSealed,
)
from firewall.codecs.neutral.form import (
    Text,
    Thinking,
)
from firewall.core.call import CallForm
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError
from tests.support.translated import asked

RESPONSES, GEMINI = Dialect.OPENAI_RESPONSES, Dialect.GEMINI
Json = dict[str, object]


def _events(dialect: Dialect, *frames: object) -> list[Event]:
    raw = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    reading = registry.reader(dialect).stream(seed="s")
    return [*reading.feed(raw), *reading.close()]


CREATED: Json = {"type": "response.created", "response": {"id": "resp_1", "model": "m"}}


def _item(kind: str, place: int, **fields: object) -> Json:
    return {"type": f"response.output_item.{kind}", "output_index": place, "item": fields}


@pytest.mark.parametrize(
    "frames",
    [
        [{"no": "type"}],
        [{"type": "response.output_text.delta", "output_index": 0, "delta": "x"}],
        [CREATED, {"type": "response.output_text.delta", "output_index": -1, "delta": "x"}],
        [CREATED, {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "x"}],
        [CREATED, _item("added", 0, type="message"), _item("done", 0), _item("done", 0)],
        [
            CREATED,
            _item("added", 0, type="function_call", name="f", call_id="c"),
            _item("added", 0, type="function_call", name="f", call_id="c"),
        ],
        [CREATED, _item("added", 0, type="web_search_call")],
        [CREATED, _item("done", 0, type="web_search_call")],
        [CREATED, _item("done", 0, type="function_call", name="", call_id="c", arguments="{}")],
        [CREATED, _item("done", 0, type="function_call", name="f", call_id="c", arguments="{}", namespace="n")],
        [
            CREATED,
            _item("done", 0, type="function_call", name="f", call_id="c", arguments="{}"),
            _item("done", 1, type="function_call", name="f", call_id="c", arguments="{}"),
        ],
        [
            CREATED,
            _item("done", 0, type="function_call", name="f", call_id="c", arguments="{}"),
            {
                "type": "response.completed",
                "response": {
                    "output": [{"type": "function_call", "name": "g", "call_id": "d", "arguments": "{}"}],
                },
            },
        ],
        [CREATED, _item("done", 0, type="message", content="x")],
        [CREATED, _item("done", 0, type="message", content=[{"type": "output_audio"}])],
        [CREATED, {"type": "response.completed", "response": []}],
    ],
)
def test_streams_of_responses_that_contradict_themselves_are_refused(frames: list[Json]) -> None:
    """Nothing is guessed where two readers could understand two things."""
    with pytest.raises(ProtocolError) as refused:
        _events(RESPONSES, *frames)
    assert refused.value.side == "upstream"


def test_a_response_that_streams_nothing_but_its_end_is_read_whole() -> None:
    """Thoughts in their paragraphs, refusals, both kinds of calls; what was cut off is left out."""
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"text": "a"}, {"text": "b"}]},
        {
            "type": "message",
            "content": [{"type": "refusal", "refusal": "no"}, {"type": "output_text", "text": ""}],
        },
        {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": ""},
        {
            "type": "function_call",
            "call_id": "c2",
            "name": "g",
            "arguments": "{",
            "namespace": "functions",
            "status": "incomplete",
        },
    ]
    response = {"output": output, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    assert _events(RESPONSES, CREATED, {"type": "response.incomplete", "response": response})[1:] == [
        ThinkingDelta("a\n\nb"),
        ThinkingSealed(""),
        RefusalDelta("no"),
        CallBegun(2, "c1", "f", CallForm.TEXT),
        CallEnded(2),
        Ended(Stop.REFUSAL),
    ]
    whole = registry.reader(RESPONSES).read_answer(json.dumps({"id": "r", **response}).encode(), seed="s")
    assert (len(whole.parts), whole.stop) == (3, Stop.REFUSAL)


def test_thoughts_in_several_parts_are_kept_apart() -> None:
    """A part that is added after words begins a paragraph; events that nobody knows say nothing."""
    spot = {"output_index": 0}
    frames = [
        CREATED,
        {"type": "response.new.kind"},
        {"type": "response.reasoning_summary_part.added", "summary_index": 0, **spot},
        {"type": "response.reasoning_summary_text.delta", "delta": "a", **spot},
        {"type": "response.reasoning_summary_text.delta", "delta": "", **spot},
        {"type": "response.reasoning_summary_part.added", "summary_index": 1, **spot},
        {"type": "response.reasoning_summary_text.delta", "delta": "b", **spot},
        {"type": "response.in_progress", "response": {}},
        {"type": "response.failed", "response": {"error": None}},
        {"type": "response.created", "response": {}},
    ]
    events = _events(RESPONSES, *frames)
    assert events[1:4] == [ThinkingDelta("a"), ThinkingDelta("\n\n"), ThinkingDelta("b")]
    assert isinstance(events[4], Failure)
    assert len(events) == 5


@pytest.mark.parametrize(
    "body",
    [
        b'{"output": {}}',
        b'{"output": [], "status": "failed"}',
        b'{"output": [1]}',
        b'{"id": 1, "output": []}',
        b'{"output": [{"type": "code_interpreter_call"}]}',
    ],
)
def test_what_is_no_response_is_refused(body: bytes) -> None:
    """So is one that failed, whatever its status was."""
    with pytest.raises(ProtocolError):
        registry.reader(RESPONSES).read_answer(body, seed="s")


def _said(text: str, **more: object) -> Json:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}]}


def _called(identity: str) -> Json:
    return {"candidates": [{"content": {"parts": [{"functionCall": {"id": identity, "name": "f"}}]}}]}


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}], "answer_malformed"),
        ([_said("a", finishReason="STOP"), _said("late")], "stream_malformed"),
        ([{"responseId": 1, "candidates": []}], "stream_malformed"),
        ([_called("c"), _called("c")], "stream_inconsistent"),
    ],
)
def test_streams_of_gemini_that_are_no_answer_are_refused(frames: list[Json], code: str) -> None:
    """A model that got no answer together is an error, no end."""
    with pytest.raises(ProtocolError) as refused:
        _events(GEMINI, *frames)
    assert refused.value.code == code


def test_a_stream_of_gemini_in_another_format_is_refused() -> None:
    """An array of objects is what the API sends without `alt=sse`."""
    with pytest.raises(ProtocolError, match="another format"):
        list(registry.reader(GEMINI).stream(seed="s").feed(b'[{"candidates": []}]'))


def test_thoughts_and_their_seal_are_one_in_a_whole_answer_of_gemini() -> None:
    """Neighbouring texts are one text; an empty part with a signature seals what stood before."""
    parts = [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "x"},
        {"text": "y"},
        {"text": "", "thoughtSignature": "c2ln"},
    ]
    body = json.dumps({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}).encode()
    answer = registry.reader(GEMINI).read_answer(body, seed="s")
    assert answer.parts == (Thinking("ab", "c2ln"), Text("xy"), Thinking("", "c2ln"))
    for broken in (b"{}", b'{"candidates": [{"content": {}}]}'):
        with pytest.raises(ProtocolError):
            registry.reader(GEMINI).read_answer(broken, seed="s")


@pytest.mark.parametrize("dialect", [RESPONSES, GEMINI])
def test_a_failure_before_anything_was_said_is_one_event(dialect: Dialect) -> None:
    """With our code in it."""
    writing = registry.writer(dialect).stream(asked(dialect, Dialect.ANTHROPIC))
    assert b"rate_limited" in writing.write(Failure(Fault.RATE, "slow", 429))


def test_a_search_for_tools_is_called_back_as_one() -> None:
    """Codex declared it by a type of its own: it gets a call of that type, whatever the provider said."""
    writing = registry.writer(RESPONSES).stream(asked(RESPONSES, Dialect.ANTHROPIC, "search_for_tools"))
    said = [Begun("a", "m"), CallBegun(0, "c", "tool_search"), CallDelta(0, '{"query": "mail"}'), CallEnded(0)]
    raw = b"".join(writing.write(one) for one in said)
    assert raw.count(b'"type":"tool_search_call"') == 2
    assert b'"arguments":{"query":"mail"}' in raw
    broken = b"".join(
        writing.write(one) for one in (CallBegun(1, "d", "tool_search"), CallDelta(1, "{"), CallEnded(1))
    )
    assert b'"arguments":"{"' in broken
