"""The real agents with our hooks installed: what is denied, and what cannot be asked about, does not run."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Shell, Turn, turns
from firewall.demo.serving import served
from tests.e2e.test_agents import AGENT_LIMIT_S, CLOSING, scene, when_asked
from tests.support.agent_process import Finished, Launch, run_agent
from tests.support.agents import AGENTS, Command, codex_with_model, program
from tests.support.installation import PROVIDER_KEY, REPOSITORY, Served, install, serving, verify
from tests.support.story import story

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

COMMANDS: dict[str, Command] = {agent.name: agent.command for agent in AGENTS} | {
    "codex-javascript": codex_with_model("gpt-6-sol")
}
HOOKED = {"gemini-cli": "gemini", "codex-javascript": "codex"}
"""Agents whose hooks go by another name."""
FOUR = ("claude-code", "codex", "gemini-cli", "opencode")


@pytest.fixture(autouse=True)
def _is_installed(request: pytest.FixtureRequest) -> None:
    """Skip (or fail, where agents are required) before anything is started for an agent that is not there."""
    has_name = hasattr(request.node, "callspec") and "name" in request.node.callspec.params
    name = str(request.node.callspec.params["name"]) if has_name else "claude-code"
    program(next(agent for agent in AGENTS if name.startswith(agent.name)))


def hooked(
    name: str,
    launch: Launch,
    url: str,
    token: str,
    *,
    instead: dict[str, str] | None = None,
    more: tuple[str, ...] = (),
) -> Finished:
    """Install hooks into the agent's home and run it; `instead` replaces words of what was installed."""
    for path, text in launch.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    env = {**launch.env, "PYTHONPATH": str(REPOSITORY), "STAYHAND_AGENT_TOKEN": token}
    agent = HOOKED.get(name, name)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", "install", agent, "--url", url, *more],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = Path(next(word for word in done.stderr.split() if word.startswith("/")).rstrip(":"))
    text = path.read_text()
    for old, new in (instead or {}).items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    argv = launch.argv
    if agent == "codex":  # nobody is there to look at /hooks and trust ours
        at = argv.index("exec") + 1
        argv = (*argv[:at], "--dangerously-bypass-hook-trust", *argv[at:])
    return run_agent(replace(launch, argv=argv, env=env, files={}), limit_s=AGENT_LIMIT_S)


@pytest.mark.parametrize("name", COMMANDS)
def test_one_call_at_two_gates_is_approved_once(name: str, tmp_path: Path) -> None:
    """The model's call is held and approved; its hook follows the release, and nobody is asked again."""
    with scene(tmp_path) as world:
        asking = when_asked(world.firewall, lambda one: str(world.firewall.decide(one, "approve")))
        launch = COMMANDS[name](world.firewall.agents, world.token, "please tidy up", world.workspace, world.home)
        finished = hooked(name, launch, world.firewall.agents, world.token)
        asking.join(30)
        assert finished.returncode == 0, finished.output
        assert CLOSING in finished.output
        assert (world.workspace / "first.txt").read_text() == "first\n"
        assert not world.precious.exists()
        assert len(world.firewall.approvals()) == 1
        told = story(world.firewall.installed, "tool.released")
        assert [one.data["gate"] for one in told if one.approval] == ["models", "hooks"]
        assert told[-1].data["gate"] in ("hooks", "models")
        assert verify(world.firewall.installed).returncode == 0


@dataclass(frozen=True, slots=True)
class Alone:
    """An agent that speaks to its provider past us: its hook is all that there is."""

    firewall: Served
    provider: str
    workspace: Path
    home: Path
    precious: Path
    token: str

    def launch(self, name: str) -> Launch:
        """Return how the agent is started."""
        return COMMANDS[name](self.provider, PROVIDER_KEY, "please tidy up", self.workspace, self.home)


@contextmanager
def alone(folder: Path, *, together: bool = False, fault: Fault | None = None) -> Iterator[Alone]:
    """Serve a provider for the agent, and a firewall for its hook; `together`: both calls in one answer."""
    workspace, precious = folder / "workspace", folder / "precious"
    workspace.mkdir()
    precious.mkdir()
    look, tidy = Shell("echo first > first.txt; ls"), Shell(f"rm -r {precious}")
    both = (Turn(text="I look and tidy up.", calls=(look, tidy), fault=fault),)
    one_by_one = (Turn(text="First I look.", calls=(look,)), Turn(text="Now I tidy up.", calls=(tidy,)))
    script = turns(*(both if together else one_by_one), Turn(text=CLOSING))
    with served(app(script, key=PROVIDER_KEY)) as provider, serving(install(folder / "firewall")) as firewall:
        token = firewall.mint(workspace=str(workspace), ttl="1h")
        yield Alone(firewall, provider, workspace, folder / "home", precious, token)


@pytest.mark.parametrize("name", FOUR)
def test_a_hook_alone_lets_run_and_denies(name: str, tmp_path: Path) -> None:
    """The harmless command runs; the destructive one is denied with an approval, and the agent goes on."""
    with alone(tmp_path) as world:
        finished = hooked(name, world.launch(name), world.firewall.agents, world.token)
        assert finished.returncode == 0, finished.output
        assert CLOSING in finished.output
        assert (world.workspace / "first.txt").exists()
        assert world.precious.exists()
        assert len(world.firewall.pending()) == 1


