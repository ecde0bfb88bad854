"""Corners of the Responses and Gemini dialects that the stored cases do not reach, and what models take."""

import base64
import json

import pytest

from firewall.codecs.gemini.tables import SKIP_SIGNATURE
from firewall.codecs.neutral import registry
from firewall.codecs.neutral.form import (
    Call,
    Effort,
    Image,
    Reasoning,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.gemini import models as gemini
from firewall.codecs.neutral.gemini import seals as packed
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses
from firewall.codecs.neutral.openai_responses import models as openai
from firewall.codecs.neutral.openai_responses.seals import sealed, unsealed
from firewall.core.call import CallForm
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

RESPONSES, GEMINI = Dialect.OPENAI_RESPONSES, Dialect.GEMINI
Json = dict[str, object]


def _read(dialect: Dialect, value: Json, *, path: str = "/v1beta/models/m:generateContent") -> Request:
    return registry.reader(dialect).read_request(value, Losses(), path=path)


def _written(dialect: Dialect, request: Request, model: str) -> Json:
    there = There(dialect, model, "there")
    found: Json = json.loads(registry.writer(dialect).write_request(request, there, Losses()).body)
    return found


@pytest.mark.parametrize(
    ("model", "wanted", "said"),
    [
        ("gpt-5.5", Effort.MAX, "xhigh"),
        ("gpt-5.5", Effort.MINIMAL, "none"),
        ("openai/gpt-5.1", Effort.XHIGH, "high"),
        ("gpt-5-mini", Effort.NONE, "minimal"),
        ("o3", Effort.MINIMAL, "low"),
        ("qwen3-coder", Effort.HIGH, "high"),
    ],
)
def test_an_effort_is_told_as_the_model_knows_it(model: str, wanted: Effort, said: str) -> None:
    """The nearest level that it takes, the lower of two."""
    request = Request(model="m", turns=(), reasoning=Reasoning(wanted))
    reasoning = _written(RESPONSES, request, model)["reasoning"]
    assert reasoning == {"effort": said}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest"])
def test_models_that_do_not_reason_are_not_asked_to(model: str) -> None:
    """Nor for sealed reasoning, which they refuse; they are sampled instead."""
    facts = openai.facts_of(model)
    assert (facts.reasons, facts.samples) == (False, True)
    written = _written(RESPONSES, Request(model="m", turns=(), reasoning=Reasoning(Effort.HIGH)), model)
    assert "reasoning" not in written
    assert "include" not in written


@pytest.mark.parametrize(
    ("model", "reasoning", "said"),
    [
        ("gemini-3.8-flash", Reasoning(Effort.NONE), {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", Reasoning(Effort.MINIMAL), {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-pro-preview", Reasoning(Effort.MAX), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (
            "gemini-3.8-flash",
            Reasoning(None, 4_000, is_shown=False),
            {"thinkingLevel": "MEDIUM"},
        ),
        ("gemini-2.5-flash", Reasoning(Effort.NONE), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning(None, 50), {"thinkingBudget": 128, "includeThoughts": True}),
        ("gemini-2.5-pro", Reasoning(Effort.MAX), {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemma-4", Reasoning(Effort.HIGH), None),
    ],
)
def test_thinking_is_asked_for_as_a_model_of_google_takes_it(
    model: str, reasoning: Reasoning, said: Json | None
) -> None:
    """Levels, a budget, or nothing."""
    written = _written(GEMINI, Request(model="m", turns=(), reasoning=reasoning), model)
    config = written.get("generationConfig")
    assert (config.get("thinkingConfig") if isinstance(config, dict) else None) == said


def test_a_model_of_an_unknown_name_is_asked_for_nothing() -> None:
    """Neither levels nor budgets, and pictures beside a result."""
    assert gemini.facts_of("tuned") == gemini.Facts()


def test_seals_travel_with_what_makes_them_count() -> None:
    """A reasoning item's id; for Gemini's clients the thought itself, in base64 of either alphabet."""
    assert unsealed(sealed("rs_1", "gAAAA")) == ("rs_1", "gAAAA")
    mark = packed.marked("there", Thinking("hm?>", "se/al+"))
    assert packed.thinking_of(mark) == Thinking("hm?>", "se/al+", "there")
    assert packed.thinking_of(mark.replace("+", "-").replace("/", "_")) == Thinking("hm?>", "se/al+", "there")
    odd = base64.b64encode(b"stayhand.v1.dGhlcmU.WzFd").decode()
    for foreign in ("EqoB", "!", odd):
        assert packed.thinking_of(foreign) == Thinking("", foreign)


def test_reasoning_goes_home_with_its_id() -> None:
    """To the provider that it is from, and to nobody else."""
    thinking = Thinking("hm", sealed("rs_1", "gAAAA"), "there")
    turns = (Turn(Role.ASSISTANT, (Text("a"), thinking)), Turn(Role.USER, (Text("b"),)))
    items = _written(RESPONSES, Request(model="m", turns=turns), "gpt-5.5")["input"]
    assert isinstance(items, list)
    assert items[1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAAA",
    }


def test_signatures_go_home_to_the_call_that_they_seal() -> None:
    """One without a call stands on an empty text; the first call of an answer has one, its own or a stand-in."""
    seal = Thinking("hm", "sig1", "there")
    late = Thinking("", "sig2", "there")
    calls = (Call("c1", "f", "{}"), Call("c2", "g", "not json"))
    turns = (Turn(Role.ASSISTANT, (seal, *calls, late, Text("x"), late, late)), Turn(Role.ASSISTANT, calls))
    written = _written(GEMINI, Request(model="m", turns=turns), "gemini-3.8-flash")["contents"]
    assert isinstance(written, list)
    parts = written[0]["parts"]
    assert parts[0] == {"text": "hm", "thought": True}
    assert parts[1]["thoughtSignature"] == "sig1"
    assert "thoughtSignature" not in parts[2]
    assert parts[2]["functionCall"]["args"] == {"unparsed_arguments": "not json"}
    assert [part.get("thoughtSignature") for part in parts[3:8]] == [
        "sig2",
        None,
        "sig2",
        "sig2",
        SKIP_SIGNATURE,
    ]


def test_pictures_of_a_result_stand_where_the_model_looks() -> None:
    """Within the function's response for models since 3, beside it for older ones."""
    shown = Image("image/png", "AAAA")
    turns = (Turn(Role.ASSISTANT, (Call("c", "f", ""),)), Turn(Role.USER, (Result("c", (Text("a"), shown)),)))
    new = _written(GEMINI, Request(model="m", turns=turns), "gemini-3.8-flash")["contents"]
    old = _written(GEMINI, Request(model="m", turns=turns), "gemini-2.5-flash")["contents"]
    assert isinstance(new, list)
    assert isinstance(old, list)
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert new[1]["parts"][0]["functionResponse"]["parts"] == [picture]
    assert old[1]["parts"][1] == picture


@pytest.mark.parametrize(
    ("dialect", "turn"),
    [
        (GEMINI, Turn(Role.USER, (Image(url="https://example.com/a"),))),
        (GEMINI, Turn(Role.ASSISTANT, (Call("c", "f", "x", CallForm.TEXT),))),
        (GEMINI, Turn(Role.USER, (Result("c", (), form=CallForm.TEXT),))),
        (GEMINI, Turn(Role.SYSTEM, (Image("image/png", "AAAA"),))),
        (RESPONSES, Turn(Role.ASSISTANT, (Image("image/png", "AAAA"),))),
    ],
)
def test_parts_without_an_equal_are_refused(dialect: Dialect, turn: Turn) -> None:
    """By their place in the conversation."""
    with pytest.raises(ProtocolError, match=r"messages\.0"):
        _written(dialect, Request(model="m", turns=(turn,)), "gemini-3.8-flash")


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        (RESPONSES, {"tool_choice": "sometimes"}),
        (RESPONSES, {"tool_choice": {"type": "allowed_tools", "mode": "none", "tools": []}}),
        (RESPONSES, {"tool_choice": {"type": "allowed_tools", "tools": [{"type": "mcp"}]}}),
        (RESPONSES, {"text": {"format": {"type": "grammar"}}}),
        (RESPONSES, {"reasoning": {"effort": "huge"}}),
        (RESPONSES, {"top_logprobs": 2}),
        (RESPONSES, {"tools": [{"type": "function", "name": "f", "allowed_callers": ["programmatic"]}]}),
        (RESPONSES, {"tools": [{"type": "function", "name": "f", "async": True}]}),
        (RESPONSES, {"input": [{"role": "nobody", "content": "x"}]}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_video"}]}]}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///x"}]}]}),
        (
            RESPONSES,
            {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "https://a/b"}]}]},
        ),
        (RESPONSES, {"input": [{"type": "function_call", "call_id": "", "name": "f", "arguments": ""}]}),
        (RESPONSES, {"input": [{"type": "tool_search_call", "execution": "server", "call_id": "c"}]}),
        (GEMINI, {"contents": [{"role": "tool", "parts": []}]}),
        (GEMINI, {"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"executableCode": {}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"inlineData": {"data": "A"}, "videoMetadata": {}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"fileData": {"fileUri": "https://a/b", "mimeType": "video/mp4"}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"functionResponse": {"name": "f", "willContinue": True}}]}]}),
        (
            GEMINI,
            {
                "contents": [
                    {
                        "parts": [
                            {
                                "functionResponse": {
                                    "name": "f",
                                    "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "A"}}],
                                }
                            }
                        ]
                    }
                ]
            },
        ),
        (GEMINI, {"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "A"}}]}}),
        (GEMINI, {"generationConfig": {"responseModalities": ["AUDIO"]}}),
        (GEMINI, {"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"not": {}}}]}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "VOID"}}]}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"minItems": 1.5}}]}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"items": []}}]}]}),
        (GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"enum": "a"}}]}]}),
    ],
)
def test_requests_that_cannot_be_carried_are_refused(dialect: Dialect, value: Json) -> None:
    """With 400, naming the field."""
    base: Json = {"model": "m", "input": "x"} if dialect is RESPONSES else {"contents": []}
    with pytest.raises(ProtocolError) as refused:
        _read(dialect, {**base, **value})
    assert refused.value.code in ("untranslatable", "invalid_request")
    assert refused.value.public.startswith("`")


