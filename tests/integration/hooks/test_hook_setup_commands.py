"""`stayhand hook install` and `check` as processes, in a home of their own, against a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.cli.hook_setup import PLACES
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
