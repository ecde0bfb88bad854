"""Kill -9 at any moment: nothing acknowledged is lost, nothing is released twice, what is pending stays."""

import contextlib
import random
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Installed, Served, cli, install, serving, verify
from tests.support.speaking import LIMIT_S, Agent, agent_of

DEADLY = "rm -rf /srv/data"
SCRIPT = Script(
    scenes=(
        Scene(when="look", turns=(Turn(text="I look.", calls=(Shell("ls"),)),)),
        Scene(when="remove", turns=(Turn(text="I remove it.", calls=(Shell(DEADLY),)),)),
    )
)
SUBMITTERS = 8
KILLS = 4


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """One provider for all servers that die."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as address:
        yield address


def installed_in(folder: Path, provider: str, *, hold_s: int = 30) -> Installed:
    """Make an installation with a witness."""
    witness = folder / "witness"
    made = install(folder, provider=provider, models=f"hold_s = {hold_s}")
    made.config.write_text(made.config.read_text().replace("witness = []", f'witness = ["{witness}"]'))
    witness.touch()
    return made


def still(agent: Agent, firewall: Served) -> Agent:
    """Return the same agent before a server that was started again."""
    return Agent(firewall, agent.dialect, agent.name, agent.token, agent.token_id)


def stored_entries(installed: Installed) -> int:
    """Return how many entries the verifier finds; the log must be good."""
    checked = verify(installed, "--witness", str(installed.folder / "witness"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with sqlite3.connect(f"file:{installed.database}?mode=ro", uri=True) as reader:
        (count,) = reader.execute("SELECT count(*) FROM audit_entries").fetchone()
    reader.close()
    return int(count)


def test_no_acknowledged_entry_is_lost(tmp_path: Path, provider: str) -> None:
    """79: Killed under load again and again: every entry that a client was told is in the log, which verifies."""
    installed = installed_in(tmp_path, provider)
    chance = random.Random(4711)  # noqa: S311 - moments, not secrets
    agent: Agent | None = None
    told: set[int] = set()
    for _ in range(KILLS):
        with serving(installed) as firewall:
            agent = still(agent, firewall) if agent else agent_of(firewall, "anthropic")
            told |= _killed_under_load(firewall, agent, after=chance.randrange(5, 60))
        entries = stored_entries(installed)
        assert told
        assert max(told) < entries
    assert len(told) >= KILLS * 5


def _killed_under_load(firewall: Served, agent: Agent, *, after: int) -> set[int]:
    """Let many ask at once, kill the server after so many answers; return the entries told."""
    told: list[int] = []
    enough = threading.Event()

    def ask_on() -> None:
        while True:
            try:
                said = agent.ask("look", stream=False)
            except (httpx.HTTPError, OSError):
                return
            told.append(said.entry)
            if len(told) >= after:
                enough.set()

    with ThreadPoolExecutor(SUBMITTERS) as pool:
        for _ in range(SUBMITTERS):
            pool.submit(ask_on)
        assert enough.wait(LIMIT_S), told
        firewall.kill()
    assert len(told) == len(set(told)), "an entry was acknowledged twice"
    return set(told)


@pytest.mark.parametrize("moment", range(4))
def test_approved_call_is_never_released_twice(tmp_path: Path, provider: str, moment: int) -> None:
    """59: Killed around the decision: the call comes at most once for one approval, used up or usable once."""
    installed = installed_in(tmp_path, provider)
    chance = random.Random(moment)  # noqa: S311 - moments, not secrets
    delivered = 0
    with serving(installed) as firewall:
        agent = agent_of(firewall, "anthropic")
        asking = agent.asking("remove")
        ident = str(agent.waiting()["id"])
        killer = threading.Timer(chance.uniform(0, 0.02), firewall.kill)
        killer.start()
        with contextlib.suppress(httpx.HTTPError, OSError):
            firewall.decide(ident, "approve")
        killer.join(LIMIT_S)
        with contextlib.suppress(httpx.HTTPError, OSError, AssertionError):  # cut off: no whole answer came
            delivered = asking.answer().commands.count(DEADLY)
    with serving(installed) as firewall:
        agent = still(agent, firewall)
        before = {str(one["id"]): one["status"] for one in agent.approvals()}[ident]
        assert before in ("pending", "approved", "consumed")
        if before == "pending":
            assert firewall.decide(ident, "approve").status_code == 200
        if before != "consumed":
            assert delivered == 0
            assert agent.ask("remove").commands == [DEADLY]
        asking = agent.asking("remove")
        assert agent.waiting()["id"] != ident
        agent.decide("deny")
        assert asking.answer().calls == []
    stored_entries(installed)


def test_restart_keeps_what_is_pending_and_its_token(tmp_path: Path, provider: str) -> None:
    """Killed while somebody waits: after the restart the same approval is decided and the repeat goes at once."""
    installed = installed_in(tmp_path, provider)
    with serving(installed) as firewall:
        agent = agent_of(firewall, "anthropic")
        asking = agent.asking("remove")
        ident = agent.waiting()["id"]
        firewall.kill()
        with pytest.raises((httpx.HTTPError, AssertionError)):
            asking.answer()
    with serving(installed) as firewall:
        agent = still(agent, firewall)
        assert agent.waiting()["id"] == ident
        agent.decide("approve")
        said = agent.ask("remove")
        assert said.commands == [DEADLY]
        assert [one["status"] for one in agent.approvals()] == ["consumed"]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_stopping_ends_the_wait_with_an_explanation(tmp_path: Path, provider: str, *, stream: bool) -> None:
    """SIGTERM during a hold: the agent is told which approval waits, the server goes, the approval survives."""
    installed = installed_in(tmp_path, provider, hold_s=300)
    with serving(installed) as firewall:
        agent = agent_of(firewall, "anthropic")
        asking = agent.asking("remove", stream=stream)
        ident = str(agent.waiting()["id"])
        firewall.process.terminate()
        said = asking.answer()
        assert (said.status, said.calls, said.ends, said.is_last) == (200, [], 1, True)
        assert ident in said.text
        assert firewall.process.wait(35) == 0
    with serving(installed) as firewall:
        assert still(agent, firewall).waiting()["id"] == ident


def test_after_a_clean_stop_the_file_alone_is_the_log(tmp_path: Path, provider: str) -> None:
    """SIGTERM, then a copy of `stayhand.db` by itself: every entry that the witness saw, up to the last."""
    installed = installed_in(tmp_path, provider)
    with serving(installed) as firewall:
        agent_of(firewall, "anthropic").ask("look")
        firewall.process.terminate()
        assert firewall.process.wait(35) == 0
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    copy.write_bytes(installed.database.read_bytes())
    witness = ("--witness", str(installed.folder / "witness"), "--strict")
    checked = verify(installed, *witness, log=copy)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.replace(str(copy), "") == verify(installed, *witness).stdout.replace(
        str(installed.database), ""
    )


def test_second_server_is_refused_while_the_first_serves(tmp_path: Path, provider: str) -> None:
    """Two processes never write one log; the second says so and the first is none the worse."""
    installed = installed_in(tmp_path, provider)
    with serving(installed) as firewall:
        second = cli("--config", str(installed.config), "serve", "--port", "0", env={"SCRIPTED_KEY": PROVIDER_KEY})
        assert second.returncode == 1
        assert "another process writes" in second.stderr
        assert agent_of(firewall, "anthropic").ask("look").commands == ["ls"]


def test_server_with_a_removed_witness_does_not_start(tmp_path: Path, provider: str) -> None:
    """Removing the witness does not hide anything: the start is refused with what to do."""
    installed = installed_in(tmp_path, provider)
    witness = installed.folder / "witness"
    with serving(installed) as firewall:
        agent_of(firewall, "anthropic").ask("look")
    witness.unlink()
    refused = cli("--config", str(installed.config), "serve", "--port", "0", env={"SCRIPTED_KEY": PROVIDER_KEY})
    assert refused.returncode == 1
    assert f"touch {witness}" in refused.stderr
    assert not witness.exists()