def put_off(world: Alone, *, resumes: str = "") -> tuple[Finished, dict[str, object]]:
    """Run Claude Code headless with `--defer`, or resume a session; returns its end and what it says of that."""
    launch = world.launch("claude-code")
    at = launch.argv.index("-p") + 1
    if resumes:
        launch = replace(launch, argv=(*launch.argv[:at], "--resume", resumes, *launch.argv[at + 1 :]))
    finished = hooked("claude-code", launch, world.firewall.agents, world.token, more=("--defer",))
    said = [json.loads(line) for line in finished.output.splitlines() if line.startswith("{")]
    return finished, next((one for one in said if one.get("type") == "result"), {})


def test_a_held_call_of_a_headless_run_is_put_off_and_resumed(tmp_path: Path) -> None:
    """With `--defer` a run ends with the held call; resumed too early it does again, after approval it runs."""
    with alone(tmp_path) as world:
        finished, result = put_off(world)
        session = str(result.get("session_id"))
        assert result.get("stop_reason") == "tool_deferred", finished.output
        assert f"rm -r {world.precious}" in str(result["deferred_tool_use"])
        finished, result = put_off(world, resumes=session)
        assert result.get("stop_reason") == "tool_deferred", finished.output
        assert world.precious.exists()
        (waiting,) = world.firewall.pending()
        assert world.firewall.decide(str(waiting["id"]), "approve").status_code == 200
        finished, result = put_off(world, resumes=session)
        assert (finished.returncode, result.get("result")) == (0, CLOSING), finished.output
        assert not world.precious.exists()
        assert len(world.firewall.approvals()) == 1
        assert verify(world.firewall.installed).returncode == 0


@pytest.mark.parametrize(
    "fault", [None, Fault(FaultKind.ERROR, FaultPlace.TEXT, times=1)], ids=["stream", "whole"]
)
def test_a_held_call_beside_another_is_not_run(fault: Fault | None, tmp_path: Path) -> None:
    """Two calls of one answer: the held one is put off in a stream, and no answer is asked for without one.

    Without our setting Claude Code asks again without a stream, ignores that one call of several is put off, and
    runs it.
    """
    with alone(tmp_path, together=True, fault=fault) as world:
        finished, result = put_off(world)
        assert world.precious.exists(), finished.output
        assert (result.get("stop_reason") == "tool_deferred") == (fault is None), finished.output
        assert (world.workspace / "first.txt").exists() == (fault is None)


FAILING = ("killed", "missing", "stopped", "silent", "no-token")


@pytest.mark.parametrize("how", FAILING)
@pytest.mark.parametrize("name", FOUR)
def test_nothing_runs_when_the_hook_cannot_ask(name: str, how: str, tmp_path: Path) -> None:
    """Hook process killed or missing, server stopped or silent, no token: not even the harmless command runs."""
    workspace, home = tmp_path / "workspace", tmp_path / "home"
    workspace.mkdir()
    script = turns(Turn(text="First I look.", calls=(Shell("echo first > first.txt; ls"),)), Turn(text=CLOSING))
    with served(app(script, key=PROVIDER_KEY)) as provider, socket.create_server(("127.0.0.1", 0)) as silent:
        launch = COMMANDS[name](provider, PROVIDER_KEY, "please look", workspace, home)
        url = f"http://127.0.0.1:{silent.getsockname()[1] if how == 'silent' else 9}"
        instead = {"--url": "--deadline 1 --url"}
        if how in ("killed", "missing"):
            dying = tmp_path / "dying"
            if how == "killed":
                dying.write_text("#!/bin/sh\nkill -9 $$\n")
                dying.chmod(0o700)
            instead = {f"{sys.executable} ": f"{dying} "}
        token = "" if how == "no-token" else "shd_staging_agent_000000000000000000000000000000000000"
        finished = hooked(name, launch, url, token, instead=instead)
        assert finished.returncode is not None, finished.output
        assert not (workspace / "first.txt").exists(), finished.output


@pytest.mark.parametrize("name", ["codex"])
def test_codex_runs_a_call_whose_hook_outlasts_its_time(name: str, tmp_path: Path) -> None:
    """It ends the hook after the seconds that the file says, and runs the command: so ours answers well before."""
    workspace, home, begun = tmp_path / "workspace", tmp_path / "home", tmp_path / "begun"
    workspace.mkdir()
    sleeper = tmp_path / "sleeper"
    sleeper.write_text(f"#!/bin/sh\necho begun >> {begun}\nexec sleep {AGENT_LIMIT_S}\n")
    sleeper.chmod(0o700)
    script = turns(Turn(text="First I look.", calls=(Shell("echo first > first.txt"),)), Turn(text=CLOSING))
    with served(app(script, key=PROVIDER_KEY)) as provider:
        launch = COMMANDS[name](provider, PROVIDER_KEY, "please look", workspace, home)
        instead = {f"{sys.executable} ": f"{sleeper} ", '"timeout": 30': '"timeout": 3'}
        finished = hooked(name, launch, "http://127.0.0.1:9", "", instead=instead)
    assert finished.returncode == 0, finished.output
    assert begun.read_text() == "begun\nbegun\n"  # for the session, and for the call
    assert (workspace / "first.txt").read_text() == "first\n"
