"""Routes of a running server are changed without a restart: loaded, swapped under load, taken back."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, cli, install, serving
from tests.support.speaking import LIMIT_S, agent_of, credentials

ROUTE = """
[[route]]                                 # kept
name = "coder"
chain = ["scripted-anthropic/old"]        # kept as well
"""


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with one route, in front of a provider that says which model it was asked for."""
    script = Script(scenes=(Scene(when="", turns=(Turn(text="Fine."),)),))
    with served(app(script, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("changes"), provider=provider, settings=ROUTE)
        with serving(installed) as running:
            yield running


def command(firewall: Served, *words: str) -> "tuple[int, str]":
    """Run `stayhand route …` against the running server."""
    env = {"STAYHAND_TOKEN": str(firewall.installed.shown["admin_token"]), "SCRIPTED_KEY": PROVIDER_KEY}
    done = cli("--config", str(firewall.at_its_ports()), "route", *words, env=env)
    return done.returncode, done.stdout + done.stderr


def posted(
    firewall: Served, what: str, body: dict[str, str], headers: dict[str, str] | None = None
) -> httpx.Response:
    """Ask the control side, as an admin unless told otherwise."""
    address = f"{firewall.control}/api/routes/{what}"
    return httpx.post(address, json=body, headers=headers or firewall.admin, trust_env=False, timeout=LIMIT_S)


@dataclass(slots=True)
class Load:
    """Asks without a pause, from several threads, until it is told to stop."""

    firewall: Served
    token: str
    done: list[tuple[int, str]] = field(default_factory=list)
    """Status and model of each answer, in the order in which they came."""
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until stopped."""
        body = {"model": "coder", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
        headers = credentials("anthropic", self.token)
        with httpx.Client(headers=headers, trust_env=False, timeout=LIMIT_S) as client:
            while not self.stop.is_set():
                answer = client.post(f"{self.firewall.agents}/v1/messages", json=body)
                self.done.append((answer.status_code, answer.headers.get("x-stayhand-model", "")))

    def until(self, model: str, count: int) -> None:
        """Wait until so many more answers came of a model."""
        begin = len(self.done)
        for _ in range(LIMIT_S * 100):
            if sum(one[1] == model for one in self.done[begin:]) >= count:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"`{model}` does not answer: {self.done[-3:]}")


def test_a_swap_under_load_fails_no_request(firewall: Served) -> None:
    """Calls go on while the first of the chain changes and changes back; every one of them is answered."""
    config = firewall.installed.config
    before = config.read_text()
    load = Load(firewall, agent_of(firewall, "anthropic", max_requests_per_minute=100_000_000).token)
    threads = [threading.Thread(target=load.run, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        load.until("old", 5)
        assert command(firewall, "swap", "coder", "scripted-anthropic/new")[0] == 0
        assert config.read_text() == before.replace("scripted-anthropic/old", "scripted-anthropic/new")
        load.until("new", 5)
        assert posted(firewall, "swap", {"name": "coder"}).json()["now"] == "scripted-anthropic/old"
        assert config.read_text() == before
        load.until("old", 5)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(LIMIT_S)
    assert {status for status, _ in load.done} == {200}
    with sqlite3.connect(f"file:{firewall.installed.database}?mode=ro", uri=True) as log:
        kinds = [kind for (kind,) in log.execute("SELECT kind FROM audit_entries ORDER BY seq")]
    assert kinds.count("config.loaded") >= 3


def test_a_bad_load_keeps_the_last_good_routes(firewall: Served) -> None:
    """It is refused with file and key, the log says so, and calls go where they went."""
    config: Path = firewall.installed.config
    before = config.read_text()
    agent = agent_of(firewall, "anthropic")
    config.write_text(before + '\n[[route]]\nname = "more"\nchain = ["nobody/m"]\n')
    refused = posted(firewall, "load", {})
    assert refused.status_code == 422
    assert "names the provider `nobody`" in refused.text
    assert agent.ask("hello", stream=False, model="coder").headers["x-stayhand-route"] == "coder"
    assert agent.ask("hello", stream=False, model="more").headers["x-stayhand-route"] == "scripted-anthropic"
    config.write_text(before + '\n[[route]]\nname = "more"\nchain = ["scripted-anthropic/m"]\n')
    assert posted(firewall, "load", {}).json()["status"] == "loaded"
    assert agent.ask("hello", stream=False, model="more").headers["x-stayhand-route"] == "more"
    config.write_text(before)
    assert command(firewall, "load")[0] == 0
    assert posted(firewall, "swap", {"name": "coder", "to": "nobody/m"}).status_code == 422
    with sqlite3.connect(f"file:{firewall.installed.database}?mode=ro", uri=True) as log:
        kinds = [kind for (kind,) in log.execute("SELECT kind FROM audit_entries ORDER BY seq")]
    assert kinds.count("config.refused") == 2


def test_only_an_admin_changes_routes(firewall: Served) -> None:
    """An approver may not, and an agent's token is worth nothing there."""
    for headers in (firewall.approver, credentials("chat", agent_of(firewall, "chat").token)):
        for path, body in (("load", {}), ("swap", {"name": "coder", "to": "scripted-anthropic/x"})):
            assert posted(firewall, path, body, headers).status_code in (401, 403)
