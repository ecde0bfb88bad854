"""The scripted provider refuses what Gemini refuses, in its words."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, WriteFile, turns

PATH = "/v1beta/models/gemini-3.1-pro-preview:generateContent"
SCRIPT = turns(
    Turn(text="Two.", thinking="Both.", calls=(Shell("ls"), WriteFile("a.txt", "a"))),
    Turn(text="Done."),
)
SHELL = {"name": "run_shell_command", "parametersJsonSchema": {"properties": {"command": {}, "description": {}}}}
WRITE = {"name": "write_file", "parametersJsonSchema": {"properties": {"file_path": {}, "content": {}}}}
Body = dict[str, Any]  # requests are taken apart and broken freely here


@pytest.fixture
def client() -> TestClient:
    return TestClient(app(SCRIPT))


def _body(contents: list[Body]) -> Body:
    return {"contents": contents, "tools": [{"functionDeclarations": [SHELL, WRITE]}]}


@pytest.fixture
def history(client: TestClient) -> Body:
    """A request whose history the provider made itself: prompt, text and two calls, two responses."""
    prompt = {"role": "user", "parts": [{"text": "go"}]}
    said = client.post(PATH, json=_body([prompt])).json()["candidates"][0]["content"]
    calls = [part["functionCall"] for part in said["parts"] if "functionCall" in part]
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "ok"}}}
        for call in calls
    ]
    return _body([prompt, said, {"role": "user", "parts": results}])


def test_the_history_as_it_was_made_is_accepted(client: TestClient, history: Body) -> None:
    """An untouched history leads to the next turn; of parallel calls only the first is signed."""
    signed = ["thoughtSignature" in part for part in _said(history)]
    assert signed == [False, True, False]
    answer = client.post(PATH, json=history)
    assert answer.status_code == 200, answer.text
    candidate = answer.json()["candidates"][0]
    assert candidate["content"]["parts"][0]["text"] == "Done."
    assert candidate["finishReason"] == "STOP"
    history["contents"] += [candidate["content"], {"role": "user", "parts": [{"text": "thanks"}]}]
    assert client.post(PATH, json=history).status_code == 200


def _said(body: Body) -> list[Body]:
    parts: list[Body] = body["contents"][1]["parts"]
    return parts


def _results(body: Body) -> list[Body]:
    parts: list[Body] = body["contents"][2]["parts"]
    return parts


def _shuffle(body: Body) -> None:
    _results(body).reverse()
    for part in _results(body):
        part["functionResponse"].pop("id")


COUNT = "number of function response parts is equal to the number of function call parts"
BROKEN: dict[str, tuple[Callable[[Body], object], str]] = {
    "a call without its response": (lambda body: _results(body).pop(), COUNT),
    "no responses": (lambda body: body["contents"].pop(), COUNT),
    "a prompt in place of the responses": (
        lambda body: body["contents"].__setitem__(2, {"role": "user", "parts": [{"text": "well"}]}),
        COUNT,
    ),
    "a response too many": (lambda body: _results(body).append(_results(body)[0]), COUNT),
    "responses without calls": (
        lambda body: body["contents"].__setitem__(1, {"role": "model", "parts": [{"text": "no"}]}),
        "function response turn comes immediately after a function call turn",
    ),
    "calls first of all": (
        lambda body: body["contents"].pop(0),
        "function call turn comes immediately after a user turn",
    ),
    "responses in another order without ids": (
        _shuffle,
        "Function response name does not match",
    ),
    "a response of another id": (
        lambda body: _results(body)[0]["functionResponse"].update(id="other"),
        "Function response id does not match",
    ),
    "a response of another name": (
        lambda body: _results(body)[0]["functionResponse"].update(name="other"),
        "Function response name does not match",
    ),
    "no signature on the first call": (
        lambda body: _said(body)[1].pop("thoughtSignature"),
        "Function call is missing a thought_signature in functionCall parts",
    ),
    "the signed call taken out": (
        lambda body: (_said(body).pop(1), _results(body).pop(0)),
        "Function call is missing a thought_signature in functionCall parts",
    ),
    "a changed signature": (
        lambda body: _said(body)[1].update(thoughtSignature="A" + _said(body)[1]["thoughtSignature"][1:]),
        "Corrupted thought signature.",
    ),
    "a signature on another call": (
        lambda body: _said(body)[2].update(thoughtSignature=_said(body)[1]["thoughtSignature"]),
        "Corrupted thought signature.",
    ),
    "changed arguments under a signature": (
        lambda body: _said(body)[1]["functionCall"]["args"].update(command="pwd"),
        "Corrupted thought signature.",
    ),
    "an unknown role": (
        lambda body: body["contents"][0].update(role="assistant"),
        "Please use a valid role: user, model.",
    ),
    "no parts": (lambda body: body["contents"][0].update(parts=[]), "parts must not be empty"),
    "no contents": (lambda body: body.update(contents=[]), "contents is not specified"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_refused(client: TestClient, history: Body, name: str) -> None:
    """Each broken rule is the real API's 400 with its error object."""
    change, words = BROKEN[name]
    change(history)
    answer = client.post(PATH, json=history)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert words in answer.json()["error"]["message"]


def test_an_older_step_may_lose_its_signature(client: TestClient, history: Body) -> None:
    """Signatures are only demanded since the person last spoke."""
    _said(history)[1].pop("thoughtSignature")
    done = {"role": "model", "parts": [{"text": "Done."}]}
    history["contents"] += [done, {"role": "user", "parts": [{"text": "again"}]}]
    answer = client.post(PATH, json=history)
    assert answer.status_code == 200, answer.text


def test_responses_may_come_in_any_order_with_ids(client: TestClient, history: Body) -> None:
    """Ids pair calls and responses, so their order is free."""
    _results(history).reverse()
    assert client.post(PATH, json=history).status_code == 200


def test_a_moved_conversation_may_skip_the_check(client: TestClient, history: Body) -> None:
    """The documented stand-in for a signature is taken, as clients use it that come from elsewhere."""
    _said(history)[1].update(thoughtSignature="skip_thought_signature_validator")
    assert client.post(PATH, json=history).status_code == 200
