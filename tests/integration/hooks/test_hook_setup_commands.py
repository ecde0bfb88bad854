"""`stayhand hook install` and `check` as processes, in a home of their own, against a real server."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.cli.hook_setup import MARK, PLACES, installed_text
from firewall.codecs.hooks.shapes import AGENTS
from tests.support.installation import REPOSITORY, Served, install, serving

LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class House:
    """A server, and an agent's token."""

    firewall: Served
    token: str

    def hook(self, home: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run `stayhand hook …` in a home folder."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", *words],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(REPOSITORY), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all."""
    folder = tmp_path_factory.mktemp("setup")
    with serving(install(folder)) as firewall:
        yield House(firewall, firewall.mint(ttl="1h"))


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_installed_fires_and_fails_closed(house: House, tmp_path: Path, agent: str) -> None:
    """The line that stands in the agent's file reaches the server, and denies without a token and when it dies."""
    done = house.hook(tmp_path, "install", agent, "--url", house.firewall.agents)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / PLACES[agent].user).is_file()
    checked = house.hook(tmp_path, "check", agent, "--json", STAYHAND_AGENT_TOKEN=house.token)
    found = {one["check"]: one["ok"] for one in json.loads(checked.stdout)["checks"]}
    assert checked.returncode == 0, checked.stdout
    assert found == dict.fromkeys(
        ["configured", "fires", "closed without a token", "closed when the hook dies"], True
    )


def test_what_stood_there_is_kept_and_backed_up(house: House, tmp_path: Path) -> None:
    """The file keeps its mode and its contents, a copy keeps the file, and a second run changes nothing."""
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text('{"model": "opus"}')
    path.chmod(0o640)
    assert house.hook(tmp_path, "install", "claude-code", "--url", house.firewall.agents).returncode == 0
    after = path.read_text()
    assert json.loads(after)["model"] == "opus"
    assert path.stat().st_mode & 0o777 == 0o640
    kept = path.with_name("settings.json.before-stayhand-1")
    assert kept.read_text() == '{"model": "opus"}'
    again = house.hook(tmp_path, "install", "claude-code", "--url", house.firewall.agents)
    assert "as it should be" in again.stderr
    assert path.read_text() == after
    assert sorted(one.name for one in path.parent.iterdir()) == ["settings.json", kept.name]


def test_a_file_that_is_no_json_is_refused(house: House, tmp_path: Path) -> None:
    """What cannot be merged is left as it was, and the command says so."""
    path = tmp_path / ".gemini" / "settings.json"
    path.parent.mkdir()
    path.write_text("{ // mine\n}")
    done = house.hook(tmp_path, "install", "gemini")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert path.read_text() == "{ // mine\n}"


def test_a_project_has_hooks_of_its_own(house: House, tmp_path: Path) -> None:
    """`--project` writes into that folder and leaves the user's alone."""
    project = tmp_path / "app"
    project.mkdir()
    assert house.hook(tmp_path, "install", "codex", "--project", str(project)).returncode == 0
    assert (project / ".codex" / "hooks.json").is_file()
    assert not (tmp_path / ".codex").exists()


def test_the_check_names_what_is_missing(house: House, tmp_path: Path) -> None:
    """Without an installation, and with a server that is not there, it fails and says why."""
    done = house.hook(tmp_path, "check", "codex")
    assert done.returncode == 1
    assert "no hook of ours for PreToolUse" in done.stdout
    assert house.hook(tmp_path, "install", "codex", "--url", "http://127.0.0.1:9").returncode == 0
    away = house.hook(tmp_path, "check", "codex", STAYHAND_AGENT_TOKEN=house.token)
    assert away.returncode == 1
    assert "FAIL  fires" in away.stdout
    assert "cannot be reached" in away.stdout


@pytest.mark.parametrize("agent", ["claude-code", "opencode", "cline"])
def test_the_check_runs_no_line_of_a_project(house: House, tmp_path: Path, agent: str) -> None:
    """A line with our mark that `install` did not write is reported as not ours, and not run."""
    url = ("--url", house.firewall.agents)
    line = f"touch {tmp_path}/owned # {MARK}"
    path = tmp_path / PLACES[agent].project
    path.parent.mkdir(parents=True)
    path.write_text(installed_text(agent, "", line))
    done = house.hook(tmp_path, "check", agent, "--project", ".", *url, STAYHAND_AGENT_TOKEN=house.token)
    assert done.returncode == 1
    assert "not ours, and not run" in done.stdout
    assert not (tmp_path / "owned").exists()


