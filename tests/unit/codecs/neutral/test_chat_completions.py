"""Chat Completions: what is refused of a request, what models are asked, what is no stream and no answer."""

import json

import orjson
import pytest

from firewall.codecs.neutral.events import CallBegun, CallDelta, Fault
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Choosing,
    Document,
    Effort,
    Image,
    Output,
    Reasoning,
    Request,
    Result,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    Turn,
)
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses
from firewall.codecs.neutral.openai_chat import reader, writer
from firewall.core.call import CallForm
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

SAYS = (Turn(Role.USER, (Text("hi"),)),)


def read(**more: object) -> Request:
    """Return a request as it is read."""
    value = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
    return reader.read_request(value, Losses(), path="/v1/chat/completions")


def written(
    model: str, *, turns: tuple[Turn, ...] = SAYS, **more: object
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what a provider is sent, and what is lost."""
    losses = Losses()
    request = Request(model="m", turns=turns, **more)
    wire = writer.write_request(request, There(Dialect.OPENAI_CHAT, model, "there"), losses)
    return json.loads(wire.body), losses.names


def assistant(**more: object) -> list[object]:
    """Return a history of one answer."""
    return [{"role": "assistant", **more}]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "a", "id": "x"}]}, "messages.0.id"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "AAAA"}}]}]},
            "messages.0.content.0.file.file_data",
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}
                ]
            },
            "messages.0.content",
        ),
        (
            {
                "messages": [
                    {
                        "role": "tool",
                        "tool_call_id": "c",
                        "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}],
                    }
                ]
            },
            "messages.0.content",
        ),
        ({"messages": assistant(audio={"id": "a"})}, "messages.0.audio"),
        ({"messages": assistant(function_call={"name": "f"})}, "messages.0.function_call"),
        (
            {"messages": assistant(tool_calls=[{"id": "c", "type": "function", "odd": 1}])},
            "messages.0.tool_calls.0.odd",
        ),
        ({"tools": [{"type": "hologram"}]}, "tools.0"),
        ({"tools": [{"type": "function", "function": {"name": "f", "odd": 1}}]}, "tools.0.function.odd"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": 3}, "tool_choice"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x"}}},
            "tool_choice.allowed_tools.mode",
        ),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"moderation": {"model": "m"}}, "moderation"),
    ],
)
def test_a_request_is_refused_by_its_field(more: dict[str, object], field: str) -> None:
    """The path of what cannot be carried, or is wrong, stands in the error."""
    with pytest.raises(ProtocolError) as refused:
        read(**more)
    assert refused.value.public.startswith(f"`{field}`")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("more", "reasoning"),
    [
        ({}, None),
        ({"reasoning_effort": "minimal"}, Reasoning(Effort.MINIMAL)),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(budget_tokens=2000)),
        ({"reasoning": {"enabled": False}}, Reasoning(Effort.NONE)),
        ({"reasoning": {"effort": "high", "exclude": True}}, Reasoning(Effort.HIGH, is_shown=False)),
        ({"thinking": {"type": "disabled"}}, Reasoning(Effort.NONE)),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Reasoning(budget_tokens=9)),
        ({"enable_thinking": False}, Reasoning(Effort.NONE)),
        ({"enable_thinking": True}, Reasoning()),
        ({"include_reasoning": True}, Reasoning(is_shown=True)),
    ],
)
def test_thinking_is_read_in_every_spelling(more: dict[str, object], reasoning: Reasoning | None) -> None:
    """OpenAI's, OpenRouter's, and those of compatible servers."""
    assert read(**more).reasoning == reasoning


@pytest.mark.parametrize(
    ("model", "more", "field", "value", "lost"),
    [
        ("gpt-6-sol", {"reasoning": Reasoning(budget_tokens=1000)}, "reasoning_effort", "low", ()),
        ("gpt-6-sol", {"reasoning": Reasoning(budget_tokens=9000)}, "reasoning_effort", "medium", ()),
        ("gpt-6-sol", {"reasoning": Reasoning(budget_tokens=90_000)}, "reasoning_effort", "high", ()),
        ("gpt-6-sol", {"reasoning": Reasoning(Effort.MAX)}, "reasoning_effort", "xhigh", ()),
        ("gpt-5", {"reasoning": Reasoning(Effort.MAX)}, "reasoning_effort", "high", ()),
        ("gpt-5", {"reasoning": Reasoning(Effort.MINIMAL)}, "reasoning_effort", "low", ()),
        ("gpt-5", {"reasoning": Reasoning(Effort.NONE)}, "reasoning_effort", None, ()),
        ("gpt-4.1", {"reasoning": Reasoning(Effort.HIGH)}, "reasoning_effort", None, ("reasoning",)),
        ("gpt-6-sol", {"verbosity": "low"}, "verbosity", "low", ()),
        ("qwen3", {"verbosity": "low"}, "verbosity", None, ("verbosity",)),
        ("qwen3", {"sampling": Sampling(temperature=0.5)}, "temperature", 0.5, ()),
        ("gpt-6-sol", {"sampling": Sampling(temperature=0.5)}, "temperature", None, ("temperature",)),
        ("qwen3", {"sampling": Sampling(seed=7, top_k=3)}, "seed", 7, ("top_k",)),
        ("qwen3", {"max_tokens": 5}, "max_tokens", 5, ()),
        ("o3", {"max_tokens": 5}, "max_completion_tokens", 5, ()),
        ("qwen3", {"output": Output()}, "response_format", {"type": "json_object"}, ()),
    ],
)
def test_models_are_asked_for_what_they_take(
    model: str, more: dict[str, object], field: str, value: object, lost: tuple[str, ...]
) -> None:
    """A knob that a model does not have is left out and listed."""
    body, dropped = written(model, **more)
    assert (body.get(field), dropped) == (value, lost)


def test_tools_of_every_form_are_written() -> None:
    """Free text, a choice among some, a schema that is not strict enough."""
    tools = (
        Tool("patch", description="d", form=CallForm.TEXT, grammar={"type": "text"}),
        Tool("open", schema={"type": "object", "properties": {"a": {}}}, strict=True),
        Tool("exec", namespace="unix"),
    )
    choice = ToolChoice(Choosing.REQUIRED, allowed=("patch", "exec"))
    body, dropped = written("gpt-6-sol", tools=tools, choice=choice)
    assert body["tools"][0] == {
        "type": "custom",
        "custom": {"name": "patch", "description": "d", "format": {"type": "text"}},
    }
    assert dropped == ("strict",)
    allowed = body["tool_choice"]["allowed_tools"]
    assert allowed["mode"] == "required"
    assert [one["type"] for one in allowed["tools"]] == ["custom", "function"]
    assert allowed["tools"][1]["function"]["name"].startswith("unix__exec")


def test_parts_of_every_kind_are_written_or_refused() -> None:
    """Sound and files by value; a free-text call; what stands where it cannot."""
    said = Turn(
        Role.USER, (Audio("audio/mp3", "AAAA"), Document("application/x-odd", "AAAA"), Image(url="http://x"))
    )
    call = Turn(Role.ASSISTANT, (Call("c", "patch", "raw", CallForm.TEXT),))
    result = Turn(Role.USER, (Result("c", (Text("done"),)),))
    body, _ = written("m", turns=(said, call, result))
    messages = json.dumps(body["messages"])
    assert '"input_audio": {"data": "AAAA", "format": "mp3"}' in messages
    assert '"filename": "document.x-odd"' in messages
    assert '"custom": {"name": "patch", "input": "raw"}' in messages
    for role, part in (
        (Role.ASSISTANT, Image(url="http://x")),
        (Role.USER, Call("c", "f", "{}")),
        (Role.USER, Document("application/pdf", url="http://x")),
        (Role.USER, Document("text/plain", "/w==")),
    ):
        with pytest.raises(ProtocolError):
            written("m", turns=(Turn(role, (part,)), *SAYS))


def chunk(delta: object = None, **choice: object) -> bytes:
    """Return one chunk of a provider."""
    value = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta or {}, **choice}]}
    return b"data: " + orjson.dumps(value) + b"\n\n"


def piece(**more: object) -> dict[str, object]:
    """Return a delta with a piece of a call."""
    return {"tool_calls": [{"index": 0, **more}]}


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices": 3}\n\n',
        b'data: {"choices": ["x"]}\n\n',
        chunk("text"),
        chunk({"content": 3}),
        chunk({"content": ["a"]}),
        chunk({"tool_calls": 3}),
        chunk({"tool_calls": [{"id": "c"}]}),
        chunk({"tool_calls": [{"index": 1}]}),
        chunk(piece(id="a", function={"name": "f"})) + chunk(piece(id="b")),
        chunk(piece(function={"name": "f"})) + chunk(piece(function={"name": "g"})),
        chunk(piece(id="a")) + chunk(finish_reason="tool_calls"),
        chunk(piece(type="hologram")),
        chunk({"content": "a"}, finish_reason="stop") + chunk({"content": "b"}),
        chunk({"holograms": [1]}),
        chunk(message={"content": "again"}),
    ],
)
def test_what_is_no_stream_is_refused(raw: bytes) -> None:
    """Out of order, of a wrong type, or of a kind that nobody else knows."""
    with pytest.raises(ProtocolError) as refused:
        list(reader.stream(seed="s").feed(raw))
    assert refused.value.side == "upstream"


def test_a_deprecated_call_is_one_of_many() -> None:
    """`function_call` comes out as a call with an id of its own."""
    events = list(reader.stream(seed="s").feed(chunk({"function_call": {"name": "f", "arguments": "{}"}})))
    begun, delta = events[1:]
    assert isinstance(begun, CallBegun)
    assert begun.id.startswith("call_")
    assert delta == CallDelta(begun.key, "{}")


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "no"}},
        {"choices": []},
        {"choices": [{"finish_reason": "stop"}]},
        {"choices": [{"message": {}}]},
        {"choices": [{"message": {}, "finish_reason": "stop"}, {"message": {}}]},
        {"choices": [{"message": {"tool_calls": 3}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"tool_calls": [3]}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"tool_calls": [{}]}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"audio": {"id": "a"}}, "finish_reason": "stop"}]},
    ],
)
def test_what_is_no_answer_is_refused(answer: object) -> None:
    """An error under status 200 and half an answer are none."""
    with pytest.raises(ProtocolError) as refused:
        reader.read_answer(orjson.dumps(answer), seed="s")
    assert refused.value.side == "upstream"


def test_errors_are_told_by_their_code() -> None:
    """The code says more than the status; a server without either still gets words."""
    quota = b'{"error":{"message":"m","type":"insufficient_quota","code":null}}'
    assert reader.read_error(429, quota).fault is Fault.BILLING
    assert reader.read_error(400, b'{"error":{"message":"m","code":"content_filter"}}').fault is Fault.FILTERED
    assert reader.read_error(500, b'{"error":"plain words"}').message == "plain words"
