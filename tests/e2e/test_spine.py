"""The main job over real processes: ask, hold, click, release, log, verify; with curl-like requests."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify

COMMAND = "rm -rf /srv/data"
SCRIPT = turns(
    Turn(text="I look first.", calls=(Shell("ls -la"),)),
    Turn(text="Now I remove it.", thinking="It looks old.", calls=(Shell(COMMAND),)),
    Turn(text="Fin"),
)
TOOLS = [
    {
        "name": "bash",
        "description": "run a command",
        "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    }
]


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server in front of the scripted provider."""
    with served(app(SCRIPT, key=PROVIDER_KEY, records=True)) as provider:
        installed = install(tmp_path_factory.mktemp("spine"), provider=provider, models="hold_s = 20")
        with serving(installed) as running:
            yield running


def ask(firewall: Served, token: str, messages: list[object], *, stream: bool = True) -> httpx.Response:
    """Ask the model as an Anthropic client would."""
    body = {"model": "claude-sonnet-5", "max_tokens": 1000, "messages": messages, "tools": TOOLS, "stream": stream}
    headers = {"x-api-key": token, "anthropic-version": "2023-06-01", "user-agent": "claude-cli/2.1.329"}
    return httpx.post(f"{firewall.agents}/v1/messages", json=body, headers=headers, timeout=60, trust_env=False)


def first_turn(firewall: Served, token: str) -> list[object]:
    """Play the harmless first turn and return the history behind it."""
    prompt = {"role": "user", "content": "clean up, please"}
    answer = ask(firewall, token, [prompt], stream=False)
    assert answer.status_code == 200, answer.text
    content = answer.json()["content"]
    call = next(block for block in content if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "total 0"}
    return [prompt, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]


def decide_when_asked(firewall: Served, decision: str) -> threading.Thread:
    """Decide the first approval that waits, from another thread."""

    def decide() -> None:
        for _ in range(400):
            waiting = firewall.pending()
            if waiting:
                firewall.decide(str(waiting[0]["id"]), decision, "not today" if decision == "deny" else "")
                return
            threading.Event().wait(0.05)

    thread = threading.Thread(target=decide, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("stream", [True, False])
def test_approved_call_is_released_byte_for_byte(firewall: Served, *, stream: bool) -> None:
    """A destructive call is held until a person approves it; then exactly that call comes."""
    token = firewall.mint()
    history = first_turn(firewall, token)
    thread = decide_when_asked(firewall, "approve")
    answer = ask(firewall, token, history, stream=stream)
    thread.join(30)
    assert answer.status_code == 200, answer.text
    assert COMMAND in answer.text.replace('\\"', "") or COMMAND in _joined(answer.text)
    assert "tool_use" in answer.text
    checked = verify(firewall.installed)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("stream", [True, False])
def test_denied_call_never_leaves(firewall: Served, *, stream: bool) -> None:
    """A denied call's arguments are nowhere in the answer; the agent is told why, again when it repeats."""
    token = firewall.mint(agent=f"denied-{stream}")
    history = first_turn(firewall, token)
    thread = decide_when_asked(firewall, "deny")
    answers = [ask(firewall, token, history, stream=stream)]
    thread.join(30)
    asked = len(firewall.approvals())
    answers.append(ask(firewall, token, history, stream=stream))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        said = _joined(answer.text)
        assert ("/srv/data" in said, "denied" in said, "not today" in said) == (False, True, True)
    assert len(firewall.approvals()) == asked


def _joined(text: str) -> str:
    """Put the pieces of a stream's deltas together."""
    pieces = []
    for line in text.splitlines():
        if line.startswith("data: "):
            delta = json.loads(line[6:]).get("delta", {})
            pieces.append(delta.get("partial_json") or delta.get("text") or "")
    return "".join(pieces) or text


def test_whole_log_is_private_and_verifies(firewall: Served) -> None:
    """No command, name or token stands readable in the log; one changed byte is named."""
    raw = firewall.installed.database.read_bytes()
    assert b"/srv/data" not in raw
    assert PROVIDER_KEY.encode() not in raw
    assert firewall.installed.shown["admin_token"].encode() not in raw
    assert verify(firewall.installed).returncode == 0
