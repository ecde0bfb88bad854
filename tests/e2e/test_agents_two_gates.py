"""The real agents with hooks and an MCP server behind `/mcp` at once: each call passes both gates, or none.

And with their model calls through the firewall as well: one approval serves all three gates.
"""

import re
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.demo.script import Script, Turn, turns
from tests.e2e.test_agents_hooks import FOUR, hooked
from tests.e2e.test_agents_mcp import deciding, desk
from tests.e2e.test_agents_mcp import script as tidying
from tests.support.agents import AGENTS, program
from tests.support.agents_mcp import pointed, tool_call
from tests.support.installation import PROVIDER_KEY, verify
from tests.support.story import story

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

CLOSING = "Fin"
SETTINGS = "\n[hooks]\nhold_s = 60\n"
WAIT_S = "60"


@dataclass(frozen=True, slots=True)
class Step:
    """One call that the model makes, what befalls its hook, and what the model reads of it."""

    tool: str
    note: str
    befalls: str
    """What the program does that stands where the agent starts our hook: shell, `"$@"` is the hook's own line."""
    reads: str
    """A regular expression."""


STEPS = (
    Step("search_nodes", "plan", 'exec "$@"', r"the plan one"),
    Step("delete_entities", "old", 'exec "$@"', r"Entities deleted successfully"),
    Step("delete_entities", "dear", 'exec "$@"', r"keep it"),
    Step("delete_entities", "plan", "kill -9 $$", r"the hook could not be run, or was ended"),
    Step("delete_entities", "plan", 'exec "$@" --url {silent} --deadline 1 --wait 0', r"did not answer in time"),
    Step("delete_entities", "plan", 'exec "$@" --wait 1', r"apr_\w+"),
    Step("delete_entities", "plan", 'kill -9 {server}; exec "$@"', r"cannot be reached|the hook itself failed"),
)
"""Allowed; held and approved; held and denied; then the hook is killed, gets no answer, waits in vain, and the
server is killed. Of seven calls two run."""
DECISIONS = ("approve", "deny")


@pytest.fixture(autouse=True)
def _is_installed(name: str) -> None:
    """Skip (or fail, where agents are required) before anything is started for an agent that is not there."""
    program(next(agent for agent in AGENTS if agent.name == name))


def script_of(name: str) -> Script:
    """Return what the model wants, one call after the other."""
    said = [
        Turn(
            text=f"Call {number}.",
            calls=(
                tool_call(
                    name,
                    "memory",
                    step.tool,
                    **({"query": step.note} if step.tool == "search_nodes" else {"entityNames": [step.note]}),
                ),
            ),
        )
        for number, step in enumerate(STEPS, 1)
    ]
    return turns(*said, Turn(text=CLOSING))


def befalling(folder: Path, *, silent: str, server: int) -> Path:
    """Write the program that agents start in place of Python: it counts calls, and has each meet what it shall."""
    cases = "\n".join(
        f"{number}) {step.befalls.format(silent=silent, server=server)} ;;" for number, step in enumerate(STEPS, 1)
    )
    counted, event = folder / "calls", folder / "event"
    path = folder / "hook"
    path.write_text(
        f"""#!/bin/sh
set -- {shlex.quote(sys.executable)} "$@"
cat > {event}
exec < {event}
grep -qi 'session.\\?start' {event} && exec "$@"
echo >> {counted}
case $(($(wc -l < {counted}))) in
{cases}
esac
exit 2
"""
    )
    path.chmod(0o700)
    return path


@pytest.mark.parametrize("name", FOUR)
def test_a_call_passes_hook_and_mcp_gate_together(name: str, tmp_path: Path) -> None:
    """Approved at the hook it passes the MCP gate unasked; whatever becomes of the hook, nothing else runs."""
    with (
        desk(tmp_path, script_of(name), settings=SETTINGS) as world,
        deciding(world.firewall, *DECISIONS) as decided,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        silent = f"http://127.0.0.1:{listening.getsockname()[1]}"
        program_path = befalling(tmp_path, silent=silent, server=world.firewall.process.pid)
        command = next(agent for agent in AGENTS if agent.name == name).command
        places = world.folder / "workspace", world.folder / "home"
        launch = command(world.provider, PROVIDER_KEY, "please tidy", *places)
        launch = pointed(name, launch, "memory", f"{world.firewall.agents}/mcp/memory", token=world.token)
        done = hooked(
            name,
            launch,
            world.firewall.agents,
            world.token,
            instead={f"{sys.executable} ": f"{program_path} "},
            more=("--wait", WAIT_S),
        )
        asked = world.asked()
        world.firewall.process.wait(30)
        told = story(world.firewall.installed)
        checked = verify(world.firewall.installed)
    assert (done.returncode, CLOSING in done.output) == (0, True), done.output[-3000:]
    assert world.notes() == ["plan", "dear"]
    assert len((tmp_path / "calls").read_text()) == len(STEPS)
    read = str(asked[-1])
    assert [step for step in STEPS if not re.search(step.reads, read)] == []
    judged = [one.data["verdict"] for one in told if one.kind == "tool.judged" and one.data["gate"] == "mcp"]
    assert judged == ["allow", "ask"]
    released = [one for one in told if one.kind == "tool.released" and one.approval]
    assert [one.data["gate"] for one in released] == ["hooks", "mcp"]
    assert len({one.approval for one in released}) == 1
    assert len([one for one in told if one.kind == "approval.opened"]) == 3
    assert len(decided) == 2
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", FOUR)
def test_one_approval_serves_all_three_gates(name: str, tmp_path: Path) -> None:
    """Approved where the model says it, a call passes hook and MCP gate; denied there it reaches neither."""
    with desk(tmp_path, tidying(name)) as world, deciding(world.firewall, "approve", "deny") as decided:
        command = next(agent for agent in AGENTS if agent.name == name).command
        places = world.folder / "workspace", world.folder / "home"
        launch = command(world.firewall.agents, world.token, "please tidy the notes", *places)
        launch = pointed(name, launch, "memory", f"{world.firewall.agents}/mcp/memory", token=world.token)
        done = hooked(name, launch, world.firewall.agents, world.token)
        opened = world.firewall.approvals()
        told = story(world.firewall.installed)
        checked = verify(world.firewall.installed)
    assert (done.returncode, "keep it" in done.output) == (0, True), done.output[-3000:]
    assert world.notes() == ["plan", "dear"]
    assert [one["status"] for one in opened] == ["denied", "consumed"]
    assert len(decided) == 2
    released = [one for one in told if one.kind == "tool.released" and one.approval]
    assert [one.data["gate"] for one in released] == ["models", "hooks", "mcp"]
    assert {one.approval for one in released} == {decided[0]}
    judged = [(one.data["gate"], one.data["verdict"]) for one in told if one.kind == "tool.judged"]
    assert [verdict for gate, verdict in judged if gate == "models"][-1] == "deny"
    assert "deny" not in [verdict for gate, verdict in judged if gate != "models"]
    allowed = [
        gate for gate, verdict in judged if verdict == "allow"
    ]  # Codex also declares a search of the provider
    assert (allowed[0], [gate for gate in allowed if gate != "models"]) == ("models", ["hooks", "mcp"])
    assert checked.returncode == 0, checked.stdout
