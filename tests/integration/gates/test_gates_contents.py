"""A model's shell call that runs a file of the workspace, through a real server: judged by what the file holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving
from tests.support.speaking import DIALECTS, Agent, agent_of

RUN, BUILD = "bash deploy.sh", "npm run build"
BENIGN = "set -e\nmkdir -p dist\ncp -r src dist/\n"
DEADLY = "set -e\nrm -rf /srv/data\n"
SCRIPT = Script(
    scenes=(
        Scene(when="script", turns=(Turn(text="I run it.", calls=(Shell(RUN),)),)),
        Scene(when="build", turns=(Turn(text="I build it.", calls=(Shell(BUILD),)),)),
    )
)
EVERY = pytest.mark.parametrize("dialect", DIALECTS)


def _serving(folder: Path, hold_s: int) -> Iterator[Served]:
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(folder, provider=provider, models=f"hold_s = {hold_s}")
        with serving(installed) as running:
            yield running


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose holds last long enough for every decision of a test."""
    yield from _serving(tmp_path_factory.mktemp("patient"), 25)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose holds end after a second."""
    yield from _serving(tmp_path_factory.mktemp("hasty"), 1)


def _agent(firewall: Served, workspace: Path, dialect: str = "anthropic") -> Agent:
    workspace.mkdir(exist_ok=True)
    return agent_of(firewall, dialect, workspace=str(workspace))


@EVERY
def test_benign_contents_flow(patient: Served, tmp_path: Path, dialect: str) -> None:
    """A script that only builds is run without anybody being asked, and so is a script of package.json."""
    agent = _agent(patient, tmp_path / "work", dialect)
    (tmp_path / "work" / "deploy.sh").write_text(BENIGN)
    (tmp_path / "work" / "package.json").write_text('{"scripts": {"build": "tsc -p ."}}')
    assert agent.ask("script").commands == [RUN]
    assert agent.ask("build").commands == [BUILD]
    assert agent.approvals() == []


@EVERY
def test_destructive_contents_are_held(patient: Served, tmp_path: Path, dialect: str) -> None:
    """The same call is held when the script deletes data: who decides reads the line; a no lets nothing out."""
    agent = _agent(patient, tmp_path / "work", dialect)
    (tmp_path / "work" / "deploy.sh").write_text(DEADLY)
    asking = agent.asking("script")
    assert "line 2 `rm -rf /srv/data`" in str(agent.waiting())
    agent.decide("approve")
    assert asking.answer().commands == [RUN]
    again = agent.asking("script")
    agent.decide("deny")
    assert again.answer().commands == []


def test_a_file_that_changed_after_the_approval_is_asked_anew(hasty: Served, tmp_path: Path) -> None:
    """An approval is for the bytes that were judged: with others the repeat asks; with these it goes, once."""
    agent = _agent(hasty, tmp_path / "work")
    script = tmp_path / "work" / "deploy.sh"
    script.write_text(DEADLY)
    assert agent.ask("script").commands == []
    first = agent.decide("approve")
    script.write_text(f"{DEADLY}rm -rf /srv/other\n")
    assert agent.ask("script").commands == []
    assert agent.waiting()["id"] != first
    script.write_text(DEADLY)
    assert agent.ask("please run the script").commands == [RUN]
    assert agent.ask("script, once more").commands == []


def test_a_file_that_changes_while_it_is_held_is_not_released(patient: Served, tmp_path: Path) -> None:
    """A yes to what stood in the file releases nothing once something else stands there: that is asked anew."""
    agent = _agent(patient, tmp_path / "work")
    script = tmp_path / "work" / "deploy.sh"
    script.write_text(DEADLY)
    asking = agent.asking("script")
    agent.waiting()
    script.write_text(DEADLY.replace("/srv/data", "/srv"))
    first = agent.decide("approve")
    second = agent.decide("deny")
    assert second != first
    assert asking.answer().commands == []
