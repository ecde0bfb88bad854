"""The scripted provider as a server: keys, records, faults, side requests, lists and the same answer twice."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from firewall.demo.performance import CutError
from firewall.demo.provider import app
from firewall.demo.scenes import INCIDENT, incident, remove
from firewall.demo.script import Fault, FaultKind, FaultPlace, Scene, Script, Shell, Turn, turns

KEY = "sk-the-providers-key"
SHELL = {"type": "object", "properties": {"command": {"type": "string"}}}
Body = dict[str, Any]  # answers are only looked into here

BODIES: dict[str, Body] = {
    "/v1/messages": {
        "model": "m",
        "max_tokens": 1,
        "tools": [{"name": "Bash", "input_schema": SHELL}],
        "messages": [{"role": "user", "content": "go"}],
    },
    "/v1/chat/completions": {
        "model": "m",
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": SHELL}}],
        "messages": [{"role": "user", "content": "go"}],
    },
    "/v1/responses": {
        "model": "m",
        "tools": [{"type": "function", "name": "shell", "parameters": SHELL}],
        "input": "go",
    },
    "/v1beta/models/m:generateContent": {
        "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parameters": SHELL}]}],
        "contents": [{"role": "user", "parts": [{"text": "go"}]}],
    },
}
HEADERS = {
    "/v1/messages": {"x-api-key": KEY},
    "/v1/chat/completions": {"authorization": f"Bearer {KEY}"},
    "/v1/responses": {"authorization": f"Bearer {KEY}"},
    "/v1beta/models/m:generateContent": {"x-goog-api-key": KEY},
}
ENDS = ("message_stop", "[DONE]", "response.completed", "finishReason")
CALLING = turns(Turn(text="I will.", calls=(Shell("rm -rf /srv/data"),)), Turn(text="Done."))


def _client(script: Script, **options: Any) -> TestClient:  # passed on to `app`
    return TestClient(app(script, **options))


def _streamed(path: str) -> tuple[str, Body]:
    """Return the path and body of the same request, streamed."""
    if path.endswith(":generateContent"):
        return path.replace(":generateContent", ":streamGenerateContent") + "?alt=sse", BODIES[path]
    return path, BODIES[path] | {"stream": True}


@pytest.mark.parametrize("path", BODIES)
def test_the_call_fits_the_declared_shell(path: str) -> None:
    """Whatever the shell tool is called, the scripted command arrives in its own argument."""
    answer = _client(CALLING).post(path, json=BODIES[path])
    assert answer.status_code == 200, answer.text
    declared = json.dumps(BODIES[path])
    name = next(shell for shell in ("Bash", "run_shell_command", "shell", "bash") if f'"{shell}"' in declared)
    assert f'"{name}"' in answer.text
    assert "rm -rf /srv/data" in answer.text


@pytest.mark.parametrize("path", BODIES)
def test_the_same_request_gets_the_same_bytes(path: str) -> None:
    """A request that is sent again gets the same answer, streamed or not, from another process too."""
    where, body = _streamed(path)
    first, second = (_client(CALLING) for _ in range(2))
    assert first.post(path, json=BODIES[path]).content == second.post(path, json=BODIES[path]).content
    assert first.post(where, json=body).content == second.post(where, json=body).content


def test_another_seed_is_another_provider() -> None:
    """Two providers make different ids."""
    path = "/v1/messages"
    other = Script(scenes=CALLING.scenes, seed="other")
    ids = [_client(script).post(path, json=BODIES[path]).json()["id"] for script in (CALLING, other)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("path", BODIES)
def test_the_key_is_demanded(path: str) -> None:
    """Without exactly its key the provider does nothing."""
    client = _client(CALLING, key=KEY)
    assert client.post(path, json=BODIES[path], headers=HEADERS[path]).status_code == 200
    for wrong in ({}, {name: f"{value}x" for name, value in HEADERS[path].items()}):
        answer = client.post(path, json=BODIES[path], headers=wrong)
        assert answer.status_code in (400, 401)
        assert "key" in answer.text
        assert KEY not in answer.text


def test_what_was_received_is_told_without_the_key() -> None:
    """Tests see every header and body; the provider's own key is masked, any other secret is not."""
    client = _client(CALLING, key=KEY, records=True)
    headers = [("x-api-key", KEY), ("x-other", "shd_staging_agent_secret"), ("x-other", "twice")]
    client.post("/v1/messages?beta=true", json=BODIES["/v1/messages"], headers=headers)
    client.get("/nowhere")
    seen = client.get("/_seen").json()
    assert [(entry["method"], entry["path"], entry["status"]) for entry in seen] == [
        ("POST", "/v1/messages", 200),
        ("GET", "/nowhere", 404),
    ]
    assert seen[0]["query"] == "beta=true"
    assert seen[0]["headers"]["x-api-key"] == "<key>"
    assert seen[0]["headers"]["x-other"] == "shd_staging_agent_secret, twice"
    assert json.loads(seen[0]["body"]) == BODIES["/v1/messages"]
    assert seen[0]["ended"] == "whole"


