"""`stayhand run -- AGENT`: the real agents pointed at the firewall by our own command line."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_agents import AGENT_LIMIT_S, CLOSING, Scene, scene, when_asked
from tests.support.agents import CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE, Agent, program
from tests.support.installation import PROVIDER_KEY, REPOSITORY

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

PROMPT = "please tidy up"
ARGUMENTS: dict[str, tuple[Agent, tuple[str, ...]]] = {
    "claude": (CLAUDE_CODE, ("-p", PROMPT, "--dangerously-skip-permissions")),
    "codex": (
        CODEX,
        ("exec", "-m", "gpt-5.5", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT),
    ),
    "gemini": (GEMINI_CLI, ("--skip-trust", "--yolo", "-p", PROMPT)),
    "opencode": (OPENCODE, ("run", "--model", "anthropic/claude-sonnet-4-5", PROMPT)),
}
QUIET = {
    "IS_SANDBOX": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}


@pytest.fixture(autouse=True)
def _is_installed(request: pytest.FixtureRequest) -> None:
    """Skip (or fail, where agents are required) before anything is started for an agent that is not there."""
    callspec = getattr(request.node, "callspec", None)
    program(ARGUMENTS[callspec.params["name"] if callspec else "claude"][0])


@pytest.fixture
def home() -> Iterator[Path]:
    """A fresh home in the checkout: Gemini CLI takes no settings of ours from below a folder that is open to all.

    Where the checkout itself lies below one, the home gets the setting that the README tells people to write.
    """
    ignored = REPOSITORY / ".agents"
    ignored.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="home-", dir=ignored, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write(folder / ".config/opencode/opencode.json", '{"permission": {"*": "allow"}}')
        if any(parent.stat().st_mode & 0o022 for parent in folder.parents):
            write(folder / ".gemini/settings.json", '{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
        yield folder


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def wrapped(agent: Agent, name: str, folder: Path) -> None:
    """Put the real program on a PATH of its own under the name that people type."""
    folder.mkdir()
    script = folder / name
    words = " ".join(f"'{word}'" for word in program(agent))
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def run(
    world: Scene, name: str, folder: Path, home: Path, *, own_login: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Start an agent through `stayhand run`, with an admin's token as the credential."""
    agent, arguments = ARGUMENTS[name]
    wrapped(agent, name, folder / "bin")
    config = world.firewall.at_its_ports()
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "STAYHAND_TOKEN": world.firewall.installed.shown["admin_token"],
        "ANTHROPIC_API_KEY": own_login or "sk-must-not-be-inherited",
        "PYTHONPATH": str(REPOSITORY),
        **QUIET,
    }
    argv = [sys.executable, "-m", "firewall.cli.main", "--config", str(config), "run", "--owner", "alice"]
    return subprocess.run(
        [*argv, *(["--own-login"] if own_login else []), "--", name, *arguments],
        cwd=world.workspace,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=AGENT_LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("name", ARGUMENTS)
def test_agent_started_by_us_needs_nothing_else(name: str, tmp_path: Path, home: Path) -> None:
    """A fresh home, no login, no address configured: the harmless command runs, the held one after approval."""
    with scene(tmp_path) as world:
        thread = when_asked(world.firewall, lambda approval: world.firewall.decide(approval, "approve") and None)
        done = run(world, name, tmp_path, home)
        thread.join(30)
        asked = str(world.asked())
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert CLOSING in said
    assert (world.workspace / "first.txt").exists()
    assert not world.precious.exists()
    assert "sk-must-not-be-inherited" not in asked


def test_own_login_passes_to_its_provider_and_our_token_does_not(tmp_path: Path, home: Path) -> None:
    """`api_key = "client"`: Claude Code keeps its login, ours comes beside it, and is judged and stripped here."""
    with scene(tmp_path, own_login=True) as world:
        thread = when_asked(world.firewall, lambda approval: world.firewall.decide(approval, "approve") and None)
        done = run(world, "claude", tmp_path, home, own_login=PROVIDER_KEY)
        thread.join(30)
        asked = world.asked()
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert CLOSING in said
    assert not world.precious.exists()
    assert asked
    assert "shd_" not in str(asked)
    assert all(request["status"] == 200 for request in asked)
