"""Files in an open folder: whole or not at all, and never through a link."""

import os
from pathlib import Path, PurePath

import pytest

from firewall.cli.checked_folder import opened


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    """What is missing on the way is made; nothing else is left in the folder."""
    with opened(tmp_path, PurePath("a/b")) as folder:
        assert folder.read("f") is None
        folder.write("f", b"one", mode=0o640)
        folder.write("f", b"two", mode=0o640)
        assert folder.read("f") == (b"two", 0o640)
    assert [one.name for one in (tmp_path / "a" / "b").iterdir()] == ["f"]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    """Writing puts a file in the place of a link; reading through one, or making one's target, is refused."""
    target = tmp_path / "target"
    target.write_text("theirs")
    with opened(tmp_path, PurePath("a")) as folder:
        (tmp_path / "a" / "f").symlink_to(target)
        with pytest.raises(OSError, match="symbolic"):
            folder.read("f")
        with pytest.raises(FileExistsError):
            folder.write_new("f", b"ours", mode=0o600)
        folder.write("f", b"ours", mode=0o600)
    assert target.read_text() == "theirs"
    assert not (tmp_path / "a" / "f").is_symlink()


def test_no_part_of_the_way_is_a_link(tmp_path: Path) -> None:
    """A linked folder on the way is refused; the root itself may be reached through one."""
    (tmp_path / "real" / "a").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    with opened(tmp_path / "root", PurePath("a")) as folder:
        folder.write("f", b"x", mode=0o600)
    (tmp_path / "real" / "link").symlink_to(tmp_path / "real" / "a")
    with pytest.raises(OSError, match="Not a directory"), opened(tmp_path / "root", PurePath("link")):
        pass


def test_nothing_stays_where_writing_fails(tmp_path: Path) -> None:
    """A file that cannot take its name is removed again, and the folder is closed."""
    (tmp_path / "f" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"), opened(tmp_path, PurePath()) as folder:
        folder.write("f", b"x", mode=0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["f"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(folder.number)
