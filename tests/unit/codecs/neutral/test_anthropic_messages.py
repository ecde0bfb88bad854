"""Anthropic Messages: what is refused of a request, what older and newer models are asked, what is no stream."""

import json

import orjson
import pytest

from firewall.codecs.neutral.anthropic import reader, writer
from firewall.codecs.neutral.events import Ended, Fault, Stop, Usage
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Choosing,
    Document,
    Effort,
    Reasoning,
    Request,
    Result,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

SAYS = (Turn(Role.USER, (Text("hi"),)),)


def read(**more: object) -> Request:
    """Return a request as it is read."""
    value = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    return reader.read_request(value, Losses(), path="/v1/messages")


def written(
    model: str, *, turns: tuple[Turn, ...] = SAYS, **more: object
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what a provider is sent, and what is lost."""
    losses = Losses()
    request = Request(model="m", turns=turns, **more)
    wire = writer.write_request(request, There(Dialect.ANTHROPIC, model, "there"), losses)
    return json.loads(wire.body), losses.names


def user(*blocks: object) -> list[object]:
    """Return a history of one message with blocks."""
    return [{"role": "user", "content": list(blocks)}]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "a", "name": "x"}]}, "messages.0.name"),
        ({"messages": user({"type": "hologram"})}, "messages.0.content.0"),
        ({"messages": user({"type": "text", "text": "a", "extra": 1})}, "messages.0.content.0.extra"),
        (
            {"messages": user({"type": "document", "source": {"type": "file", "file_id": "f"}})},
            "messages.0.content.0.source",
        ),
        (
            {"messages": user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "thinking"}]})},
            "messages.0.content.0.content.0",
        ),
        (
            {"messages": user({"type": "tool_use", "id": "t", "name": "n", "input": {}, "caller": {"type": "x"}})},
            "messages.0.content.0.caller",
        ),
        ({"messages": [{"role": "system", "content": [{"type": "image"}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "system", "content": "a", "output_config": {"format": {}}}]},
            "messages.0.output_config.format",
        ),
        ({"system": [{"type": "image"}]}, "system.0"),
        ({"tools": [{"name": "n", "allowed_callers": ["code_execution_20260120"]}]}, "tools.0.allowed_callers"),
        ({"tools": [{"name": "n", "secret_option": 1}]}, "tools.0.secret_option"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"type": "wild"}}, "thinking.type"),
        ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"container": "c"}, "container"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_request_is_refused_by_its_field(more: dict[str, object], field: str) -> None:
    """The path of what cannot be carried, or is wrong, stands in the error."""
    with pytest.raises(ProtocolError) as refused:
        read(**more)
    assert refused.value.public.startswith(f"`{field}`")
    assert refused.value.status == 400


def test_documents_are_read_in_all_their_forms() -> None:
    """Text, blocks, an address; what stands beside them is told."""
    blocks = (
        {"type": "document", "source": {"type": "content", "content": "plain"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "block"}]}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}, "title": "A"},
    )
    assert read(messages=user(*blocks)).turns[0].parts == (
        Text("plain"),
        Text("block"),
        Document("application/pdf", url="https://example.com/a.pdf", name="A"),
    )


def test_examples_of_arguments_are_told_in_the_description() -> None:
    """The model sees them, as it would have."""
    tool = {"name": "n", "description": "Does.", "input_examples": [{"a": 1}]}
    assert read(tools=[tool]).tools[0].description == 'Does.\nExamples of arguments:\n{"a":1}'


@pytest.mark.parametrize(
    ("model", "reasoning", "more", "thinking", "effort", "lost"),
    [
        ("claude-sonnet-5", Reasoning(Effort.NONE), {}, None, None, ()),
        ("claude-sonnet-5", Reasoning(Effort.MINIMAL), {}, {"type": "adaptive"}, "low", ()),
        ("claude-sonnet-5", Reasoning(Effort.XHIGH), {}, {"type": "adaptive"}, "xhigh", ()),
        ("claude-opus-4-6", Reasoning(Effort.XHIGH), {}, {"type": "adaptive"}, "high", ()),
        (
            "claude-opus-4-6",
            Reasoning(Effort.MAX, is_shown=True),
            {},
            {"type": "adaptive", "display": "summarized"},
            "max",
            (),
        ),
        (
            "claude-sonnet-5",
            Reasoning(Effort.LOW),
            {"tools": (Tool("f"),), "choice": ToolChoice(Choosing.REQUIRED)},
            None,
            "low",
            ("reasoning",),
        ),
        (
            "claude-haiku-4-5",
            Reasoning(Effort.MEDIUM),
            {"max_tokens": 20_000},
            {"type": "enabled", "budget_tokens": 8192},
            None,
            (),
        ),
        (
            "claude-haiku-4-5",
            Reasoning(budget_tokens=50_000),
            {"max_tokens": 20_000},
            {"type": "enabled", "budget_tokens": 10_000},
            None,
            (),
        ),
        ("claude-haiku-4-5", Reasoning(Effort.LOW), {"max_tokens": 500}, None, None, ("reasoning",)),
        ("claude-3-5-sonnet", Reasoning(Effort.LOW), {"max_tokens": 9_000}, None, None, ("reasoning",)),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    model: str,
    reasoning: Reasoning,
    more: dict[str, object],
    thinking: object,
    effort: str | None,
    lost: tuple[str, ...],
) -> None:
    """Newer models adapt, older ones take a budget below their bound; what is left out is listed."""
    body, dropped = written(model, reasoning=reasoning, **more)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}) == ({"effort": effort} if effort else {})
    assert dropped == lost


def test_a_model_that_thinks_is_given_no_temperature() -> None:
    """Those that take one take it only without thinking; two knobs at once are one too many."""
    warm = Sampling(temperature=0.5, top_p=0.5, top_k=3)
    body, dropped = written("claude-opus-4-6", sampling=warm)
    assert (body["temperature"], body["top_k"], dropped) == (0.5, 3, ("top_p",))
    body, dropped = written("claude-opus-4-6", sampling=warm, reasoning=Reasoning(Effort.LOW))
    assert set(dropped) == {"temperature", "top_p", "top_k"}
    body, dropped = written("claude-opus-4-6", sampling=Sampling(temperature=1.5))
    assert (body["temperature"], dropped) == (1, ("temperature",))


def test_instructions_from_the_middle_find_a_place() -> None:
    """Newer models hear them as such behind a user; for earlier ones they are the user's words."""
    midway = (*SAYS, Turn(Role.SYSTEM, (Text("careful"),)), Turn(Role.ASSISTANT, (Text("ok"),)), *SAYS)
    roles = [message["role"] for message in written("claude-sonnet-5", turns=midway)[0]["messages"]]
    assert roles == ["user", "system", "assistant", "user"]
    roles = [message["role"] for message in written("claude-opus-4-6", turns=midway)[0]["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_what_this_provider_cannot_read_is_refused_by_name() -> None:
    """Sound, and documents that are neither PDF nor text."""
    for part, name in (
        (Audio("audio/wav", "AAAA"), "audio"),
        (Document("application/zip", "AAAA"), "a document"),
        (Document("text/plain", "/w=="), "a document"),
    ):
        with pytest.raises(ProtocolError, match=f"`{name}`"):
            written("claude-sonnet-5", turns=(Turn(Role.USER, (part,)),))


def test_thoughts_go_only_where_they_come_from() -> None:
    """Sealed thoughts of this provider return to it, hidden ones as well; all others stay out."""
    call, result = Call("c", "f", ""), Result("c", (Document("application/pdf", "JVBERi0="),))
    for thought, block in (
        (Thinking("t", "s", "there"), {"type": "thinking", "thinking": "t", "signature": "s"}),
        (Thinking("", "s", "there"), {"type": "redacted_thinking", "data": "s"}),
        (Thinking("t", "", "there"), None),
        (Thinking("t", "s", "elsewhere"), None),
        (Thinking("t", "s"), None),
    ):
        turns = (*SAYS, Turn(Role.ASSISTANT, (call, thought)), Turn(Role.USER, (result,)))
        body, dropped = written("claude-sonnet-5", turns=turns)
        content = body["messages"][1]["content"]
        assert content[0] == (block or {"type": "tool_use", "id": "c", "name": "f", "input": {}})
        assert dropped == (() if block else ("thinking",))


def frame(value: object) -> bytes:
    """Return one event of a provider."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


START = frame({"type": "message_start", "message": {"id": "m", "model": "c"}})
OPEN = frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
CALL = {"type": "tool_use", "id": "t", "name": "n", "input": {}}


@pytest.mark.parametrize(
    "raw",
    [
        frame({"no": "type"}),
        START + START,
        frame({"type": "message_start", "message": {"content": [1]}}),
        OPEN,
        START + frame({"type": "content_block_start", "index": 1, "content_block": {"type": "text"}}),
        START
        + frame({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t"}}),
        START + frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
        START
        + OPEN
        + frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 3}}),
        START + OPEN + frame({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta"}}),
        START + frame({"type": "content_block_stop", "index": 0}),
        START + OPEN + frame({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        START + frame({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}}),
        START + frame({"type": "message_stop"}),
        START + frame({"type": "content_block_start", "index": 0, "content_block": {**CALL, "toolset_name": "x"}}),
    ],
)
def test_what_is_no_stream_is_refused(raw: bytes) -> None:
    """Out of order, without a place, of a wrong type, or of a kind that nobody else knows."""
    with pytest.raises(ProtocolError) as refused:
        list(reader.stream(seed="s").feed(raw))
    assert refused.value.side == "upstream"


def test_an_end_counts_what_the_whole_stream_said() -> None:
    """Counts are totals: what a later event leaves out, an earlier one has said."""
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 5, "output_tokens": 1}
    start = frame({"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}})
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    events = list(reader.stream(seed="s").feed(start + frame(end) + frame({"type": "message_stop"})))
    assert events[-1] == Ended(Stop.END, usage=Usage(12, 4, 5, 9))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "error": {}},
        {"type": "message", "content": 3},
        {"type": "message", "content": ["x"]},
        {"type": "message", "content": []},
        {"type": "message", "content": [], "stop_reason": 3},
        {"type": "message", "content": [{**CALL, "input": []}], "stop_reason": "tool_use"},
        {"type": "message", "content": [{"type": "text", "text": 3}], "stop_reason": "end_turn"},
    ],
)
def test_what_is_no_answer_is_refused(message: object) -> None:
    """An error under status 200 and half an answer are none."""
    with pytest.raises(ProtocolError) as refused:
        reader.read_answer(orjson.dumps(message), seed="s")
    assert refused.value.side == "upstream"


def test_an_error_in_a_stream_has_the_status_of_its_type() -> None:
    """No status line says it there."""
    error = {"type": "error", "error": {"type": "rate_limit_error"}}
    (failure,) = reader.stream(seed="s").feed(frame(error))
    assert (failure.fault, failure.status) == (Fault.RATE, 429)