def test_nothing_is_told_unless_asked_for() -> None:
    """Records exist only in test mode."""
    client = _client(CALLING)
    client.post("/v1/messages", json=BODIES["/v1/messages"])
    assert client.get("/_seen").status_code == 404


@pytest.mark.parametrize("path", BODIES)
def test_requests_without_tools_get_harmless_words(path: str) -> None:
    """A request for a title never gets a tool call."""
    body = {name: value for name, value in BODIES[path].items() if name != "tools"}
    answer = _client(CALLING).post(path, json=body)
    assert answer.status_code == 200
    assert "Tidying up a directory" in answer.text
    assert "rm -rf" not in answer.text


def test_a_request_for_an_object_gets_one_that_fits() -> None:
    """A routing question (Gemini CLI asks one first) gets an answer of its schema."""
    schema = {"type": "OBJECT", "properties": {"why": {"type": "STRING"}, "score": {"type": "INTEGER"}}}
    body = {
        "contents": [{"role": "user", "parts": [{"text": "go"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema},
    }
    answer = _client(CALLING).post("/v1beta/models/m:generateContent", json=body).json()
    assert json.loads(answer["candidates"][0]["content"]["parts"][0]["text"]) == {"why": "Tidying up", "score": 0}


@pytest.mark.parametrize("path", BODIES)
def test_a_scripted_error_has_the_dialects_shape(path: str) -> None:
    """An error before the answer has status, object and Retry-After; it ends after its times."""
    fault = Fault(FaultKind.ERROR, status=429, message="slow down", retry_after_s=7, times=1)
    client = _client(turns(Turn(text="Hello.", fault=fault)))
    answer = client.post(path, json=BODIES[path])
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["message"] == "slow down"
    assert client.post(path, json=BODIES[path]).status_code == 200


@pytest.mark.parametrize("path", BODIES)
def test_an_error_in_a_stream_is_its_last_event(path: str) -> None:
    """What breaks in the middle is told by the dialect's error event, and no terminal event follows."""
    fault = Fault(FaultKind.ERROR, at=FaultPlace.CALL, status=529, message="overloaded now")
    client = _client(turns(Turn(text="Hello.", calls=(Shell("ls -la /srv"),), fault=fault)))
    where, body = _streamed(path)
    answer = client.post(where, json=body)
    assert answer.status_code == 200
    assert "overloaded now" in answer.text.strip().splitlines()[-1]
    assert not [end for end in ENDS if end in answer.text]


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.END])
@pytest.mark.parametrize("path", BODIES)
def test_an_answer_that_breaks_off_tells_no_end(path: str, kind: FaultKind) -> None:
    """A cut or a silent end leaves the call unfinished and the stream without a terminal event."""
    fault = Fault(kind, at=FaultPlace.CALL)
    transport = _client(turns(Turn(text="Hello.", calls=(Shell("ls -la /srv"),), fault=fault)))
    where, body = _streamed(path)
    if kind is FaultKind.CUT:
        with pytest.raises(CutError):
            transport.post(where, json=body)
        return
    answer = transport.post(where, json=body)
    assert "Hel" in answer.text
    assert not [end for end in ENDS if end in answer.text]


@pytest.mark.parametrize(
    ("path", "headers", "key", "name"),
    [
        ("/v1/models", {}, "data", "id"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "data", "id"),
        ("/v1beta/models", {}, "models", "name"),
    ],
)
def test_models_are_listed_as_each_api_does(path: str, headers: dict[str, str], key: str, name: str) -> None:
    """The list and one of its models can be had, an unknown one is 404."""
    client = _client(CALLING)
    listed = client.get(path, headers=headers).json()[key]
    first = listed[0]["id" if "id" in listed[0] else "name"].removeprefix("models/")
    assert client.get(f"{path}/{first}", headers=headers).json()[name] == listed[0][name]
    assert client.get(f"{path}/none", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/messages/count_tokens", "input_tokens"),
        ("/v1/responses/input_tokens", "input_tokens"),
        ("/v1beta/models/m:countTokens", "totalTokens"),
    ],
)
def test_tokens_are_counted(path: str, key: str) -> None:
    """Counting answers with a number that grows with the request."""
    body = next(value for known, value in BODIES.items() if path.startswith(known.split(":")[0]))
    counted = _client(CALLING).post(path, json=body).json()[key]
    assert counted == len(json.dumps(body, separators=(",", ":"))) // 4


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a": 1, "a": 2}', b'{"model": NaN}'])
@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_is_no_object_is_refused(path: str, body: bytes) -> None:
    """What cannot be read in one way only is 400."""
    assert _client(CALLING).post(path, content=body).status_code == 400


