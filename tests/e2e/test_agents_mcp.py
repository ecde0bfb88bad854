"""The real agents with an MCP server behind the real firewall: allowed, held and approved once, denied."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Function, Script, Turn, turns
from firewall.demo.serving import served
from tests.support.agent_process import Finished, run_agent
from tests.support.agents import AGENTS, program
from tests.support.agents_mcp import pointed, tool_call
from tests.support.installation import ANSWER_LIMIT_S, PROVIDER_KEY, Served, install, serving, verify
from tests.support.mcp_programs import MEMORY
from tests.support.story import story

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

AGENT_LIMIT_S = 150
CLOSING = "Fin"


@pytest.fixture(params=[agent.name for agent in AGENTS])
def name(request: pytest.FixtureRequest) -> str:
    """Each agent; skips (or fails, where agents are required) before anything is started without it."""
    found = str(request.param)
    program(next(agent for agent in AGENTS if agent.name == found))
    return found


@dataclass(frozen=True, slots=True)
class Desk:
    """One agent with a server that keeps notes."""

    firewall: Served
    provider: str
    file: Path
    """Where the server keeps them."""
    folder: Path
    token: str

    def play(self, name: str, model_url: str, key: str) -> Finished:
        """Run the agent through its script."""
        command = next(agent for agent in AGENTS if agent.name == name).command
        launch = command(model_url, key, "please tidy the notes", self.folder / "workspace", self.folder / "home")
        url = f"{self.firewall.agents}/mcp/memory"
        return run_agent(pointed(name, launch, "memory", url, token=self.token), limit_s=AGENT_LIMIT_S)

    def notes(self) -> list[str]:
        """Return the names of the notes that are there."""
        return [json.loads(line)["name"] for line in self.file.read_text().splitlines()]

    def asked(self) -> list[dict[str, object]]:
        """Return what the provider was asked."""
        found: list[dict[str, object]] = httpx.get(
            f"{self.provider}/_seen", trust_env=False, timeout=ANSWER_LIMIT_S
        ).json()
        return found


@contextmanager
def desk(folder: Path, script: Script, *, settings: str = "") -> Iterator[Desk]:
    """Serve a provider, and a firewall before a server of three notes; `settings`: more TOML."""
    file = folder / "notes.jsonl"
    entities = [
        {"type": "entity", "name": name, "entityType": "note", "observations": [f"the {name} one"]}
        for name in ("plan", "old", "dear")
    ]
    file.write_text("\n".join(map(json.dumps, entities)))
    settings += (
        '\n[[mcp_server]]\nname = "memory"\nenvironment = "staging"\nhold_s = 40\n'
        f"command = {json.dumps(MEMORY.command())}\nenv = {{ MEMORY_FILE_PATH = {json.dumps(str(file))} }}\n"
    )
    (folder / "workspace").mkdir()
    with (
        served(app(script, key=PROVIDER_KEY, records=True)) as provider,
        serving(install(folder / "firewall", provider=provider, settings=settings)) as firewall,
    ):
        token = firewall.mint(workspace=str(folder / "workspace"), ttl="1h")
        yield Desk(firewall, provider, file, folder, token)


@contextmanager
def deciding(firewall: Served, *decisions: str) -> Iterator[list[str]]:
    """Decide the approvals of the block one after another, as they are opened; yields those decided."""
    decided: list[str] = []
    over = threading.Event()

    def decide() -> None:
        while not over.is_set() and len(decided) < len(decisions):
            for one in firewall.pending()[-1:]:
                firewall.decide(str(one["id"]), decisions[len(decided)], "keep it")
                decided.append(str(one["id"]))
            over.wait(0.1)

    thread = threading.Thread(target=decide, daemon=True)
    thread.start()
    try:
        yield decided
    finally:
        over.set()
        thread.join(30)


def script(name: str) -> Script:
    """Return what the model wants: read the notes, delete an old one, delete a dear one."""

    def call(tool: str, **arguments: object) -> Function:
        return tool_call(name, "memory", tool, **arguments)

    return turns(
        Turn(text="First I read.", calls=(call("search_nodes", query="plan"),)),
        Turn(text="The old one can go.", calls=(call("delete_entities", entityNames=["old"]),)),
        Turn(text="This one too.", calls=(call("delete_entities", entityNames=["dear"]),)),
        Turn(text=CLOSING),
    )


def test_a_call_at_two_gates_is_approved_once(name: str, tmp_path: Path) -> None:
    """Read at once; deleting is approved where the model says it and passes the MCP gate; denied stays."""
    with desk(tmp_path, script(name)) as world, deciding(world.firewall, "approve", "deny") as decided:
        done = world.play(name, world.firewall.agents, world.token)
        asked, opened = world.asked(), world.firewall.approvals()
        told = story(world.firewall.installed, "tool.released")
        checked = verify(world.firewall.installed)
    assert done.returncode == 0, done.output[-3000:]
    assert world.notes() == ["plan", "dear"], done.output[-6000:]
    assert [one["status"] for one in opened] == ["denied", "consumed"]
    assert len(decided) == 2
    assert [one.data["gate"] for one in told if one.approval] == ["models", "mcp"]
    assert "the plan one" in str(asked)
    assert "Entities deleted successfully" in str(asked)
    assert "keep it" in done.output
    assert [request["status"] for request in asked if request["status"] != 200] == []
    assert checked.returncode == 0, checked.stdout


def test_a_call_is_held_at_the_mcp_gate_alone(name: str, tmp_path: Path) -> None:
    """Where the model is reached past us, the MCP gate asks: read, approved and denied, and the agent goes on."""
    with desk(tmp_path, script(name)) as world, deciding(world.firewall, "approve", "deny") as decided:
        done = world.play(name, world.provider, PROVIDER_KEY)
        asked, opened = world.asked(), world.firewall.approvals()
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    assert world.notes() == ["plan", "dear"], done.output[-6000:]
    assert [one["status"] for one in opened] == ["denied", "consumed"]
    assert len(decided) == 2
    assert "the plan one" in str(asked)
    assert "Entities deleted successfully" in str(asked)
    assert "keep it" in str(asked)
