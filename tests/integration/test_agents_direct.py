"""The real agents against the scripted provider, with nothing in between.

What holds here must hold with the firewall in between; where it does not hold here, the play is wrong.
"""

from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.reading import Json
from firewall.demo.script import Shell, Turn, turns
from firewall.demo.serving import served
from tests.support.agents import AGENTS, Agent, run_agent

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

KEY = "sk-dummy-provider-key"
SCRIPT = turns(
    Turn(text="First I look.", thinking="I look first.", calls=(Shell("echo first > first.txt; ls"),)),
    Turn(
        text="Two things at once.",
        thinking="Both are safe.",
        calls=(Shell("echo second > second.txt"), Shell("echo third > third.txt")),
    ),
    Turn(text="All is done."),
)


def _seen(url: str) -> list[Json]:
    found: list[Json] = httpx.get(f"{url}/_seen", trust_env=False).json()
    return found


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_agent_plays_the_whole_script(agent: Agent, tmp_path: Path) -> None:
    """A real agent runs one command, then two at once, and ends; no rule of the provider is broken."""
    workspace = tmp_path / "workspace"
    with served(app(SCRIPT, key=KEY, records=True)) as url:
        done = run_agent(agent.command(url, KEY, "please have a look", workspace, tmp_path / "home"))
        seen = _seen(url)
    assert done.returncode == 0, done.output[-3000:]
    assert "All is done." in done.output
    written = {path.name: path.read_text().strip() for path in workspace.glob("*.txt")}
    assert written == {"first.txt": "first", "second.txt": "second", "third.txt": "third"}
    assert not [request for request in seen if request["status"] != 200], done.output[-3000:]
    assert all(request["method"] == "POST" for request in seen)
