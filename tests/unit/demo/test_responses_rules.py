"""The scripted provider refuses what OpenAI Responses refuses, in its words."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from starlette.testclient import TestClient

from firewall.demo.provider import app
from firewall.demo.script import Custom, Shell, Turn, turns

PATCH = "*** Begin Patch\n*** Add File: a.txt\n+a\n*** End Patch\n"
SCRIPT = turns(
    Turn(text="Two.", thinking="Both at once.", calls=(Shell("ls"), Custom("apply_patch", PATCH))),
    Turn(text="Done.", thinking="That was all."),
)
TOOLS = [
    {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {"cmd": {}}}},
    {"type": "custom", "name": "apply_patch"},
]
Body = dict[str, Any]  # requests are taken apart and broken freely here


@pytest.fixture
def client() -> TestClient:
    return TestClient(app(SCRIPT))


def _body(items: list[Body]) -> Body:
    include = ["reasoning.encrypted_content"]
    return {"model": "gpt-5.5", "store": False, "include": include, "tools": TOOLS, "input": items}


@pytest.fixture
def history(client: TestClient) -> Body:
    """A request whose history the provider made itself: prompt, message, reasoning, two calls, two outputs."""
    prompt = {"role": "user", "content": [{"type": "input_text", "text": "go"}]}
    output = client.post("/v1/responses", json=_body([prompt])).json()["output"]
    kinds = [item["type"] for item in output]
    assert kinds == ["message", "reasoning", "function_call", "custom_tool_call"]
    results = [
        {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": "ok"} for item in output[2:]
    ]
    return _body([prompt, *output, *results])


def test_the_history_as_it_was_made_is_accepted(client: TestClient, history: Body) -> None:
    """An untouched history leads to the next turn, whose reasoning belongs to its message."""
    answer = client.post("/v1/responses", json=history)
    assert answer.status_code == 200, answer.text
    output = answer.json()["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    then = deepcopy(history)
    then["input"] += [*output, {"role": "user", "content": "thanks"}]
    assert client.post("/v1/responses", json=then).status_code == 200
    then["input"].pop(-2)
    assert "required following item" in client.post("/v1/responses", json=then).text


def test_item_ids_may_be_left_out(client: TestClient, history: Body) -> None:
    """Clients that keep nothing at the provider may send items without their ids."""
    for item in history["input"]:
        item.pop("id", None)
    assert client.post("/v1/responses", json=history).status_code == 200


def _item(body: Body, kind: str) -> Body:
    found: Body = next(item for item in body["input"] if item.get("type") == kind)
    return found


def _drop(body: Body, *kinds: str) -> None:
    for kind in kinds:
        body["input"].remove(_item(body, kind))


def _text_for(body: Body, kind: str) -> None:
    """Put a refusal in place of a call and drop its output, as an answer that was not released looks."""
    place = body["input"].index(_item(body, kind))
    body["input"][place] = {"role": "assistant", "content": [{"type": "output_text", "text": "refused"}]}
    _drop(body, f"{kind}_output")


FOLLOWING = "of type 'reasoning' was provided without its required following item"
BROKEN: dict[str, tuple[Callable[[Body], object], str]] = {
    "a call without its output": (
        lambda body: _drop(body, "function_call_output"),
        "No tool output found for function call call_",
    ),
    "a custom call without its output": (
        lambda body: _drop(body, "custom_tool_call_output"),
        "No tool output found for custom tool call call_",
    ),
    "an output without its call": (
        lambda body: _drop(body, "custom_tool_call"),
        "No tool call found for custom tool call output with call_id call_",
    ),
    "an output of the other kind": (
        lambda body: _item(body, "custom_tool_call_output").update(type="function_call_output"),
        "No tool call found for function call output",
    ),
    "an output before its call": (
        lambda body: body["input"].insert(0, body["input"].pop()),
        "No tool call found for custom tool call output",
    ),
    "two outputs": (
        lambda body: body["input"].append(body["input"][-1]),
        "Duplicate output found for call_id call_",
    ),
    "one item twice": (
        lambda body: body["input"].insert(2, body["input"][1]),
        "Duplicate item found with id msg_",
    ),
    "reasoning whose call became text": (lambda body: _text_for(body, "function_call"), FOLLOWING),
    "reasoning before another call": (
        lambda body: _drop(body, "function_call", "function_call_output"),
        FOLLOWING,
    ),
    "reasoning at the end": (
        lambda body: body["input"].append(body["input"].pop(2)),
        FOLLOWING,
    ),
    "changed reasoning": (
        lambda body: _item(body, "reasoning").update(
            encrypted_content="A" + _item(body, "reasoning")["encrypted_content"][1:]
        ),
        "could not be verified",
    ),
    "reasoning of another item": (
        lambda body: _item(body, "reasoning").update(id="rs_other"),
        "could not be verified",
    ),
    "an earlier answer by its id": (
        lambda body: body.update(previous_response_id="resp_x"),
        "Previous response with id 'resp_x' not found.",
    ),
    "no model": (lambda body: body.pop("model"), "Missing required parameter: 'model'."),
    "an item without a type": (
        lambda body: body["input"].append({"text": "?"}),
        "Missing required parameter: 'input[7].type'.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused(client: TestClient, history: Body, name: str) -> None:
    """Each broken rule is the real API's 400 with its error object."""
    change, words = BROKEN[name]
    change(history)
    answer = client.post("/v1/responses", json=history)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "item",
    [{"type": "item_reference", "id": "rs_1"}, {"type": "reasoning", "id": "rs_1", "summary": []}],
    ids=["reference", "reasoning without content"],
)
def test_nothing_is_stored(client: TestClient, history: Body, item: Body) -> None:
    """What only an id names is not found, since nothing is kept."""
    history["input"].append(item)
    answer = client.post("/v1/responses", json=history)
    assert answer.status_code == 404
    assert "Items are not persisted when `store` is set to false" in answer.json()["error"]["message"]


def test_a_refused_call_takes_its_reasoning_along(client: TestClient, history: Body) -> None:
    """Text in place of a call is accepted when the reasoning that led to it went with it."""
    _text_for(history, "function_call")
    _drop(history, "reasoning")
    assert client.post("/v1/responses", json=history).status_code == 200


def test_tools_of_a_namespace_are_called_in_it(client: TestClient) -> None:
    """Tools that come as an item are found, and the call names their namespace."""
    declared = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    items = [{"type": "additional_tools", "role": "developer", "tools": [declared]}]
    body = _body([*items, {"role": "user", "content": "go"}]) | {"tools": []}
    output = client.post("/v1/responses", json=body).json()["output"]
    call = next(item for item in output if item["type"] == "custom_tool_call")
    assert (call["name"], call["namespace"]) == ("exec", "functions")
    assert call["input"] == 'const r = await tools.exec_command({"cmd": "ls"}); text(r);'
