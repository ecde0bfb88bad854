"""The real agents on providers of other dialects, with nothing but translation in between."""

from pathlib import Path

import httpx
import pytest

from firewall.core.dialect import Dialect
from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns
from firewall.demo.serving import served
from tests.support import translator
from tests.support.agent_process import run_agent
from tests.support.agents import CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE, Agent

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

CLOSING = "Fin"
SCRIPT = turns(
    Turn(text="First I look.", thinking="I look first.", calls=(Shell("echo first > first.txt; ls"),)),
    Turn(
        text="Two things at once.",
        thinking="Both are safe.",
        calls=(Shell("echo second > second.txt"), Shell("echo third > third.txt")),
    ),
    Turn(text=CLOSING),
)


@pytest.mark.parametrize(
    ("agent", "dialect"),
    [
        (CLAUDE_CODE, Dialect.OPENAI_CHAT),
        (CODEX, Dialect.ANTHROPIC),
        (GEMINI_CLI, Dialect.OPENAI_RESPONSES),
        (OPENCODE, Dialect.GEMINI),
    ],
    ids=lambda one: one.value if isinstance(one, Dialect) else one.name,
)
def test_an_agent_plays_the_whole_script_on_a_foreign_provider(
    agent: Agent, dialect: Dialect, tmp_path: Path
) -> None:
    """A real agent runs one command, then two at once, and ends; its histories break no rule of the provider."""
    workspace = tmp_path / "workspace"
    with served(app(SCRIPT, records=True)) as provider, served(translator.app(provider, dialect)) as url:
        done = run_agent(agent.command(url, "sk-dummy-key", "please have a look", workspace, tmp_path / "home"))
        seen = httpx.get(f"{provider}/_seen", trust_env=False).json()
        refused = httpx.get(f"{url}/_refused", trust_env=False).json()
    assert refused == []
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    written = {path.name: path.read_text().strip() for path in workspace.glob("*.txt")}
    assert written == {"first.txt": "first", "second.txt": "second", "third.txt": "third"}
    assert len(seen) >= 3
    assert [request["status"] for request in seen if request["status"] != 200] == []
