"""Binding by content: only regular, readable files under the workspace, never blocking."""

import hashlib
import os
from pathlib import Path

import pytest

from firewall.classify.state import Unread
from firewall.guard.files import MAX_BYTES, MAX_FILES, MAX_TEXT_BYTES, MAX_TEXTS, UNREAD, WorkspaceFiles
from firewall.guard.ports import Seen


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a script in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "run.sh").write_bytes(b"echo\n")
    return folder


def test_file_in_the_workspace_is_hashed(workspace: Path) -> None:
    """The hash is the content's SHA-256."""
    path = str(workspace / "run.sh")
    assert WorkspaceFiles().seen([path, path], str(workspace)) == {
        path: Seen(hashlib.sha256(b"echo\n").hexdigest(), "echo\n")
    }


def test_what_lies_outside_is_unread(workspace: Path, tmp_path: Path) -> None:
    """Neither a path outside, nor a link that leads outside, nor a sibling that begins alike is read."""
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "work2").mkdir()
    (tmp_path / "work2" / "a").write_bytes(b"x")
    (workspace / "link").symlink_to(tmp_path / "secret")
    paths = [
        str(tmp_path / "secret"),
        str(workspace / "link"),
        str(workspace / ".." / "secret"),
        str(tmp_path / "work2/a"),
    ]
    outside, link = Seen(UNREAD, why=Unread.OUTSIDE), Seen(UNREAD, why=Unread.LINK)
    assert list(WorkspaceFiles().seen(paths, str(workspace)).values()) == [outside, link, outside, outside]
    assert set(WorkspaceFiles().seen([str(workspace / "run.sh")], "").values()) == {Seen(UNREAD)}


def test_nothing_is_said_of_a_workspace_that_is_not_here(tmp_path: Path) -> None:
    """Where the agent works on another machine, nobody has looked: that is no missing file."""
    elsewhere = str(tmp_path / "elsewhere")
    assert WorkspaceFiles().seen([f"{elsewhere}/a.sh"], elsewhere) == {f"{elsewhere}/a.sh": Seen(UNREAD)}


def test_pipes_folders_and_missing_files_do_not_block(workspace: Path) -> None:
    """A named pipe that nobody writes to is told at once, as is what is not there."""
    os.mkfifo(workspace / "pipe")
    paths = [str(workspace / name) for name in ("pipe", "missing", ".")]
    whys = [found.why for found in WorkspaceFiles().seen(paths, str(workspace)).values()]
    assert whys == [Unread.SPECIAL, Unread.MISSING, Unread.OUTSIDE]


def test_large_files_and_long_lists_are_bounded(workspace: Path) -> None:
    """A file over the limit is unread; beyond the limit of files, the rest is left out."""
    with (workspace / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert WorkspaceFiles().seen([str(workspace / "large")], str(workspace)) == {
        str(workspace / "large"): Seen(UNREAD, why=Unread.BINARY)
    }
    (workspace / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    assert WorkspaceFiles().seen([str(workspace / "large")], str(workspace)) == {
        str(workspace / "large"): Seen(UNREAD, why=Unread.LARGE)
    }
    many = [str(workspace / f"{number:03}") for number in range(MAX_FILES + 10)]
    assert len(WorkspaceFiles().seen(many, str(workspace))) == MAX_FILES


def test_texts_are_shown_and_everything_else_is_only_hashed(workspace: Path) -> None:
    """Binary files, files that are too large to judge and all behind the first texts have a hash and no text."""
    (workspace / "binary").write_bytes(b"\x7fELF\0")
    (workspace / "latin").write_bytes(b"\xe9\xff")
    (workspace / "long").write_bytes(b"#" * (MAX_TEXT_BYTES + 1))
    seen = WorkspaceFiles().seen([str(workspace / name) for name in ("binary", "latin", "long")], str(workspace))
    assert all(found.text is None and found.digest != UNREAD for found in seen.values())
    assert [found.why for found in seen.values()] == [Unread.BINARY, Unread.BINARY, Unread.LARGE]
    for number in range(MAX_TEXTS + 1):
        (workspace / f"{number}.sh").write_text("true\n")
    many = WorkspaceFiles().seen([str(workspace / f"{n}.sh") for n in range(MAX_TEXTS + 1)], str(workspace))
    assert [found.text is not None for found in many.values()] == [True] * MAX_TEXTS + [False]
    assert list(many.values())[-1].why is Unread.MANY
