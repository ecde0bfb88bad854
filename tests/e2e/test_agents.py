"""The real agents behind the real firewall: allowed, held and approved, denied, re-sent during the hold."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns
from firewall.demo.serving import served
from tests.support.agent_process import Finished, run_agent, started
from tests.support.agents import AGENTS, Command, opencode_gemini, opencode_messages, opencode_responses, program
from tests.support.cutting_proxy import cutting_proxy
from tests.support.installation import ANSWER_LIMIT_S, PROVIDER_KEY, Served, install, serving, verify

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

AGENT_LIMIT_S = 150
WAIT_LIMIT_S = 90
CLOSING = "Fin"
COMMANDS: dict[str, Command] = {agent.name: agent.command for agent in AGENTS} | {
    "opencode-messages": opencode_messages,
    "opencode-responses": opencode_responses,
    "opencode-gemini": opencode_gemini,
}
FOUR = ("claude-code", "codex", "gemini-cli", "opencode")


@pytest.fixture(autouse=True)
def _is_installed(request: pytest.FixtureRequest) -> None:
    """Skip (or fail, where agents are required) before anything is started for an agent that is not there."""
    name = str(request.node.callspec.params["name"])
    program(next(agent for agent in AGENTS if name.startswith(agent.name)))


@dataclass(frozen=True, slots=True)
class Scene:
    """One agent's small world."""

    firewall: Served
    provider: str
    workspace: Path
    home: Path
    precious: Path
    """A folder outside the workspace that the script tells the agent to remove."""
    token: str

    def asked(self) -> list[dict[str, object]]:
        """Return what the provider was asked."""
        found: list[dict[str, object]] = httpx.get(
            f"{self.provider}/_seen", trust_env=False, timeout=ANSWER_LIMIT_S
        ).json()
        return found


@contextmanager
def scene(
    folder: Path,
    *,
    hold_s: int = 60,
    said: str = "Now I tidy up.",
    own_login: bool = False,
    elsewhere: Callable[[str], str] | None = None,
) -> Iterator[Scene]:
    """Serve a provider and a firewall, and mint a token whose workspace is the agent's folder.

    `said` is the text in front of the destructive call (Codex itself refuses a forced `rm`, so it is not forced).
    `elsewhere`: the provider's address to settings, in place of one provider for every dialect.
    """
    workspace, precious = folder / "workspace", folder / "precious"
    workspace.mkdir()
    precious.mkdir()
    (precious / "data.txt").write_text("worth keeping")
    script = turns(
        Turn(text="First I look.", thinking="I look first.", calls=(Shell("echo first > first.txt; ls"),)),
        Turn(text=said, thinking="It looks old." if said else "", calls=(Shell(f"rm -r {precious}"),)),
        Turn(text=CLOSING),
    )
    with served(app(script, key=PROVIDER_KEY, records=True)) as provider:
        installed = install(
            folder / "firewall",
            provider="" if elsewhere else provider,
            settings=elsewhere(provider) if elsewhere else "",
            models=f"hold_s = {hold_s}",
            own_login=own_login,
        )
        with serving(installed) as firewall:
            token = firewall.mint(workspace=str(workspace), ttl="1h")
            yield Scene(firewall, provider, workspace, folder / "home", precious, token)


def when_asked(firewall: Served, act: Callable[[str], None]) -> threading.Thread:
    """Call `act` with the first approval that waits, from another thread."""

    def watch() -> None:
        with suppress(httpx.HTTPError):  # the server is gone: the test has ended, and says itself how
            for _ in range(WAIT_LIMIT_S * 10):
                waiting = firewall.pending()
                if waiting:
                    act(str(waiting[0]["id"]))
                    return
                threading.Event().wait(0.1)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def play(world: Scene, name: str, base_url: str) -> Finished:
    """Run the real agent through the whole script."""
    launch = COMMANDS[name](base_url, world.token, "please tidy up", world.workspace, world.home)
    return run_agent(launch, limit_s=AGENT_LIMIT_S)