@pytest.mark.parametrize(
    ("prompt", "command"),
    [
        ("Please clean up here", "rm -rf /srv/data"),
        ("push it", "git push --force origin main"),
        ("fix the volume", "volumeDelete"),
        ("have a look", "ls -la"),
    ],
)
def test_the_incident_leads_to_the_deed(prompt: str, command: str) -> None:
    """With the built-in script a first bare request already meets the destructive call when its prompt asks."""
    body = BODIES["/v1/chat/completions"] | {"messages": [{"role": "user", "content": prompt}]}
    answer = _client(INCIDENT).post("/v1/chat/completions", json=body).json()
    call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "bash"
    assert command in json.loads(call["arguments"])["command"]


def test_the_incident_can_aim_elsewhere() -> None:
    """The demo aims the same script at things of its own; nothing of the defaults is left in it."""
    script = incident(directory="/tmp/own data", railway="http://127.0.0.1:1/graphql/v2")  # noqa: S108 - only text
    assert script.turn("clean up", 0).calls == (remove("/tmp/own data"),)  # noqa: S108 - only text
    assert "/srv/data" not in str(script)
    assert "railway.app" not in str(script)
    assert "rm -rf '/tmp/own data'" in str(script)


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        ("clean", "A"),
        ("other", "B"),
        ("<system-reminder>\nclean\n</system-reminder>", "A"),
        ("# AGENTS.md instructions for /w\nclean", "A"),
    ],
    ids=["fits", "fits not", "a reminder is no prompt", "rules are no prompt"],
)
def test_scenes_are_chosen_by_the_last_prompt_only(last: str, wanted: str) -> None:
    """Earlier prompts and what clients add to them do not choose the scene."""
    script = Script(scenes=(Scene(when="clean", turns=(Turn(text="A"),)), Scene(turns=(Turn(text="B"),))))
    blocks = [{"type": "text", "text": "<context>clean</context>"}, {"type": "text", "text": last}]
    messages = [
        {"role": "user", "content": "clean"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": blocks},
    ]
    answer = _client(script).post("/v1/messages", json=BODIES["/v1/messages"] | {"messages": messages})
    assert answer.json()["content"][0]["text"] == wanted


RESUMED: dict[str, Body] = {
    "/v1/messages": {
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "I w"},
            {"role": "user", "content": "Your response above was cut off mid-stream. Resume directly."},
        ]
    },
    "/v1/chat/completions": {
        "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "I w"}]
    },
    "/v1/responses": {
        "input": [
            {"role": "user", "content": "go"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I w"}]},
        ]
    },
    "/v1beta/models/m:generateContent": {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"text": "I w"}]},
        ]
    },
}


@pytest.mark.parametrize("path", BODIES)
def test_an_answer_cut_short_is_taken_up_again(path: str) -> None:
    """A client that sends back what it got of a broken answer meets the same turn, with ids of its own."""
    fault = Fault(FaultKind.ERROR, at=FaultPlace.CALL, times=1)
    script = turns(Turn(text="I will.", calls=(Shell("rm -rf /srv/data"),), fault=fault), Turn(text="Done."))
    client = _client(script)
    where, body = _streamed(path)
    broken = client.post(where, json=body)
    assert not [end for end in ENDS if end in broken.text]
    resumed = client.post(path, json=BODIES[path] | RESUMED[path])
    assert resumed.status_code == 200
    assert "rm -rf /srv/data" in resumed.text
    ident = next(resumed.json()[name] for name in ("id", "responseId") if name in resumed.json())
    assert ident not in broken.text


@pytest.mark.parametrize("path", BODIES)
def test_a_request_sent_again_meets_the_end_of_its_fault(path: str) -> None:
    """A fault of one time is over when the very same request comes again."""
    fault = Fault(FaultKind.END, at=FaultPlace.CALL, times=1)
    client = _client(turns(Turn(text="I will.", calls=(Shell("rm -rf /srv/data"),), fault=fault)))
    where, body = _streamed(path)
    first, second = (client.post(where, json=body).text for _ in range(2))
    assert not [end for end in ENDS if end in first]
    assert [end for end in ENDS if end in second]