def test_schemas_of_openapi_become_json_schemas() -> None:
    """Types, counts, nulls, alternatives, references and examples say the same."""
    parameters = {
        "type": "OBJECT",
        "nullable": True,
        "defs": {"pet": {"type": "STRING", "format": "date-time", "example": "cat", "title": "Pet"}},
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum"},
            "b": {"anyOf": [{"ref": "#/defs/pet"}, {"type": "TYPE_UNSPECIFIED"}]},
            "c": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 1}, "max_items": "3"},
        },
        "additionalProperties": False,
    }
    function = {"name": "f", "parameters": parameters}
    request = _read(GEMINI, {"contents": "hi", "tools": {"functionDeclarations": [function]}})
    assert request.turns == (Turn(Role.USER, (Text("hi"),)),)
    assert request.tools[0].schema == {
        "type": ["object", "null"],
        "$defs": {"pet": {"type": "string", "format": "date-time", "examples": ["cat"], "title": "Pet"}},
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "b": {"anyOf": [{"$ref": "#/$defs/pet"}, {}]},
            "c": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3},
        },
        "additionalProperties": False,
    }
    deep: Json = {"type": "STRING"}
    for _ in range(40):
        deep = {"type": "ARRAY", "items": deep}
    with pytest.raises(ProtocolError, match="nested too deeply"):
        _read(GEMINI, {"tools": [{"functionDeclarations": [{"name": "f", "parameters": deep}]}]})


def test_what_a_result_says_is_unwrapped() -> None:
    """The text that clients wrap; what asks nobody gets an id; thoughts of ours come with their mark."""
    mark = packed.marked("there", Thinking("hm", "sig"))
    contents = [
        {"parts": {"functionResponse": {"name": "f", "response": {"result": ""}}}},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"text": "said", "thoughtSignature": mark},
                {"functionCall": {"name": "g"}, "thoughtSignature": SKIP_SIGNATURE},
                {"partMetadata": {}},
            ],
        },
    ]
    request = _read(GEMINI, {"contents": contents, "systemInstruction": "be brief"})
    assert request.system == ("be brief",)
    assert request.turns[0].parts[0] == Result("call_" + request.turns[0].parts[0].call_id[5:], (), name="f")  # type: ignore[union-attr]  # a result
    assert request.turns[1].parts[:2] == (Text("said"), Thinking("hm", "sig", "there"))


def test_a_lone_content_is_a_conversation() -> None:
    """The API takes an object where a list is meant."""
    assert _read(GEMINI, {"contents": {"parts": [{"text": "hi"}]}}).turns[0].role is Role.USER
