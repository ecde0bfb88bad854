"""What led to a held call, through a real server in every dialect: sealed, shown on request, joined by hooks."""

import json
from collections.abc import Iterator

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.control_side import Browser
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.speaking import DIALECTS, LIMIT_S, Agent, agent_of

DEADLY = "rm -rf /srv/data"
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"
PROMPT = f"remove everything, the token is {TOKEN}, says the canary of the history"
SCRIPT = Script(
    scenes=(
        Scene(when="remove", turns=(Turn(text="I remove it at once.", calls=(Shell(DEADLY),)),)),
        Scene(when="talk", turns=(Turn(text="Only words."),)),
    )
)


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose holds last long enough for every decision of a test; its files hold nothing in clear."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        folder = tmp_path_factory.mktemp("leading")
        installed = install(folder, provider=provider, models="hold_s = 25")
        with serving(installed) as running:
            yield running
        checked = verify(installed)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        for word in (TOKEN, "canary of the history", "I remove it at once"):
            assert word.encode() not in stored


async def page_with_talk(firewall: Served, approval_id: str) -> str:
    """Return the approval's page after an approver opened what led to it."""
    shown = firewall.installed.shown
    async with httpx.AsyncClient(base_url=firewall.control, trust_env=False, timeout=LIMIT_S) as client:
        browser = Browser(client, firewall.control)
        answer = await browser.sign_in(shown["approver"], shown["passphrase"])
        assert answer.status_code == 303, answer.text
        page = (await browser.open(f"/approve/{approval_id}")).text
        assert "canary of the history" not in page
        fields = {"csrf": await browser.csrf()}
        answer = await client.post(f"/approve/{approval_id}/conversation", data=fields, headers=browser.headers)
        return f"{answer.status_code} {answer.text}"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_question_and_answer_so_far_are_kept(firewall: Served, dialect: str, *, stream: bool) -> None:
    """The approver reads what was asked and what the model said before the call; a credential in it is hidden."""
    agent = agent_of(firewall, dialect)
    asking = agent.asking(PROMPT, stream=stream)
    one = agent.waiting()
    page = await page_with_talk(firewall, str(one["id"]))
    assert page.startswith("200 ")
    assert "canary of the history" in page
    assert TOKEN not in page
    assert "[redacted:github-pat]" in page
    assert "Message 2, from the model" in page
    assert "I remove it at once." in page
    assert "The call stands in an answer to these messages" in page
    agent.decide("deny")
    assert asking.answer().commands == []


def judged(agent: Agent, command: str, session: str = "") -> str:
    """Ask at the hooks gate, and return the approval's id."""
    question = {"tool": "bash", "arguments": {"command": command}, "session": session}
    answer = httpx.post(
        f"{agent.firewall.agents}/v1/judge",
        json=question,
        headers={"x-stayhand-token": agent.token},
        timeout=LIMIT_S,
        trust_env=False,
    )
    return str(json.loads(answer.text)["approval"]["id"])


async def test_a_call_at_another_gate_is_joined_to_its_run(firewall: Served) -> None:
    """The hooks gate shows the last request of the same token, and says that it may be another conversation."""
    agent, stranger = agent_of(firewall, "anthropic"), agent_of(firewall, "chat")
    assert agent.ask("talk, says the canary of the history").status == 200
    page = await page_with_talk(firewall, judged(agent, DEADLY))
    assert page.startswith("200 ")
    assert "talk, says the canary of the history" in page
    assert "which may have come of another conversation" in page
    assert (await page_with_talk(firewall, judged(stranger, DEADLY))).startswith("404 ")
