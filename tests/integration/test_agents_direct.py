"""The real agents against the scripted provider, with nothing in between.

What holds here must hold with the firewall in between; where it does not hold here, the play is wrong.
"""

import subprocess
import time
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.reading import Json
from firewall.demo.script import Fault, FaultKind, FaultPlace, Shell, Turn, turns
from firewall.demo.serving import served
from tests.support.agent_process import run_agent, started
from tests.support.agents import (
    AGENTS,
    Command,
    codex_with_model,
    opencode_gemini,
    opencode_messages,
    opencode_responses,
)

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

KEY = "sk-dummy-provider-key"
CLOSING = "Fin"
"""As short as one piece of a stream: some agents print piece by piece."""
SCRIPT = turns(
    Turn(text="First I look.", thinking="I look first.", calls=(Shell("echo first > first.txt; ls"),)),
    Turn(
        text="Two things at once.",
        thinking="Both are safe.",
        calls=(Shell("echo second > second.txt"), Shell("echo third > third.txt")),
    ),
    Turn(text=CLOSING),
)
COMMANDS: dict[str, Command] = {agent.name: agent.command for agent in AGENTS} | {
    "codex-javascript": codex_with_model("gpt-6-sol"),
    "opencode-messages": opencode_messages,
    "opencode-responses": opencode_responses,
    "opencode-gemini": opencode_gemini,
}


def _seen(url: str) -> list[Json]:
    found: list[Json] = httpx.get(f"{url}/_seen", trust_env=False).json()
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_agent_plays_the_whole_script(name: str, tmp_path: Path) -> None:
    """A real agent runs one command, then two at once, and ends; no rule of the provider is broken."""
    workspace = tmp_path / "workspace"
    with served(app(SCRIPT, key=KEY, records=True)) as url:
        done = run_agent(COMMANDS[name](url, KEY, "please have a look", workspace, tmp_path / "home"))
        seen = _seen(url)
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    written = {path.name: path.read_text().strip() for path in workspace.glob("*.txt")}
    assert written == {"first.txt": "first", "second.txt": "second", "third.txt": "third"}
    assert seen
    assert not [request for request in seen if request["status"] != 200], done.output[-3000:]
    assert all(request["method"] == "POST" for request in seen)


@pytest.mark.parametrize("name", ["claude-code", "codex", "opencode"])
@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.ERROR])
def test_agent_goes_on_after_a_broken_stream(name: str, kind: FaultKind, tmp_path: Path) -> None:
    """An answer that breaks off in the middle of a call runs nothing; asked again, the call runs once."""
    workspace = tmp_path / "workspace"
    fault = Fault(kind, at=FaultPlace.CALL, times=1)
    broken = turns(Turn(text="Now.", calls=(Shell("echo once >> once.txt"),), fault=fault), Turn(text=CLOSING))
    with served(app(broken, key=KEY, records=True)) as url:
        done = run_agent(COMMANDS[name](url, KEY, "please have a look", workspace, tmp_path / "home"))
        seen = _seen(url)
    assert done.returncode == 0, done.output[-3000:]
    assert (workspace / "once.txt").read_text() == "once\n"
    assert len([request for request in seen if '"tools"' in str(request["body"])]) >= 3


def _alive(group: int) -> list[str]:
    """List the processes of a group; those that died and only wait to be collected are not alive."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [" ".join(row) for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini-cli", "opencode"])
def test_agent_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    """What an agent started in its process group ends with it, even in the middle of a stalled answer."""
    stalled = turns(Turn(text="Wait.", fault=Fault(FaultKind.STALL, seconds=600)))
    with served(app(stalled, key=KEY, records=True)) as url:
        launch = COMMANDS[name](url, KEY, "please have a look", tmp_path / "workspace", tmp_path / "home")
        with started(launch) as run:
            for _ in range(600):
                if _seen(url) or run.is_over():
                    break
                run.wait(0.1)
            assert not run.is_over(), run.output()[-3000:]
            group = run.group
    for _ in range(100):  # a killed process dies when the kernel gets to it
        if not _alive(group):
            break
        time.sleep(0.1)
    assert _alive(group) == []
