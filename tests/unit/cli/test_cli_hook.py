"""Where `stayhand hook install` writes, and where it does not."""

import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firewall.cli import hook as commands
from firewall.cli import hook_setup
from firewall.cli.hook import hook
from firewall.cli.hook_setup import PLACES
from firewall.codecs.hooks.shapes import AGENTS

URL = ("--url", "http://127.0.0.1:9")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME", "OPENCODE_CONFIG_DIR", "GEMINI_CLI_HOME"):
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


@pytest.mark.parametrize("variable", ["", "CODEX_HOME"])
def test_an_agents_own_folder_may_be_elsewhere(
    home: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that a variable or the caller names is written and looked at, and the home is left alone."""
    moved = tmp_path / "moved" / "codex"
    words = () if variable else ("--config-dir", str(moved))
    if variable:
        monkeypatch.setenv(variable, str(moved))
    assert _install("codex", *words).exit_code == 0
    assert "hook codex" in (moved / "hooks.json").read_text()
    assert list(home.iterdir()) == []
    checked = CliRunner().invoke(hook, ["check", "codex", *words])
    assert f"ok    configured: {moved}/hooks.json" in checked.output


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("option", ["--config-dir", "--project", ""])
def test_the_check_that_is_named_looks_at_what_was_written(tmp_path: Path, option: str) -> None:
    """Whoever copies the line that `install` ends with has the same file looked at, wherever that is."""
    place = tmp_path / "a folder"
    place.mkdir()
    words = (option, str(place)) if option else ()
    done = _install("codex", *words)
    assert done.exit_code == 0
    named = done.output.split("`stayhand hook check ")[1].partition("`")[0]
    assert named == shlex.join(["codex", *words, *(URL if option == "--project" else ())])
    checked = CliRunner().invoke(hook, ["check", *shlex.split(named)])
    assert "ok    configured: " in checked.output
    assert (str(place) in checked.output) is bool(option)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_swapped_for_a_link_meanwhile_is_not_followed(
    tmp_path: Path, when: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that appears between the look and the opening, or between reading and writing, gets nothing."""
    project, stolen = tmp_path / "app", tmp_path / "stolen"
    path = project / ".codex" / "hooks.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    stolen.mkdir()
    (stolen / "hooks.json").write_text("theirs")

    def swap() -> None:
        if what == "folder":
            path.parent.rename(project / "away")
            path.parent.symlink_to(stolen)
        else:
            path.unlink()
            path.symlink_to(stolen / "hooks.json")

    looked, made = commands._own_place, hook_setup.installed_text

    def look(folder: Path, file: Path, *, is_project: bool) -> tuple[Path, Path]:
        found = looked(folder, file, is_project=is_project)
        swap()
        return found

    def make(agent: str, before: str, line: str, *, wait_s: int = 0) -> str:
        swap()
        return made(agent, before, line, wait_s=wait_s)

    if when == "before":
        monkeypatch.setattr(commands, "_own_place", look)
    else:
        monkeypatch.setattr(hook_setup, "installed_text", make)
    done = _install("codex", "--project", str(project))
    assert (stolen / "hooks.json").read_text() == "theirs"
    assert sorted(one.name for one in stolen.iterdir()) == ["hooks.json"]
    if when == "before":
        assert done.exit_code == 1
        assert "nothing was changed" in done.output


@pytest.mark.usefixtures("home")
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe under the name of the file is not read, written or waited for."""
    for number, make in enumerate((Path.mkdir, os.mkfifo)):
        path = tmp_path / str(number) / ".codex" / "hooks.json"
        path.parent.mkdir(parents=True)
        make(path)
        done = _install("codex", "--project", str(tmp_path / str(number)))
        assert done.exit_code == 1
        assert [one.name for one in path.parent.iterdir()] == ["hooks.json"]


def test_only_claude_code_puts_calls_off(home: Path) -> None:
    """`--defer` is refused for every other agent, and written for this one."""
    assert _install("codex", "--defer").exit_code == 1
    assert not (home / ".codex").exists()
    assert _install("claude-code", "--defer").exit_code == 0
    assert "--held defer" in (home / ".claude" / "settings.json").read_text()


@pytest.mark.parametrize("agent", ["qwen", "cline"])
def test_no_call_waits_longer_than_its_agent(home: Path, agent: str) -> None:
    """Where the agent's patience is not ours to set, a longer wait is refused, and nothing is written."""
    most = hook_setup.MOST_WAIT_S[agent]
    assert _install(agent, "--wait", str(most + 1)).exit_code == 1
    assert list(home.iterdir()) == []
    assert _install(agent, "--wait", str(most)).exit_code == 0
