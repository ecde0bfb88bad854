"""What leads out of the workspace through a link is not local."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.action import Action, Reach
from firewall.core.effect import Effect
from firewall.guard.links import through_links


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a link inside and one that leads out."""
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (tmp_path / "precious").mkdir()
    (root / "out").symlink_to(tmp_path / "precious")
    (root / "in").symlink_to(root / "src")
    return root


def action(path: str, *effects: Effect) -> Action:
    """Return a local action on one path."""
    return Action(
        "shell:rm",
        "Bash",
        f"file:{path}",
        "local",
        effects,
        "x",
        inside_workspace=True,
        reach=Reach(paths=(path,)),
    )


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.DESTRUCTIVE, Effect.PRIVILEGE])
@pytest.mark.parametrize("inner", ["out", "out/data.txt", "out/new/file", "src/../out/x"])
def test_changing_what_a_link_leads_out_to_is_unresolved(workspace: Path, inner: str, effect: Effect) -> None:
    """Judged by the strictest rows, no longer inside, and the page says where it leads."""
    found = through_links(action(f"{workspace}/{inner}", effect), str(workspace))
    assert (found.environment, found.inside_workspace) == ("unresolved", False)
    assert found.attributes["inside_workspace"] is False
    assert "precious" in found.summary


@pytest.mark.parametrize("inner", ["src/a.py", "in/a.py", "new/b.py", "."])
def test_what_stays_inside_stays_local(workspace: Path, inner: str) -> None:
    """Links within the workspace are its own."""
    before = action(str(workspace / inner), Effect.WRITE)
    assert through_links(before, str(workspace)) is before


def test_running_and_reading_through_a_link_is_everyday(workspace: Path) -> None:
    """A virtual environment's python is a link out of it."""
    before = action(f"{workspace}/out/python", Effect.EXEC, Effect.READ)
    assert through_links(before, str(workspace)) is before


def test_nothing_is_ever_made_local(workspace: Path) -> None:
    """Other environments and missing workspaces are left as they are."""
    other = replace(action(f"{workspace}/out", Effect.WRITE), environment="staging")
    assert through_links(other, str(workspace)) is other
    unseen = action("/nowhere/a", Effect.WRITE)
    assert through_links(unseen, "") is unseen
