"""The hooks gate with a real server: what hooks and frameworks ask, and `stayhand hook` as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from firewall.codecs.hooks.shapes import AGENTS, DEFERS, denied
from tests.support.installation import REPOSITORY, Served, install, serving, verify
from tests.support.story import story

DESTROY = "rm -r /srv/precious"
LIMIT_S = 30
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class House:
    """A server, and an agent's token."""

    firewall: Served
    token: str
    workspace: Path

    def judge(self, command: str, **more: object) -> httpx.Response:
        """Ask about a shell command as a framework does."""
        wait = f"?wait={more.pop('wait')}" if "wait" in more else ""
        body = {"tool": "Bash", "arguments": {"command": command}, "session": "ses", **more}
        return self.post(f"/v1/judge{wait}", json.dumps(body).encode())

    def post(self, target: str, body: bytes) -> httpx.Response:
        """Ask anything."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        url = f"{self.firewall.agents}{target}"
        return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=LIMIT_S)

    def event(self, command: str, *, session: str = "ses") -> bytes:
        """Return Claude Code's event before a shell command."""
        return json.dumps(
            {
                "session_id": session,
                "cwd": str(self.workspace),
                "hook_event_name": "PreToolUse",
                "tool_name": "Bash",
                "tool_input": {"command": command, "description": "what the model says"},
                "tool_use_id": "toolu_1",
            }
        ).encode()

    def hook(
        self, agent: str, event: bytes, *options: str, **variables: str
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run `stayhand hook AGENT` as an agent does."""
        return hook(
            agent, event, *options, STAYHAND_URL=self.firewall.agents, STAYHAND_AGENT_TOKEN=self.token, **variables
        )


def hook(agent: str, event: bytes, *options: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `stayhand hook AGENT` with just these variables."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", agent, *options],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **variables},
        input=event,
        capture_output=True,
        timeout=60,
        check=False,
    )


def is_denial(agent: str, done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return the reason of a denial in exactly the agent's own form; fail where it is none."""
    assert done.returncode == 0, done
    assert done.stderr == b""
    reason = next(text for text in _texts(json.loads(done.stdout)) if text.startswith("[stayhand]"))
    assert done.stdout == denied(agent, reason)
    return reason


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else ():
        yield from _texts(one)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all."""
    folder = tmp_path_factory.mktemp("hooks")
    workspace = folder / "workspace"
    workspace.mkdir()
    installed = install(folder, settings="\n[hooks]\nhold_s = 20\n")
    with serving(installed) as firewall:
        yield House(firewall, firewall.mint(workspace=str(workspace), ttl="1h"), workspace)
        done = verify(installed)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_harmless_call_is_allowed_and_recorded(house: House) -> None:
    """The answer names its entry, and the entry was there first."""
    answer = house.judge("ls -l")
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "allow"
    entry = int(answer.headers["x-stayhand-entry"])
    told = next(one for one in story(house.firewall.installed, "tool.judged") if one.seq == entry)
    assert (told.data["gate"], told.data["verdict"]) == ("hooks", "allow")


def test_an_asked_call_is_denied_with_its_approval_and_runs_once_after_it(house: House) -> None:
    """The denial names approval and status; after a yes the identical call is allowed, exactly once."""
    first = house.judge(DESTROY).json()
    assert first["verdict"] == "deny"
    approval = first["approval"]
    assert approval["status"] == "pending"
    assert approval["id"] in first["message"]
    status = httpx.get(
        f"{house.firewall.agents}{approval['status_url']}",
        headers={"x-stayhand-token": house.token},
        trust_env=False,
    )
    assert status.json()["status"] == "pending"
    assert house.firewall.decide(approval["id"], "approve").status_code == 200
    second = house.judge(DESTROY).json()
    assert (second["verdict"], second["approval"]["id"]) == ("allow", approval["id"])
    third = house.judge(DESTROY).json()
    assert third["verdict"] == "deny"
    assert third["approval"]["id"] != approval["id"]


def test_a_call_may_wait_for_its_approval(house: House) -> None:
    """Who bears it, and where it is configured, is answered when people have decided."""
    given: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: given.append(house.judge("rm -r /srv/waits", wait=20)))
    asking.start()
    waiting = _waiting(house, "/srv/waits")
    assert house.firewall.decide(waiting, "approve").status_code == 200
    asking.join(LIMIT_S)
    assert given[0].json()["verdict"] == "allow"


def test_who_leaves_while_waiting_uses_nothing_up(house: House) -> None:
    """An approval given after the asker was gone is there for the identical call."""
    body = json.dumps({"tool": "Bash", "arguments": {"command": "rm -r /srv/left"}, "session": "ses"}).encode()
    host, port = house.firewall.agents.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        head = f"POST /v1/judge?wait=20 HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {house.token}\r\n"
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        waiting = _waiting(house, "/srv/left")
    assert house.firewall.decide(waiting, "approve").status_code == 200
    assert house.judge("rm -r /srv/left").json()["verdict"] == "allow"


def test_the_documented_example_asks_and_fails_closed(house: House) -> None:
    """The ten lines of docs/hooks.md get a verdict, and raise where there is none."""
    page = (REPOSITORY / "docs" / "hooks.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 - our own page
    judge = names["judge"]
    assert judge(house.firewall.agents, house.token, "Bash", {"command": "ls"})["verdict"] == "allow"
    assert judge(house.firewall.agents, house.token, "Bash", {"command": DESTROY})["verdict"] == "deny"
    with pytest.raises(httpx.HTTPStatusError):
        judge(house.firewall.agents, "shd_staging_agent_bad", "Bash", {"command": "ls"})


def test_a_person_can_deny(house: House) -> None:
    """What a person refuses is refused, with the words that were said."""
    given: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: given.append(house.judge("rm -r /srv/refused", wait=20)))
    asking.start()
    waiting = _waiting(house, "/srv/refused")
    assert house.firewall.decide(waiting, "deny", "not today").status_code == 200
    asking.join(LIMIT_S)
    answer = given[0].json()
    assert (answer["verdict"], answer["reason"]) == ("deny", "approval:vote:denied")
    assert "not today" in answer["message"]


def test_a_claim_raises_and_never_lowers(house: House) -> None:
    """An environment that is not the token's is a denial, and one that is makes nothing milder."""
    assert house.judge("ls", environment="production").json()["verdict"] == "deny"
    mild = house.judge("rm -r /srv/claimed", environment="staging").json()
    assert mild["verdict"] == "deny"


def _waiting(house: House, words: str) -> str:
    """Wait until a call with these words waits for people; return its approval."""
    ended = threading.Event()
    for _ in range(LIMIT_S * 20):
        for one in house.firewall.pending():
            if words in str(one):
                return str(one["id"])
        ended.wait(0.05)
    raise AssertionError(f"nothing waits with {words}")


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"),
    [
        ("POST", "/v1/judge", b"{", 400, "json_invalid"),
        ("POST", "/v1/judge", b'{"tool": "Bash", "tool": "x"}', 400, "json_duplicate_key"),
        ("POST", "/v1/judge", b'{"tool": "Bash", "readOnly": true}', 400, "judge_field_unknown"),
        ("POST", "/v1/judge?wait=-1", b'{"tool": "Bash"}', 400, "wait_invalid"),
        ("POST", "/v1/judge/more", b'{"tool": "Bash"}', 404, "endpoint_unsupported"),
        ("POST", "/v1/judgement", b'{"tool": "Bash"}', 404, "endpoint_unsupported"),
        ("GET", "/v1/judge", b"", 404, "endpoint_unsupported"),
        ("POST", "/hooks/nobody", b"{}", 404, "endpoint_unsupported"),
        ("POST", "/hooks/claude-code", b"[]", 400, "json_invalid"),
        ("POST", "/hooks/claude-code", b"{}", 400, "hook_event_invalid"),
        ("POST", "/hooks/claude-code", b'{"hook_event_name": "New"}', 400, "hook_event_unknown"),
    ],
)
def test_bad_input_is_a_problem(
    house: House, method: str, target: str, body: bytes, status: int, code: str
) -> None:
    """What is not understood is refused by name and judged by nobody."""
    answer = httpx.request(
        method,
        f"{house.firewall.agents}{target}",
        content=body,
        headers={"authorization": f"Bearer {house.token}"},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("token", ["", "shd_staging_agent_000000", "sk-ant-x"])
def test_strangers_are_told_nothing(house: House, token: str) -> None:
    """Without a good token there is one answer."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = httpx.post(
        f"{house.firewall.agents}/v1/judge", json={"tool": "Bash"}, headers=headers, trust_env=False
    )
    assert answer.status_code == 401


def test_the_hook_lets_run_what_is_allowed(house: House) -> None:
    """A harmless call is answered without a decision of ours, for each agent in its own form."""
    event = house.event("ls")
    done = house.hook("claude-code", event)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert house.hook("codex", event).stdout == b""
    before = event.replace(b"PreToolUse", b"BeforeTool").replace(b'"Bash"', b'"run_shell_command"')
    assert house.hook("gemini", before).stdout == b"{}"


def test_a_short_answer_is_only_of_an_allow(house: House) -> None:
    """Who asks for it gets one that is compared byte by byte; a denial says everything, as ever."""
    assert house.post("/hooks/claude-code?brief=1", house.event("ls")).content == b'{"verdict":"allow"}'
    assert house.post("/hooks/claude-code", house.event("ls")).json()["entry"] > 0
    held = house.post("/hooks/claude-code?brief=1", house.event("rm -r /srv/short")).json()
    assert (held["verdict"], held["approval"]["status"]) == ("deny", "pending")


def test_the_hook_denies_what_waits_and_lets_it_run_after_approval(house: House) -> None:
    """The denial holds the approval's id; the identical call runs once it is approved."""
    event = house.event("rm -r /srv/hooked")
    reason = is_denial("claude-code", house.hook("claude-code", event))
    waiting = _waiting(house, "/srv/hooked")
    assert waiting in reason
    assert house.firewall.decide(waiting, "approve").status_code == 200
    assert house.hook("claude-code", event).stdout == b""
    assert is_denial("claude-code", house.hook("claude-code", event))


def test_the_hook_waits_where_it_may(house: House) -> None:
    """`--wait` bears what is configured: the decision is the answer."""
    given: list[subprocess.CompletedProcess[bytes]] = []
    event = house.event("rm -r /srv/patient")
    asking = threading.Thread(target=lambda: given.append(house.hook("claude-code", event, "--wait", "20")))
    asking.start()
    assert house.firewall.decide(_waiting(house, "/srv/patient"), "approve").status_code == 200
    asking.join(LIMIT_S)
    assert given[0].stdout == b""


def test_the_hook_puts_off_only_what_waits_for_people(house: House) -> None:
    """In a headless run of Claude Code what is held is put off until it is decided; anything else is denied."""
    event, held = house.event("rm -r /srv/put-off"), ("--held", "defer")
    first = json.loads(house.hook("claude-code", event, *held, **DEFERS).stdout)["hookSpecificOutput"]
    waiting = _waiting(house, "/srv/put-off")
    assert first["permissionDecision"] == "defer"
    assert waiting in first["permissionDecisionReason"]
    is_denial("claude-code", house.hook("claude-code", event, **DEFERS))
    is_denial("claude-code", house.hook("claude-code", event, *held))
    own = house.event(f"rm -r {house.firewall.installed.database.parent}")
    is_denial("claude-code", house.hook("claude-code", own, *held, **DEFERS))
    is_denial(
        "claude-code", hook("claude-code", event, "--url", NOBODY, *held, STAYHAND_AGENT_TOKEN="x", **DEFERS)
    )
    assert house.firewall.decide(waiting, "approve").status_code == 200
    assert house.hook("claude-code", event, *held, **DEFERS).stdout == b""


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("event", [b"", b"{", b"\xff\xfe", b"[]", b'{"hook_event_name":"Odd"}'])
def test_a_malformed_event_is_a_denial(house: House, agent: str, event: bytes) -> None:
    """What the server cannot read is denied in the agent's own form."""
    assert "refused the question" in is_denial(agent, house.hook(agent, event))


def test_the_hook_without_token_or_with_a_bad_one_denies(house: House) -> None:
    """Nobody runs anything because a variable is missing."""
    event = house.event("ls")
    assert "no token" in is_denial("codex", hook("codex", event, STAYHAND_URL=house.firewall.agents))
    bad = hook("codex", event, STAYHAND_URL=house.firewall.agents, STAYHAND_AGENT_TOKEN="shd_staging_agent_bad")
    assert "does not accept the agent's token" in is_denial("codex", bad)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_server_that_is_down_is_a_denial(agent: str) -> None:
    """Nobody listens: the call does not run."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = hook(agent, b"{}", "--url", url, STAYHAND_AGENT_TOKEN="shd_x")
    assert "cannot be reached" in is_denial(agent, done)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\n\r\n{"verdict":"allow"}',
        b'HTTP/1.1 500 Oops\r\ncontent-length: 19\r\n\r\n{"verdict":"allow"}',
        b'HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n"verdict: allow!!"',
        b'HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{"verdict":"perhaps"}',
        b'HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{"verdict":"allow"',
        b"\x00" * 100,
    ],
)
def test_whatever_else_answers_is_a_denial(answer: bytes) -> None:
    """Only a complete and unmistakable allow lets a call run."""
    with _answering(answer) as url:
        is_denial("claude-code", hook("claude-code", b"{}", "--url", url, STAYHAND_AGENT_TOKEN="shd_x"))


def test_a_server_that_says_nothing_is_a_denial_in_time() -> None:
    """The hook's own deadline ends before any agent's patience."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = hook("gemini", b"{}", "--url", url, "--deadline", "1", STAYHAND_AGENT_TOKEN="shd_x")
    assert "in time" in is_denial("gemini", done)


def test_stdin_that_never_ends_is_a_denial_in_time() -> None:
    """An agent that does not close the event is answered all the same."""
    argv = [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", "codex", "--deadline", "1"]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(LIMIT_S) == 0
    assert b"in time" in said
    assert b'"permissionDecision": "deny"' in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_hook_that_is_told_to_end_denies(number: signal.Signals) -> None:
    """An agent that ends its hook for being slow gets a denial."""
    argv = [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", "codex", "--url"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [*argv, url],
            cwd=REPOSITORY,
            env={**os.environ, "STAYHAND_AGENT_TOKEN": "shd_x"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            process.stdin.close()
            connection, _ = silent.accept()  # it has its handlers by now
            with connection:
                process.send_signal(number)
                assert process.stdout is not None
                said = process.stdout.read()
                assert process.wait(LIMIT_S) == 0
    assert b'"permissionDecision": "deny"' in said


@pytest.mark.parametrize("options", [("--force", "1"), ("--url",), ("--wait", "soon"), ("--url", "ftp://x:1")])
def test_an_option_that_is_not_known_is_a_denial(options: tuple[str, ...]) -> None:
    """A hook that was installed by another version denies; it does not run into usage text."""
    is_denial("claude-code", hook("claude-code", b"{}", *options, STAYHAND_AGENT_TOKEN="shd_x"))


class _answering:  # noqa: N801 - used like a function
    """A server that answers one connection with fixed bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def __enter__(self) -> str:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join(LIMIT_S)

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer)
