"""The adapters of docs/frameworks.md with the real frameworks and server: nothing runs unless it is allowed."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agents import Agent as OpenAIAgent
from agents import RunConfig, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from tests.support.frameworks.langchain_tools import judged
from tests.support.frameworks.openai_agents_tools import asks_first
from tests.support.frameworks.pydantic_ai_tools import AsksFirst
from tests.support.installation import REPOSITORY, Served, install, serving

NOBODY = "http://127.0.0.1:9"
EXAMPLES = REPOSITORY / "tests" / "support" / "frameworks"
Ran = list[str]
Play = Callable[[str, Ran], str]
"""Has an agent of a framework run a command with its tool `bash`; returns what its model read of it."""


def langchain(command: str, ran: Ran) -> str:
    """Call the tool as an agent's loop does, with what the model said."""

    @tool
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "done"

    said = {"name": "bash", "args": {"command": command}, "id": "call_1", "type": "tool_call"}
    read = judged(bash).invoke(said)
    assert isinstance(read, ToolMessage)
    return str(read.content)


def langchain_async(command: str, ran: Ran) -> str:
    """Do the same with a tool that is a coroutine."""

    @tool
    async def bash(command: str) -> str:
        """Run a command."""
        await asyncio.sleep(0)
        ran.append(command)
        return "done"

    said = {"name": "bash", "args": {"command": command}, "id": "call_1", "type": "tool_call"}
    return str(asyncio.run(judged(bash).ainvoke(said)).content)


def pydantic_ai(command: str, ran: Ran) -> str:
    """Run an agent whose model calls the tool once."""
    read: list[str] = []

    def model(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        last = messages[-1]
        assert isinstance(last, ModelRequest)
        returned = [part for part in last.parts if isinstance(part, ToolReturnPart)]
        if not returned:
            return ModelResponse(parts=[ToolCallPart("bash", {"command": command})])
        read.extend(str(part.content) for part in returned)
        return ModelResponse(parts=[TextPart("Fin")])

    agent = Agent(FunctionModel(model), capabilities=[AsksFirst()])

    @agent.tool_plain
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "done"

    assert asyncio.run(agent.run("please")).output == "Fin"
    return read[0]


def openai_agents(command: str, ran: Ran) -> str:
    """Run an agent whose model calls the tool once."""

    @function_tool(tool_input_guardrails=[asks_first])
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "done"

    model = ScriptedModel(
        [[function_call("bash", {"command": command}, call_id="call_1")], [assistant_message("Fin")]]
    )
    agent = OpenAIAgent(name="tidy", model=model, tools=[bash])
    done = asyncio.run(Runner.run(agent, "please", run_config=RunConfig(tracing_disabled=True)))
    assert done.final_output == "Fin"
    return str(next(item.output for item in done.new_items if item.type == "tool_call_output_item"))


FRAMEWORKS: tuple[Play, ...] = (langchain, langchain_async, pydantic_ai, openai_agents)
each_framework = pytest.mark.parametrize("play", FRAMEWORKS, ids=lambda play: play.__name__)


@dataclass(frozen=True, slots=True)
class House:
    """A server, and an agent's token."""

    firewall: Served
    token: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all."""
    with serving(install(tmp_path_factory.mktemp("frameworks"))) as firewall:
        yield House(firewall, firewall.mint(ttl="1h"))


@pytest.fixture(autouse=True)
def _environment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say where the server is and which token is the agent's, as the page tells."""
    monkeypatch.setenv("STAYHAND_URL", house.firewall.agents)
    monkeypatch.setenv("STAYHAND_AGENT_TOKEN", house.token)


@each_framework
def test_what_is_allowed_runs(play: Play) -> None:
    """A harmless call runs once, and the model reads its result."""
    ran: Ran = []
    assert play("ls -l", ran) == "done"
    assert ran == ["ls -l"]


@each_framework
def test_what_is_denied_does_not_run(house: House, play: Play) -> None:
    """A call that nobody may approve does not run, and the model reads why."""
    ran: Ran = []
    read = play(f"rm -r {house.firewall.installed.database.parent}", ran)
    assert "touches the firewall itself" in read
    assert ran == []


@each_framework
def test_what_people_must_approve_runs_once_after_it(house: House, play: Play) -> None:
    """A held call does not run and names its approval; the identical call runs once people have agreed."""
    folder = f"/srv/precious/{play.__name__}"
    command, ran = f"rm -r {folder}", []
    read = play(command, ran)
    waiting = next(str(one["id"]) for one in house.firewall.pending() if folder in str(one))
    assert waiting in read
    assert ran == []
    assert house.firewall.decide(waiting, "approve").status_code == 200
    assert play(command, ran) == "done"
    assert waiting not in play(command, ran)
    assert ran == [command]


@each_framework
@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("STAYHAND_URL", NOBODY, "gave no answer (ConnectError)"),
        ("STAYHAND_AGENT_TOKEN", "shd_staging_agent_bad", "STAYHAND_AGENT_TOKEN is not accepted"),
    ],
)
def test_no_answer_is_a_refusal(
    play: Play, variable: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server, or with a token that it does not know, not even the harmless call runs; which, is said."""
    monkeypatch.setenv(variable, value)
    ran: Ran = []
    assert why in play("ls", ran)
    assert ran == []


def test_the_page_shows_the_examples_that_are_tested() -> None:
    """Each block of docs/frameworks.md is one of these files, but for where the first is imported from."""
    page = (REPOSITORY / "docs" / "frameworks.md").read_text(encoding="utf-8")
    shown = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    names = ("asking", "langchain_tools", "pydantic_ai_tools", "openai_agents_tools")
    files = [Path(EXAMPLES, f"{name}.py").read_text(encoding="utf-8") for name in names]
    assert shown == [text.replace("tests.support.frameworks.asking", "asking") for text in files]
