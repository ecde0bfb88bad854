"""Sightings: where a conversation first held a text, in every dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.sightings import first_sighting

KEY = "needle-1234"
ANTHROPIC = {
    "messages": [
        {"role": "user", "content": "deploy it"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "cat deploy/.env"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": f"K={KEY}"}]}
            ],
        },
        {"role": "user", "content": f"use {KEY}"},
    ]
}
CHAT = {
    "messages": [
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "function": {"name": "read", "arguments": '{"path": ".env"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": KEY},
    ]
}
RESPONSES = {
    "input": [
        {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": '{"command": ["cat", ".env"]}'},
        {"type": "function_call_output", "call_id": "c1", "output": KEY},
    ]
}
GEMINI = {
    "contents": [
        {"role": "model", "parts": [{"functionCall": {"id": "f1", "name": "read_file", "args": {"path": "a"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "f1", "name": "read_file", "response": {"o": KEY}}}],
        },
    ]
}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ANTHROPIC, "result of Bash: cat deploy/.env, message 3"),
        (CHAT, "result of read: .env, message 2"),
        (RESPONSES, "result of shell: cat .env, message 2"),
        (GEMINI, "result of read_file: a, message 2"),
        ({"messages": [{"role": "user", "content": KEY}]}, "a message of the user, message 1"),
        ({"input": f"use {KEY}"}, "a message of the user, message 1"),
        ({"messages": [], "system": f"the key is {KEY}"}, "the system prompt"),
        ({"messages": [{"role": "user", "content": "nothing"}]}, ""),
        ({}, ""),
    ],
)
def test_the_first_place_is_named(request_: dict[str, object], said: str) -> None:
    """The tool whose result first held it is named with what it was told; else the message; else nothing."""
    assert first_sighting(request_, KEY) == said


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["messages", "input", "contents", "system"]), _JSON))
def test_any_request_can_be_asked(request_: dict[str, object]) -> None:
    """No shape of request raises, and what is said never holds the value itself when that is no argument."""
    assert isinstance(first_sighting(request_, KEY), str)
