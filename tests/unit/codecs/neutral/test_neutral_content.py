"""Conversations as the GenAI conventions write them: each part by its kind, nothing hidden in it, bounded."""

import json

import pytest

from firewall.codecs.neutral import content
from firewall.codecs.neutral.content import input_messages, output_messages
from firewall.core.dialect import Dialect

ASKED = {
    "model": "m",
    "max_tokens": 10,
    "system": "be brief",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "look"}, {
            "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls secret"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "secret"}]},
    ],
}  # fmt: skip
ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "it is secret"}],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


def hide(text: str) -> str:
    """Take one word out."""
    return text.replace("secret", "…")


def test_every_part_is_written_by_its_kind() -> None:
    """Instructions, words, pictures by name alone, calls and results; what is hidden is hidden everywhere."""
    messages = json.loads(input_messages(ASKED, Dialect.ANTHROPIC, "/v1/messages", hide))
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["parts"] == [{"type": "text", "content": "look"}, {"type": "image"}]
    [call] = messages[2]["parts"]
    assert (call["type"], call["name"], json.loads(call["arguments"])) == (
        "tool_call",
        "Bash",
        {"command": "ls …"},
    )
    assert messages[3]["parts"] == [{"type": "tool_call_response", "id": call["id"], "response": "…"}]
    [answer] = json.loads(output_messages(json.dumps(ANSWER).encode(), Dialect.ANTHROPIC, hide))
    assert answer["parts"] == [{"type": "text", "content": "it is …"}]
    assert answer["finish_reason"] == "end"


def test_what_cannot_be_read_is_nothing() -> None:
    """A request or an answer of no dialect has no content."""
    assert input_messages({"messages": 1}, Dialect.ANTHROPIC, "/v1/messages", hide) == ""
    assert output_messages(b"{}", Dialect.ANTHROPIC, hide) == ""


def test_the_newest_messages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long conversation is cut at its beginning, between messages: what is left is JSON."""
    monkeypatch.setattr(content, "MOST_CHARS", 120)
    messages = json.loads(input_messages(ASKED, Dialect.ANTHROPIC, "/v1/messages", hide))
    assert [message["role"] for message in messages] == ["user"]
