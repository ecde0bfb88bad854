"""One installation, opened and closed inside this process."""

import asyncio
from pathlib import Path

import pytest

from firewall.app.application import Application
from firewall.app.running import running
from firewall.cli.main import stayhand
from firewall.core.errors import ConfigError
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return what `stayhand init` writes, with its state beside it."""
    stayhand.main(["init", "--data-dir", str(tmp_path / "state"), str(tmp_path)], standalone_mode=False)
    return load_settings(str(tmp_path / "stayhand.toml"), {})


async def test_an_installation_opens_records_and_closes(settings: Settings) -> None:
    """It says in the log under which policy it opened, and closing ends everything that it had started."""
    before = asyncio.all_tasks()
    async with running(settings) as application:
        assert isinstance(application, Application)
        assert application.is_demo
        agents, control = application.listeners()
        assert (agents.port, control.port) == (8787, 8788)
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before
    async with running(settings) as again:
        assert again.rules.snapshot.digest == application.rules.snapshot.digest


def with_a_target_twice(settings: Settings) -> Settings:
    """Return the same configuration with two targets of one name."""
    target = (
        '\n[[target]]\nname = "one"\nenvironment = "staging"\nbase_url = "https://api.example"\n'
        'credential = { command = ["echo", "value"] }\n'
    )
    path = Path(settings.path)
    path.write_text(path.read_text(encoding="utf-8") + target + target, encoding="utf-8")
    return load_settings(settings.path, {})


async def test_nothing_is_started_on_a_target_that_cannot_be_used(settings: Settings) -> None:
    """Two targets of one name: an error before a background task or a listener exists."""
    twice = with_a_target_twice(settings)
    before = asyncio.all_tasks()
    with pytest.raises(ConfigError, match="two targets are named `one`"):
        async with running(twice):
            pass
    assert asyncio.all_tasks() == before
