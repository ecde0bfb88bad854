"""The scripted provider refuses what Anthropic Messages refuses, in its words."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from starlette.testclient import TestClient

from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns

SCRIPT = turns(
    Turn(text="Two.", thinking="Both at once.", calls=(Shell("ls"), Shell("pwd"))),
    Turn(text="Done."),
)
TOOLS = [
    {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {}, "description": {}}}},
]
Body = dict[str, Any]  # requests are taken apart and broken freely here


@pytest.fixture
def client() -> TestClient:
    return TestClient(app(SCRIPT))


def _body(messages: list[Body]) -> Body:
    return {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "thinking": {"type": "adaptive"},
        "tools": TOOLS,
        "messages": messages,
    }


@pytest.fixture
def history(client: TestClient) -> Body:
    """A request whose history the provider made itself."""
    prompt = {"role": "user", "content": "go"}
    answer = client.post("/v1/messages", json=_body([prompt])).json()
    calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call, "content": "ok"} for call in calls]
    said = {"role": "assistant", "content": answer["content"]}
    return _body([prompt, said, {"role": "user", "content": results}])


def test_the_history_as_it_was_made_is_accepted(client: TestClient, history: Body) -> None:
    """An untouched history leads to the next turn; results may come in any order."""
    for body in (history, _with(history, lambda body: body["messages"][2]["content"].reverse())):
        answer = client.post("/v1/messages", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["content"] == [{"type": "text", "text": "Done."}]
        assert answer.json()["stop_reason"] == "end_turn"


def _with(history: Body, change: Callable[[Body], object]) -> Body:
    body = deepcopy(history)
    change(body)
    return body


def _said(body: Body) -> list[Body]:
    blocks: list[Body] = body["messages"][1]["content"]
    return blocks


def _results(body: Body) -> list[Body]:
    blocks: list[Body] = body["messages"][2]["content"]
    return blocks


def _call(body: Body) -> Body:
    return next(block for block in _said(body) if block["type"] == "tool_use")


UNANSWERED = "`tool_use` ids were found without `tool_result` blocks immediately after"
UNEXPECTED = "unexpected `tool_use_id` found in `tool_result` blocks"
BROKEN: dict[str, tuple[Callable[[Body], object], str]] = {
    "a call without its result": (lambda body: _results(body).pop(), UNANSWERED),
    "calls at the very end": (lambda body: body["messages"].pop(), UNANSWERED),
    "text before the results": (
        lambda body: _results(body).insert(0, {"type": "text", "text": "well"}),
        UNANSWERED,
    ),
    "a prompt in place of the results": (
        lambda body: body["messages"].__setitem__(2, {"role": "user", "content": "and?"}),
        UNANSWERED,
    ),
    "a result without its call": (lambda body: _said(body).pop(), UNEXPECTED),
    "a result of another id": (lambda body: _results(body)[0].update(tool_use_id="toolu_x"), UNEXPECTED),
    "two results for one call": (
        lambda body: _results(body).append(_results(body)[0]),
        "each tool_use must have a single result",
    ),
    "one id for two calls": (
        lambda body: (
            [block.update(id="toolu_same") for block in _said(body) if block["type"] == "tool_use"]
            + [block.update(tool_use_id="toolu_same") for block in _results(body)]
            + [_results(body).pop()]
        ),
        "`tool_use` ids must be unique",
    ),
    "a changed thought": (
        lambda body: _said(body)[0].update(thinking="Both at once!"),
        "Invalid `signature` in `thinking` block",
    ),
    "a changed signature": (
        lambda body: _said(body)[0].update(signature="E" + _said(body)[0]["signature"]),
        "Invalid `signature` in `thinking` block",
    ),
    "no thought before its call": (
        lambda body: _said(body).pop(0),
        "Expected `thinking` or `redacted_thinking`, but found `text`",
    ),
    "the thought behind other text": (
        lambda body: _said(body).append(_said(body).pop(0)),
        "Expected `thinking` or `redacted_thinking`, but found `text`",
    ),
    "empty text": (lambda body: _said(body)[1].update(text=""), "text content blocks must be non-empty"),
    "empty content": (
        lambda body: body["messages"][0].update(content=[]),
        "all messages must have non-empty content",
    ),
    "an unknown role": (lambda body: body["messages"][0].update(role="tool"), "Input should be 'user'"),
    "no messages": (lambda body: body.update(messages=[]), "at least one message is required"),
    "no model": (lambda body: body.pop("model"), "model: Field required"),
    "one name for two tools": (
        lambda body: body.update(tools=TOOLS + TOOLS),
        "Tool names must be unique",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused(client: TestClient, history: Body, name: str) -> None:
    """Each broken rule is the real API's 400 with its error object."""
    change, words = BROKEN[name]
    answer = client.post("/v1/messages", json=_with(history, change))
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert words in answer.json()["error"]["message"]


def test_a_released_call_alone_is_accepted(client: TestClient, history: Body) -> None:
    """A call that was replaced by text after the thought leaves a history that holds."""
    body = deepcopy(history)
    body["messages"][1]["content"][2] = {"type": "text", "text": "This call was refused."}
    body["messages"][2]["content"].pop(0)
    assert client.post("/v1/messages", json=body).status_code == 200


def test_an_older_turn_may_lose_its_thought(client: TestClient, history: Body) -> None:
    """Thinking is only demanded since the person last spoke."""
    body = deepcopy(history)
    body["messages"][1]["content"].pop(0)
    body["messages"] += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": "go on"}]
    answer = client.post("/v1/messages", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["stop_reason"] == "tool_use"


def test_ids_differ_between_turns_of_one_conversation(client: TestClient, history: Body) -> None:
    """The same prompt said twice gets other ids, or the history could not be accepted."""
    body = deepcopy(history)
    body["messages"] += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": "go"}]
    again = client.post("/v1/messages", json=body).json()
    first = {block["id"] for block in _said(history) if block["type"] == "tool_use"}
    assert first.isdisjoint(block["id"] for block in again["content"] if block["type"] == "tool_use")
