"""Tests with real agents are skipped where the agents cannot be had, and fail where they are required."""

from pathlib import Path

import pytest

from tests.support.agents import CODEX, NOWHERE, program

pytestmark = [pytest.mark.agents, pytest.mark.timeout(200)]


@pytest.fixture(autouse=True)
def _no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAYHAND_AGENTS_DIR", str(tmp_path / "agents"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", f"{NOWHERE}/")


def test_without_the_registry_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason names the package, and no half installation is left behind."""
    monkeypatch.delenv("STAYHAND_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="@openai/codex did not install"):
        program(CODEX)
    assert not (tmp_path / "agents" / f"codex-{CODEX.version}").exists()


def test_where_agents_are_required_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that demands agents is not green without them, the second time either."""
    monkeypatch.setenv("STAYHAND_REQUIRE", "browser agents")
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="@openai/codex did not install"):
            program(CODEX)
