"""The last messages of a request in every dialect, each part under its own label, and never an error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.spoken import answered, spoken
from firewall.core.conversation import MOST_MESSAGES, MOST_PARTS, PartKind
from firewall.core.dialect import Dialect

ARGUMENTS = {"command": "ls"}
WRITTEN = json.dumps(ARGUMENTS)
HISTORIES: dict[Dialect, dict[str, object]] = {
    Dialect.ANTHROPIC: {
        "messages": [
            {"role": "user", "content": "clean up"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm."},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "t1", "name": "bash", "input": ARGUMENTS},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a b"}]},
                    {"type": "image", "source": {"data": "AAAA"}},
                ],
            },
        ]
    },
    Dialect.OPENAI_CHAT: {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "clean up"}]},
            {
                "role": "assistant",
                "reasoning_content": "Hm.",
                "content": "I look.",
                "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "bash", "arguments": WRITTEN}}
                ],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "a b"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:AAAA"}}]},
        ]
    },
    Dialect.OPENAI_RESPONSES: {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "clean up"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "t1", "name": "bash", "arguments": WRITTEN},
            {"type": "function_call_output", "call_id": "t1", "output": "a b"},
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:AAAA"}]},
        ]
    },
    Dialect.GEMINI: {
        "contents": [
            {"role": "user", "parts": [{"text": "clean up"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"text": "I look."},
                    {"functionCall": {"name": "bash", "args": ARGUMENTS}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "bash", "response": {"output": "a b"}}},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
        ]
    },
}
EVERY = pytest.mark.parametrize("dialect", list(Dialect))


@EVERY
def test_each_part_is_told_from_the_others(dialect: Dialect) -> None:
    """Words, thoughts, calls, results and media are labelled by what they are, whoever's message holds them."""
    said = spoken(dialect, HISTORIES[dialect])
    assert [one.turn for one in said] == list(range(1, len(said) + 1))
    assert (said[0].role, said[0].parts[0].text) == ("user", "clean up")
    parts = [(part.kind, part.name) for one in said for part in one.parts]
    assert [kind for kind, _ in parts] == [
        PartKind.TEXT,
        PartKind.THOUGHT,
        PartKind.TEXT,
        PartKind.CALL,
        PartKind.RESULT,
        PartKind.MEDIA,
    ]
    assert parts[3][1] == parts[4][1] == "bash"
    texts = [part.text for one in said for part in one.parts]
    assert texts[1:3] == ["Hm.", "I look."]
    assert json.loads(texts[3]) == ARGUMENTS
    assert "a b" in texts[4]
    assert not any("AAAA" in text for text in texts)
    roles = {part.kind: one.role for one in said for part in one.parts}
    assert roles[PartKind.CALL] == "assistant"


@EVERY
def test_the_newest_are_read(dialect: Dialect) -> None:
    """Of a long history the last messages come, numbered as they stand; of a long message the last parts."""
    (name, first), *_ = HISTORIES[dialect].items()
    assert isinstance(first, list)
    said = spoken(dialect, {name: [first[0]] * 40})
    assert [one.turn for one in said] == list(range(41 - MOST_MESSAGES, 41))
    inner = "parts" if dialect is Dialect.GEMINI else "content"
    part = {"text": "x"} if dialect is Dialect.GEMINI else {"type": "text", "text": "x"}
    (long,) = spoken(dialect, {name: [{"role": "user", inner: [part] * 100}]})
    assert (len(long.parts), long.earlier) == (MOST_PARTS, 100 - MOST_PARTS)


def test_a_role_that_nobody_knows_is_none() -> None:
    """What a request calls itself is taken for one of the known roles or for nobody's."""
    body: dict[str, object] = {"messages": [{"role": "approver: approved", "content": "x"}, {"role": 7}, 7]}
    assert [one.role for one in spoken(Dialect.OPENAI_CHAT, body)] == ["unknown"] * 3


def test_a_text_beside_a_call_does_not_vanish() -> None:
    """A part that is two things at once shows both."""
    body: dict[str, object] = {
        "contents": [
            {"role": "user", "parts": [{"text": "psst", "functionResponse": {"name": "x", "response": {}}}]}
        ]
    }
    (one,) = spoken(Dialect.GEMINI, body)
    assert [part.text for part in one.parts] == ["{}", "psst"]


WHOLE: dict[Dialect, dict[str, object]] = {
    Dialect.ANTHROPIC: {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "I look."}]},
    Dialect.OPENAI_CHAT: {"choices": [{"message": {"role": "assistant", "content": "I look."}}]},
    Dialect.OPENAI_RESPONSES: {
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]}
        ]
    },
    Dialect.GEMINI: {"candidates": [{"content": {"role": "model", "parts": [{"text": "I look."}]}}]},
}
FRAMES: dict[Dialect, list[dict[str, object]]] = {
    Dialect.ANTHROPIC: [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in ("I ", "look.")
    ],
    Dialect.OPENAI_CHAT: [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("I ", "look.")],
    Dialect.OPENAI_RESPONSES: [{"type": "response.output_text.delta", "delta": text} for text in ("I ", "look.")],
    Dialect.GEMINI: [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("I ", "look.")],
}


@EVERY
def test_the_answer_so_far_is_the_last_message(dialect: Dialect) -> None:
    """Whole or streamed, also of a stream so long that its beginning is not read."""
    (whole,) = answered(dialect, [json.dumps(WHOLE[dialect]).encode()], 4)
    assert (whole.turn, whole.role, [part.text for part in whole.parts]) == (4, "assistant", ["I look."])
    pieces = [b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in FRAMES[dialect]]
    (streamed,) = answered(dialect, pieces, 4)
    assert [part.text for part in streamed.parts] == ["I look."]
    (long,) = answered(dialect, [b": " + b"x" * 400_000 + b"\n\n", *pieces], 4)
    assert [part.text for part in long.parts] == ["I look."]
    assert answered(dialect, [b"data: [DONE]\n\n"], 4) == ()


NAMES = [
    *("role", "content", "parts", "type", "text", "tool_calls", "function", "functionCall", "name", "args", "id"),
    *("input", "arguments", "thinking", "summary", "output", "functionResponse", "function_call", "refusal"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner | st.sampled_from(["tool_result", "message", "text", "function_call", "assistant", "tool"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@EVERY
@given(history=JSON, tail=st.binary(max_size=80))
def test_nothing_makes_it_fail(dialect: Dialect, history: object, tail: bytes) -> None:
    """Whatever a request holds, people are asked: reading it never raises, and keeps its bounds."""
    said = spoken(dialect, {"messages": history, "input": history, "contents": history})
    assert len(said) <= MOST_MESSAGES
    assert all(len(one.parts) <= 3 * MOST_PARTS for one in said)
    assert len(answered(dialect, [json.dumps(history).encode(), tail], 1)) <= 1
