"""What an agent's configuration says after `stayhand hook install`, and what stays of what was there."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from firewall.cli.hook_setup import (
    MARK,
    PLACES,
    commands_in,
    installed_text,
    missing_in,
    place_of,
    program_line,
)
from firewall.codecs.hooks.shapes import AGENTS, NO_FALLBACK, denied
from firewall.core.errors import ConfigError

MERGED = tuple(agent for agent in AGENTS if agent not in ("opencode", "cline"))


def _line(agent: str, *program: str) -> str:
    return program_line(agent, program or ("/opt/stay hand/stayhand",), ["--url", "http://127.0.0.1:8787"])


@pytest.mark.parametrize("agent", AGENTS)
def test_a_fresh_installation_lacks_nothing(agent: str) -> None:
    """What is written is what the check looks for, and says where it belongs."""
    text = installed_text(agent, "", _line(agent))
    assert missing_in(agent, text) == []
    assert missing_in(agent, "") != []
    assert agent in PLACES


@pytest.mark.parametrize("agent", AGENTS)
def test_installing_again_changes_nothing(agent: str) -> None:
    """A second installation is the first; another address replaces it."""
    once = installed_text(agent, "", _line(agent))
    assert installed_text(agent, once, _line(agent)) == once
    other = installed_text(agent, once, program_line(agent, ("stayhand",), ["--url", "http://127.0.0.1:9999"]))
    assert "9999" in other
    assert "8787" not in other
    assert len(commands_in(agent, other)) == len(commands_in(agent, once))


@pytest.mark.parametrize("agent", MERGED)
def test_what_was_there_stays(agent: str) -> None:
    """Other settings, other events and other people's hooks of the same event are kept as they are."""
    first = commands_in(agent, installed_text(agent, "", _line(agent)))[0][0]
    theirs = {"matcher": "Bash", "hooks": [{"type": "command", "command": "mine.sh"}]}
    flat = {"command": "mine.sh"}
    own = flat if agent in ("cursor", "copilot") else theirs
    before = {"model": "opus", "hooks": {first: [own], "Stop": [theirs]}}
    after = json.loads(installed_text(agent, json.dumps(before), _line(agent)))
    assert after["model"] == "opus"
    assert after["hooks"]["Stop"] == [theirs]
    assert after["hooks"][first][0] == own
    assert len(after["hooks"][first]) == 2


@pytest.mark.parametrize("agent", MERGED)
@pytest.mark.parametrize(
    "before", ["{", "[]", '{"hooks": []}', '{"hooks": {"PreToolUse": {}}}', "// a comment\n{}"]
)
def test_what_is_not_understood_is_left_alone(agent: str, before: str) -> None:
    """A file that cannot be read as JSON of the expected form is refused, not rewritten."""
    with pytest.raises(ConfigError):
        installed_text(agent, before, _line(agent))


@pytest.mark.parametrize("agent", ["opencode", "cline"])
def test_somebody_elses_file_is_left_alone(agent: str) -> None:
    """Where the hook is a file of its own, another's is not overwritten."""
    with pytest.raises(ConfigError):
        installed_text(agent, "#!/bin/sh\nexit 0\n", _line(agent))


def test_each_agents_own_switch_is_set() -> None:
    """Claude Code blocks on failure, Cursor fails closed; without that the check complains."""
    claude = installed_text("claude-code", "", _line("claude-code"))
    assert json.loads(claude)["hooks"]["PreToolUse"][0]["hooks"][0]["onFailure"] == "block"
    assert missing_in("claude-code", claude.replace('"block"', '"continue"')) == [
        '"onFailure": "block" is missing'
    ]
    cursor = installed_text("cursor", "", _line("cursor"))
    assert all(entry["failClosed"] for entries in json.loads(cursor)["hooks"].values() for entry in entries)
    assert missing_in("cursor", cursor.replace("true", "false")) == ['"failClosed": true is missing']


