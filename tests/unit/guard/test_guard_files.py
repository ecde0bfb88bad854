"""Binding by content: only regular, readable files under the workspace, never blocking."""

import hashlib
import os
from pathlib import Path

import pytest

from firewall.guard.files import MAX_BYTES, MAX_FILES, UNREAD, WorkspaceFiles


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
    assert WorkspaceFiles().hashes([path, path], str(workspace)) == {path: hashlib.sha256(b"echo\n").hexdigest()}


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
    assert set(WorkspaceFiles().hashes(paths, str(workspace)).values()) == {UNREAD}
    assert set(WorkspaceFiles().hashes([str(workspace / "run.sh")], "").values()) == {UNREAD}


def test_pipes_folders_and_missing_files_do_not_block(workspace: Path) -> None:
    """A named pipe that nobody writes to is told at once, as is what is not there."""
    os.mkfifo(workspace / "pipe")
    paths = [str(workspace / name) for name in ("pipe", "missing", ".")]
    assert set(WorkspaceFiles().hashes(paths, str(workspace)).values()) == {UNREAD}


def test_large_files_and_long_lists_are_bounded(workspace: Path) -> None:
    """A file over the limit is unread; beyond the limit of files, the rest is left out."""
    with (workspace / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert WorkspaceFiles().hashes([str(workspace / "large")], str(workspace)) == {
        str(workspace / "large"): UNREAD
    }
    many = [str(workspace / f"{number:03}") for number in range(MAX_FILES + 10)]
    assert len(WorkspaceFiles().hashes(many, str(workspace))) == MAX_FILES
