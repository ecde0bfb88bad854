"""The firewall is not in its own reach: an agent tries every way through the models gate, and none is let through.

The scripted model speaks one line per prompt; the real server judges it. What may be asked instead stands in
`tests/cases/reach` with what may pass.
"""

import base64
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import ANSWER_LIMIT_S, PROVIDER_KEY, REPOSITORY, Served, install, serving, verify
from tests.support.speaking import Agent, agent_of

CASES = REPOSITORY / "tests/cases/reach/ways.toml"
WAYS = [
    (way["group"], way["expect"], line)
    for way in tomllib.loads(CASES.read_text(encoding="utf-8"))["way"]
    for line in way["lines"]
]


@dataclass(slots=True)
class Field:
    """A server and an agent in front of it."""

    firewall: Served
    agent: Agent
    pid: int


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A server whose model says any line it is asked for."""
    folder = tmp_path_factory.mktemp("reach") / "home"
    workspace = folder.parent / "work" / "shop"
    workspace.mkdir(parents=True)
    folder.mkdir()
    stage = Stage()
    with served(app(stage.script, key=PROVIDER_KEY)) as provider:
        installed = install(folder, provider=provider, models="hold_s = 1")
        with serving(installed) as running:
            data, conf = Path(installed.shown["data_dir"]), installed.config.parent
            (workspace / "innocent").symlink_to(data)
            places = {
                "data": str(data), "conf": str(conf), "policies": str(conf / "policies"),
                "config": str(installed.config), "db": str(installed.database), "key": str(data / "log.key"),
                "home": str(folder), "control": running.control, "port": running.control.rpartition(":")[2],
                "pid": str(running.process.pid), "approval": "apr_0000000000000000000000",
                "link": str(workspace / "innocent"),
                "hidden": base64.b64encode(f"cat {data}/log.key".encode()).decode(),
            }  # fmt: skip
            agent = agent_of(running, "anthropic", workspace=str(workspace))
            stage.fill(places)
            yield Field(running, agent, running.process.pid)


class Stage:
    """The scenes, one per line of the table; filled when the server's places are known."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self.script = _Script(self.lines)

    def fill(self, places: dict[str, str]) -> None:
        """Put the names of our places into the lines."""
        for number, (_, _, line) in enumerate(WAYS):
            self.lines[f"way {number:04}"] = line.format(**places)


class _Script(Script):
    """A script that looks its line up when it is asked."""

    def __init__(self, lines: dict[str, str]) -> None:
        super().__init__(scenes=(Scene(turns=(Turn(text="x"),)),))
        object.__setattr__(self, "lines", lines)

    def turn(self, prompt: str, step: int) -> Turn:
        """Return the turn that runs the line that the prompt names."""
        del step
        return Turn(text="I try.", calls=(Shell(self.lines[prompt]),))  # type: ignore[attr-defined]  # set above


@pytest.mark.parametrize("number", range(len(WAYS)), ids=[f"{group}: {line}"[:70] for group, _, line in WAYS])
def test_no_way_leads_to_the_firewall_itself(field: Field, number: int) -> None:
    """What touches the firewall is denied as such; what cannot be seen through never passes unasked."""
    _, expect, line = WAYS[number]
    said = field.agent.ask(f"way {number:04}", stream=number % 2 == 0)
    assert said.status == 200, said.raw
    if expect == "free":
        assert said.commands == [line]
        return
    assert said.calls == []
    if expect == "reach":
        assert "reach:firewall:touched" in said.text, said.text


def test_agent_may_ask_how_its_own_approval_stands_and_nothing_more(field: Field) -> None:
    """The agents' listener tells the requester how its approval stands; it decides nothing."""
    agent, firewall = field.agent, field.firewall
    number = next(n for n, (_, expect, _) in enumerate(WAYS) if expect == "stopped")
    agent.ask(f"way {number:04}")
    mine = str(agent.approvals()[0]["id"])
    headers = {"x-api-key": agent.token}
    status = httpx.get(
        f"{firewall.agents}/v1/approvals/{mine}", headers=headers, trust_env=False, timeout=ANSWER_LIMIT_S
    )
    assert status.status_code == 200
    assert status.json()["status"] == "pending"
    assert set(status.json()) == {"id", "status", "expires_at"}
    other = {"x-api-key": agent_of(firewall, "anthropic").token}
    assert (
        httpx.get(
            f"{firewall.agents}/v1/approvals/{mine}", headers=other, trust_env=False, timeout=ANSWER_LIMIT_S
        ).status_code
        == 404
    )
    for method, path in (
        ("POST", f"/v1/approvals/{mine}"),
        ("POST", f"/api/approvals/{mine}/decision"),
        ("POST", f"/approve/{mine}"),
        ("GET", f"/approve/{mine}"),
        ("GET", "/api/approvals"),
        ("GET", "/metrics"),
    ):
        body = {"decision": "approve"} if method == "POST" else None
        answer = httpx.request(
            method, f"{firewall.agents}{path}", headers=headers, json=body, trust_env=False, timeout=ANSWER_LIMIT_S
        )
        assert answer.status_code == 404, (path, answer.text)
    assert (
        httpx.get(
            f"{firewall.agents}/v1/approvals/{mine}", headers=headers, trust_env=False, timeout=ANSWER_LIMIT_S
        ).json()["status"]
        == "pending"
    )


def test_agents_token_is_worth_nothing_on_the_control_side(field: Field) -> None:
    """Neither approving nor reading nor minting with an agent's token, in whatever header it comes."""
    agent, firewall = field.agent, field.firewall
    mine = str(agent.approvals()[0]["id"]) if agent.approvals() else "apr_x"
    for headers in ({"authorization": f"Bearer {agent.token}"}, {"x-api-key": agent.token}):
        for method, path, body in (
            ("GET", "/api/approvals", None),
            ("GET", "/api/tokens", None),
            ("GET", "/metrics", None),
            ("GET", "/api/entries/0", None),
            ("POST", f"/api/approvals/{mine}/decision", {"decision": "approve"}),
            ("POST", "/api/tokens", {"env": "production", "owner": "root"}),
            ("POST", "/api/policy/load", {}),
        ):
            answer = httpx.request(
                method,
                f"{firewall.control}{path}",
                headers=headers,
                json=body,
                trust_env=False,
                timeout=ANSWER_LIMIT_S,
            )
            assert answer.status_code in (401, 403), (path, answer.status_code)


def test_server_is_alive_and_untouched_after_all_of_it(field: Field) -> None:
    """After every attempt the same process serves, and its log verifies."""
    assert field.firewall.process.pid == field.pid
    assert field.firewall.process.poll() is None
    assert field.agent.ask("way 0000").status == 200
    checked = verify(field.firewall.installed)
    assert checked.returncode == 0, checked.stdout + checked.stderr