def test_agents_wait_longer_than_the_hook() -> None:
    """The agent's patience is in its own unit, and more than the deadline and the wait together."""
    wait = {"wait_s": 100}
    claude = json.loads(installed_text("claude-code", "", _line("claude-code"), **wait))
    assert claude["hooks"]["PreToolUse"][0]["hooks"][0]["timeout"] == 130
    gemini = json.loads(installed_text("gemini", "", _line("gemini"), **wait))
    assert gemini["hooks"]["BeforeTool"][0]["hooks"][0]["timeout"] == 130_000
    assert "const LIMIT_MS = 130000\n" in installed_text("opencode", "", _line("opencode"), **wait)
    cursor = json.loads(installed_text("cursor", "", _line("cursor"), **wait))
    assert {entry["timeout"] for entries in cursor["hooks"].values() for entry in entries} == {130}
    copilot = json.loads(installed_text("copilot", "", _line("copilot"), **wait))
    assert copilot["hooks"]["preToolUse"][0]["timeoutSec"] == 130


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("program", ["/nonexistent/stayhand", "/bin/false", "killed"])
def test_a_program_that_dies_is_a_denial(agent: str, program: str, tmp_path: Path) -> None:
    """Missing, failing or killed: what the shell line says then is what the agent honours."""
    words = [program]
    if program == "killed":
        killed = tmp_path / "killed"
        killed.write_text("#!/bin/sh\nkill -9 $$\n")
        killed.chmod(0o700)
        words = [str(killed)]
    line = _line(agent, *words)
    done = subprocess.run(
        ["/bin/sh", "-c", line], input=b"{}", capture_output=True, env={"PATH": os.environ["PATH"]}, check=False
    )
    if agent == "cline":
        said = json.loads(done.stdout)
        assert said == json.loads(denied(agent, said["errorMessage"]))
        assert done.returncode == 0
    else:
        assert done.returncode == 2
        assert b"was not run" in done.stderr
        assert done.stdout == b""


@pytest.mark.parametrize("agent", AGENTS)
def test_a_program_that_answers_is_left_to_speak(agent: str) -> None:
    """What our program prints with exit code 0 is the answer."""
    done = subprocess.run(
        ["/bin/sh", "-c", _line(agent, "/bin/echo", "said")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"said hook {agent} --url http://127.0.0.1:8787\n"
    assert MARK in _line(agent)


def test_files_are_where_the_agent_looks() -> None:
    """A user's own, a project's, where a variable says otherwise, and where the caller does."""
    home, project, own = Path("/home/u"), Path("/work/app"), Path("/o")

    def place(agent: str, project: Path | None = None, *, folder: Path | None = None, **environ: str) -> Path:
        root, file = place_of(agent, home=home, project=project, environ=environ, folder=folder)
        return root / file

    assert place("claude-code") == home / ".claude/settings.json"
    assert place("claude-code", project) == project / ".claude/settings.json"
    assert place("codex", CODEX_HOME="/c") == Path("/c/hooks.json")
    assert place("codex", project, CODEX_HOME="/c") == project / ".codex/hooks.json"
    assert place("claude-code", CLAUDE_CONFIG_DIR="/d") == Path("/d/settings.json")
    assert place("gemini", GEMINI_CLI_HOME="/g") == Path("/g/.gemini/settings.json")
    assert place("opencode", XDG_CONFIG_HOME="/x") == Path("/x/opencode/plugin/stayhand.js")
    moved = {"OPENCODE_CONFIG_DIR": "/y", "XDG_CONFIG_HOME": "/x"}
    assert place("opencode", **moved) == Path("/y/plugin/stayhand.js")
    assert place("codex", folder=own, CODEX_HOME="/c") == own / "hooks.json"
    assert all(place(agent, folder=own) == own / PLACES[agent].file for agent in AGENTS)


def test_putting_calls_off_is_installed_with_what_makes_it_safe() -> None:
    """Without the setting that keeps answers streams, the check complains; other variables stay."""
    line = program_line("claude-code", ("stayhand",), ["--url", "http://127.0.0.1:8787", "--held", "defer"])
    text = installed_text("claude-code", '{"env": {"A": "b"}}', line)
    assert json.loads(text)["env"] == {"A": "b", NO_FALLBACK: "1"}
    assert missing_in("claude-code", text) == []
    lacking = missing_in("claude-code", text.replace(f'"{NO_FALLBACK}": "1"', f'"{NO_FALLBACK}": ""'))
    assert len(lacking) == 1
    assert "not put off" in lacking[0]
    assert "env" not in json.loads(installed_text("claude-code", "", _line("claude-code")))
