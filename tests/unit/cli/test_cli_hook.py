"""Where `stayhand hook install` writes, and where it does not."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firewall.cli.hook import hook
from firewall.cli.hook_setup import PLACES
from firewall.codecs.hooks.shapes import AGENTS

URL = ("--url", "http://127.0.0.1:9")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    found = tmp_path / "home"
    found.mkdir()
    monkeypatch.setenv("HOME", str(found))
    return found


def _install(*words: str) -> Result:
    return CliRunner().invoke(hook, ["install", *words, *URL])


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("is_there", [True, False], ids=["there", "dangling"])
def test_nothing_is_written_through_a_link_of_a_project(tmp_path: Path, agent: str, *, is_there: bool) -> None:
    """A project's file that is a link, also to nothing, is refused; what it leads to stays."""
    project, target = tmp_path / "app", tmp_path / "elsewhere"
    path = project / PLACES[agent].project
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    if is_there:
        target.write_text("")
    done = _install(agent, "--project", str(project))
    assert done.exit_code == 1
    assert target.exists() is is_there
    assert not is_there or target.read_text() == ""
    assert path.is_symlink()


@pytest.mark.usefixtures("home")
def test_nothing_is_written_through_a_linked_folder(tmp_path: Path) -> None:
    """A folder that is a link is refused as well, also when it leads to another place of the project."""
    project = tmp_path / "app"
    (project / ".git" / "hooks").mkdir(parents=True)
    (project / ".codex").symlink_to(".git/hooks")
    assert _install("codex", "--project", str(project)).exit_code == 1
    assert list((project / ".git" / "hooks").iterdir()) == []


def test_a_users_file_may_be_a_link_inside_the_home(home: Path, tmp_path: Path) -> None:
    """Who keeps configurations in a folder of the home keeps the link; one that leads out is refused."""
    kept = home / "dotfiles" / "claude.json"
    kept.parent.mkdir()
    kept.write_text("{}")
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").symlink_to(kept)
    assert _install("claude-code").exit_code == 0
    assert (home / ".claude" / "settings.json").is_symlink()
    assert "hook claude-code" in kept.read_text()
    outside = tmp_path / "outside"
    (home / ".qwen").symlink_to(outside)
    assert _install("qwen").exit_code == 1
    assert not outside.exists()
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").symlink_to(home / "nothing")
    assert _install("gemini").exit_code == 1
    assert not (home / "nothing").exists()


def test_a_copy_is_never_written_through_a_link(home: Path, tmp_path: Path) -> None:
    """A dangling link under the name of the copy is passed over."""
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text('{"model": "opus"}')
    path.chmod(0o640)
    (path.parent / "settings.json.before-stayhand-1").symlink_to(tmp_path / "stolen")
    assert _install("claude-code").exit_code == 0
    assert not (tmp_path / "stolen").exists()
    kept = path.parent / "settings.json.before-stayhand-2"
    assert kept.read_text() == '{"model": "opus"}'
    assert kept.stat().st_mode & 0o777 == 0o640