@pytest.mark.parametrize("name", COMMANDS)
def test_held_call_runs_after_approval(name: str, tmp_path: Path) -> None:
    """The harmless command runs at once; the destructive one is held, approved, run; the agent goes on."""
    with scene(tmp_path) as world:
        held_while_there: list[bool] = []

        def approve(approval_id: str) -> None:
            held_while_there.append(
                (world.precious / "data.txt").exists() and (world.workspace / "first.txt").exists()
            )
            world.firewall.decide(approval_id, "approve")

        thread = when_asked(world.firewall, approve)
        done = play(world, name, world.firewall.agents)
        thread.join(30)
        asked = world.asked()
    assert held_while_there == [True], done.output[-3000:]
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    assert not world.precious.exists()
    assert [request["status"] for request in asked if request["status"] != 200] == []
    assert world.token not in str(asked)
    checked = verify(world.firewall.installed)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_denied_call_is_never_run(name: str, tmp_path: Path) -> None:
    """Denied, nothing was lost; the agent is told why, and the provider accepts the history that it sends."""
    with scene(tmp_path) as world:
        thread = when_asked(
            world.firewall, lambda approval: world.firewall.decide(approval, "deny", "keep it") and None
        )
        done = play(world, name, world.firewall.agents)
        thread.join(30)
        asked = world.asked()
    assert done.returncode == 0, done.output[-3000:]
    assert (world.precious / "data.txt").read_text() == "worth keeping"
    assert "denied" in done.output, done.output[-3000:]
    assert "keep it" in done.output
    assert [request["status"] for request in asked if request["status"] != 200] == []


@pytest.mark.parametrize("name", FOUR)
def test_request_sent_again_during_the_hold_joins_it(name: str, tmp_path: Path) -> None:
    """The connection breaks while the call is held; the agent asks again and runs it once, on one approval.

    The equal request joins the hold, and the provider is not asked again. (Nothing of the answer has arrived yet:
    of one that has begun, Claude Code asks for the rest. Gemini CLI asks again only where no
    answer has begun at all.)
    """
    with scene(tmp_path, said="") as world, cutting_proxy(world.firewall.agents) as network:

        def cut_then_approve(approval_id: str) -> None:
            before = network.accepted
            network.cut()
            _until(lambda: network.accepted > before)
            threading.Event().wait(1.0)
            world.firewall.decide(approval_id, "approve")

        thread = when_asked(world.firewall, cut_then_approve)
        if name == "gemini-cli":
            looked = world.workspace / "first.txt"
            threading.Thread(target=lambda: _until(looked.exists) or network.withhold(), daemon=True).start()
        done = play(world, name, network.address)
        thread.join(30)
        asked = [without_transport(str(request["body"])) for request in world.asked()]
        opened = world.firewall.approvals()
    assert done.returncode == 0, done.output[-3000:]
    assert CLOSING in done.output
    assert not world.precious.exists()
    assert [approval["status"] for approval in opened] == ["consumed"]
    assert len(asked) == len(set(asked)), "the provider was asked twice for one answer"


def without_transport(body: str) -> str:
    """Return a request without what only chooses how the answer is carried."""
    value = json.loads(body)
    return json.dumps({key: item for key, item in value.items() if key not in ("stream", "stream_options")})


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(WAIT_LIMIT_S * 50):
        if is_so():
            return
        threading.Event().wait(0.02)


@pytest.mark.parametrize("name", FOUR)
def test_agent_outlives_a_hold_that_nobody_answers(name: str, tmp_path: Path) -> None:
    """Nobody decides: the agent is told that the call waits, ends tidily, and nothing was run."""
    with scene(tmp_path, hold_s=5) as world:
        launch = COMMANDS[name](world.firewall.agents, world.token, "please tidy up", world.workspace, world.home)
        with started(launch) as run:
            done = run.wait(AGENT_LIMIT_S)
        waiting = world.firewall.pending()
    assert done.returncode == 0, done.output[-3000:]
    assert len(waiting) == 1
    assert str(waiting[0]["id"]) in done.output
    assert (world.precious / "data.txt").exists()