def test_the_token_goes_to_no_address_of_a_project(house: House, tmp_path: Path) -> None:
    """The firewall that a project's file names is asked only when it is the one that is configured, or given."""
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        theirs.settimeout(0)
        url = f"http://127.0.0.1:{theirs.getsockname()[1]}"
        assert house.hook(tmp_path, "install", "codex", "--project", ".", "--url", url).returncode == 0
        done = house.hook(tmp_path, "check", "codex", "--project", ".", STAYHAND_AGENT_TOKEN=house.token)
        assert done.returncode == 1
        assert "not ours, and not run" in done.stdout
        with pytest.raises(BlockingIOError):
            theirs.accept()
    right = ("--project", ".", "--url", house.firewall.agents)
    assert house.hook(tmp_path, "install", "codex", *right).returncode == 0
    assert house.hook(tmp_path, "check", "codex", *right, STAYHAND_AGENT_TOKEN=house.token).returncode == 0


def test_hooks_that_are_switched_off_fail_the_check(house: House, tmp_path: Path) -> None:
    """With `disableAllHooks` no hook runs, so the check fails, whatever our program answers."""
    assert house.hook(tmp_path, "install", "claude-code", "--url", house.firewall.agents).returncode == 0
    path = tmp_path / ".claude" / "settings.json"
    path.write_text(json.dumps({"disableAllHooks": True, **json.loads(path.read_text())}))
    done = house.hook(tmp_path, "check", "claude-code", STAYHAND_AGENT_TOKEN=house.token)
    assert done.returncode == 1
    assert '"disableAllHooks" is set' in done.stdout


def test_a_server_that_heard_nothing_fails_the_check(tmp_path: Path, house: House) -> None:
    """Our program's word is not enough: a server that answers and does not list the event did not hear it."""
    body = b'{"verdict": "noted", "sessions": []}'
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_server(("127.0.0.1", 0)) as deaf:

        def answer() -> None:
            for _ in range(3):
                connection, _ = deaf.accept()
                with connection, connection.makefile("rb") as asked:
                    size = 0
                    while (field := asked.readline().strip().lower()) != b"":
                        size = int(field.partition(b":")[2]) if field.startswith(b"content-length:") else size
                    asked.read(size)
                    connection.sendall(head + body)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        assert house.hook(tmp_path, "install", "codex", "--url", url).returncode == 0
        done = house.hook(tmp_path, "check", "codex", STAYHAND_AGENT_TOKEN="shd_agent")
        assert done.returncode == 1
        assert "the server heard nothing of it" in done.stdout
        thread.join(30)
        assert not thread.is_alive()


def test_the_check_waits_for_the_agent_itself(house: House, tmp_path: Path) -> None:
    """With `--wait` only an event of the agent's own session is proof, and none within it fails the check."""
    token = house.firewall.mint(ttl="1h")
    assert house.hook(tmp_path, "install", "codex", "--url", house.firewall.agents).returncode == 0
    alone = house.hook(tmp_path, "check", "codex", "--wait", "1", STAYHAND_AGENT_TOKEN=token)
    assert alone.returncode == 1
    assert "FAIL  the agent itself fires" in alone.stdout
    done = threading.Event()
    event = json.dumps({"hook_event_name": "SessionStart", "session_id": "its own"}).encode()

    def speak() -> None:
        while not done.wait(0.2):
            headers = {"x-stayhand-token": token}
            httpx.post(f"{house.firewall.agents}/hooks/codex", content=event, headers=headers, trust_env=False)

    agent = threading.Thread(target=speak, daemon=True)
    agent.start()
    heard = house.hook(tmp_path, "check", "codex", "--wait", "30", STAYHAND_AGENT_TOKEN=token)
    done.set()
    agent.join(LIMIT_S)
    assert heard.returncode == 0, heard.stdout
    assert "ok    the agent itself fires" in heard.stdout
