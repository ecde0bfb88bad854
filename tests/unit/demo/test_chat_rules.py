"""The scripted provider refuses what OpenAI Chat Completions refuses, in its words."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns

SCRIPT = turns(Turn(text="Two.", calls=(Shell("ls"), Shell("pwd"))), Turn(text="Done."))
TOOL = {"name": "bash", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}
Body = dict[str, Any]  # requests are taken apart and broken freely here


@pytest.fixture
def client() -> TestClient:
    return TestClient(app(SCRIPT))


def _body(messages: list[Body]) -> Body:
    return {"model": "gpt-5.5", "tools": [{"type": "function", "function": TOOL}], "messages": messages}


@pytest.fixture
def history(client: TestClient) -> Body:
    """A request whose history the provider made itself: prompt, two calls, two results."""
    prompt = {"role": "user", "content": "go"}
    said = client.post("/v1/chat/completions", json=_body([prompt])).json()["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in said["tool_calls"]]
    return _body([prompt, said, *results])


def test_the_history_as_it_was_made_is_accepted(client: TestClient, history: Body) -> None:
    """An untouched history leads to the next turn."""
    answer = client.post("/v1/chat/completions", json=history)
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Done.", "stop")
    assert "tool_calls" not in choice["message"]


UNANSWERED = "An assistant message with 'tool_calls' must be followed by tool messages"
BROKEN: dict[str, tuple[Callable[[Body], object], str]] = {
    "a call without its result": (lambda body: body["messages"].pop(), UNANSWERED),
    "a prompt before the last result": (
        lambda body: body["messages"].insert(3, {"role": "user", "content": "well"}),
        UNANSWERED,
    ),
    "a result without its call": (
        lambda body: body["messages"][1]["tool_calls"].pop(),
        "not found in 'tool_calls' of previous message",
    ),
    "results without calls": (
        lambda body: body["messages"].__setitem__(1, {"role": "assistant", "content": "no"}),
        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'",
    ),
    "a result of another id": (
        lambda body: body["messages"][2].update(tool_call_id="call_x"),
        "'tool_call_id' of 'call_x' not found",
    ),
    "two results for one call": (
        lambda body: body["messages"].append(body["messages"][2]),
        "Duplicate tool message",
    ),
    "one id for two calls": (
        lambda body: body["messages"][1]["tool_calls"].append(body["messages"][1]["tool_calls"][0]),
        "Duplicate or missing 'id'",
    ),
    "a list of no calls": (
        lambda body: body["messages"].__setitem__(1, {"role": "assistant", "content": "", "tool_calls": []}),
        "tool_calls': empty array",
    ),
    "an answer without anything": (
        lambda body: body["messages"].append({"role": "assistant", "content": None}),
        "expected a string, got null",
    ),
    "an unknown role": (lambda body: body["messages"][0].update(role="model"), "Invalid value: 'model'"),
    "no messages": (lambda body: body.update(messages=[]), "Invalid 'messages': empty array"),
    "no model": (lambda body: body.pop("model"), "you must provide a model parameter"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused(client: TestClient, history: Body, name: str) -> None:
    """Each broken rule is the real API's 400 with its error object."""
    change, words = BROKEN[name]
    change(history)
    answer = client.post("/v1/chat/completions", json=history)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert words in answer.json()["error"]["message"]


def test_freeform_tools_are_called_with_raw_text(client: TestClient) -> None:
    """A custom tool gets its input as it stands, not as JSON."""
    body = _body([{"role": "user", "content": "go"}])
    body["tools"] = [{"type": "custom", "custom": {"name": "exec"}}]
    calls = client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["tool_calls"]
    assert calls[0]["custom"]["input"] == 'const r = await tools.exec_command({"cmd": "ls"}); text(r);'
