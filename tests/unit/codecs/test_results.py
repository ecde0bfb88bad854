"""What each dialect's newest turn reports of calls."""

import pytest

from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.interface import Codec, Result

OLD = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "old"}]}
ROWS: dict[str, tuple[Codec, dict[str, object], tuple[Result, ...]]] = {
    "anthropic": (
        anthropic,
        {
            "messages": [
                OLD,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "a"}, {"type": "tool_use", "id": "b"}],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "a", "is_error": True},
                        {"type": "text", "text": "and?"},
                        {"type": "tool_result", "tool_use_id": "b"},
                    ],
                },
            ]
        },
        (Result("a", is_error=True), Result("b")),
    ),
    "chat": (
        openai_chat,
        {
            "messages": [
                {"role": "tool", "tool_call_id": "old"},
                {"role": "assistant", "tool_calls": []},
                {"role": "tool", "tool_call_id": "a"},
                {"role": "user", "content": "x"},
            ]
        },
        (Result("a"),),
    ),
    "responses": (
        openai_responses,
        {
            "input": [
                {"type": "function_call_output", "call_id": "old"},
                {"type": "message", "role": "assistant"},
                {"type": "function_call", "call_id": "a"},
                {"type": "function_call_output", "call_id": "a"},
                {"type": "custom_tool_call_output", "call_id": "b", "status": "incomplete"},
            ]
        },
        (Result("a"), Result("b", is_error=True)),
    ),
    "gemini": (
        gemini,
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"name": "x"}}]},
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "x", "response": {"error": "no"}}},
                        {"functionResponse": {"id": "i", "name": "y", "response": {"output": "ok"}}},
                    ],
                },
            ]
        },
        (Result("x", is_error=True), Result("i")),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_newest_turn_reports_its_results_alone(name: str) -> None:
    """Results behind the model's last word are reported in order, with errors; older ones are not."""
    codec, value, expected = ROWS[name]
    assert codec.results(value) == expected


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "value", [{}, {"messages": 5, "input": "text", "contents": None}, {"messages": [5, None]}]
)
def test_malformed_turns_report_nothing(name: str, value: dict[str, object]) -> None:
    """What cannot be read is no result."""
    assert ROWS[name][0].results(value) == ()
