"""The real agents behind a provider of another dialect: they run their loop, and a call is held and runs."""

from pathlib import Path

import pytest

from firewall.core.dialect import Dialect
from tests.e2e.test_agents import AGENT_LIMIT_S, CLOSING, Scene, scene, when_asked
from tests.support.agent_process import Finished, run_agent
from tests.support.agents import (
    AGENTS,
    Command,
    claude_code,
    codex_with_model,
    gemini_cli,
    opencode,
    program,
)
from tests.support.installation import verify

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.GEMINI: "/v1beta/models/gemini-3.1-pro-preview:streamGenerateContent",
}
ABROAD: dict[str, tuple[Command, Dialect, str]] = {
    "claude-code": (claude_code, Dialect.OPENAI_CHAT, "gpt-5.5"),
    # A model that Codex does not know gets no freeform tools: those cross to OpenAI's dialects alone.
    "codex": (codex_with_model("coder"), Dialect.ANTHROPIC, "claude-sonnet-5"),
    "gemini-cli": (gemini_cli, Dialect.ANTHROPIC, "claude-sonnet-5"),
    "opencode": (opencode, Dialect.GEMINI, "gemini-3.1-pro-preview"),
}


@pytest.fixture(autouse=True)
def _is_installed(request: pytest.FixtureRequest) -> None:
    """Skip (or fail, where agents are required) before anything is started for an agent that is not there."""
    name = str(request.node.callspec.params["name"])
    program(next(agent for agent in AGENTS if name.startswith(agent.name)))


def _only(dialect: Dialect, model: str, address: str) -> str:
    suffix = "/v1" if dialect is Dialect.OPENAI_CHAT else ""
    return f"""
[[provider]]
name = "there"
dialect = "{dialect.value}"
base_url = "{address}{suffix}"
hosting = "self"
api_key = {{ env = "SCRIPTED_KEY" }}

[[route]]
name = "abroad"
models = ["*"]
chain = ["there/{model}"]
"""


def _play(world: Scene, command: Command) -> Finished:
    launch = command(world.firewall.agents, world.token, "please tidy up", world.workspace, world.home)
    return run_agent(launch, limit_s=AGENT_LIMIT_S)


@pytest.mark.parametrize("name", ABROAD)
def test_an_agent_runs_its_loop_through_a_foreign_provider(name: str, tmp_path: Path) -> None:
    """Its calls are run, the destructive one after approval; the strict provider takes every history it sends."""
    command, dialect, model = ABROAD[name]
    with scene(tmp_path, elsewhere=lambda address: _only(dialect, model, address)) as world:
        held_while_there: list[bool] = []

        def approve(approval_id: str) -> None:
            held_while_there.append(
                (world.precious / "data.txt").exists() and (world.workspace / "first.txt").exists()
            )
            world.firewall.decide(approval_id, "approve")

        thread = when_asked(world.firewall, approve)
        done = _play(world, command)
        thread.join(30)
        asked = world.asked()
    assert held_while_there == [True], done.output[-3000:]
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    assert not world.precious.exists()
    assert {str(one["path"]) for one in asked} == {PATHS[dialect]}
    assert [one["status"] for one in asked if one["status"] != 200] == []
    assert world.token not in str(asked)
    checked = verify(world.firewall.installed)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["codex-freeform"])
def test_freeform_tools_are_refused_by_name_where_nobody_knows_them(name: str, tmp_path: Path) -> None:
    """Codex ends at once and shows which tool cannot be carried; the provider was never asked."""
    del name
    with scene(tmp_path, elsewhere=lambda at: _only(Dialect.ANTHROPIC, "claude-sonnet-5", at)) as world:
        done = _play(world, codex_with_model("gpt-5.5"))
        asked = world.asked()
    assert asked == []
    assert done.returncode != 0
    assert "apply_patch" in done.output, done.output[-3000:]
