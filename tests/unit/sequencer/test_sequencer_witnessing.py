"""Giving heads to witness files: what fails is said, what is gone is not made anew, no file waits for another."""

from pathlib import Path

import pytest

from audit import Checkpoint
from audit.witness import read_heads
from firewall.core.errors import StoreError
from firewall.sequencer.witnessing import Witnessing
from tests.support.audit_logs import KEY, ORIGIN


class Head:
    """The newest head of a log that grows."""

    size = 0

    def __call__(self) -> bytes | None:
        """Return it, signed; nothing while the log is empty."""
        return KEY.sign(Checkpoint(ORIGIN, self.size, bytes([self.size] * 32))) if self.size else None


def sizes(path: Path) -> list[int]:
    """Return what a file has seen."""
    return [head.size for head in read_heads(path, [KEY.verifier]).checkpoints]


def test_every_file_has_every_head_and_an_empty_log_gives_none(tmp_path: Path) -> None:
    """New heads are added, the same one is not."""
    head, files = Head(), [tmp_path / "one", tmp_path / "two"]
    watched = Witnessing(tuple(str(path) for path in files), head)
    assert watched.give() == 0
    assert not files[0].exists()
    assert [watched.give() for head.size in (3, 3, 5)] == [3, 3, 5]
    assert [sizes(path) for path in files] == [[3, 5], [3, 5]]
    assert watched.words() == "watched"


def test_a_file_that_goes_is_said_and_not_made_anew(tmp_path: Path) -> None:
    """The other file has every head; restored, the first one is well again."""
    head, gone, kept = Head(), tmp_path / "gone", tmp_path / "kept"
    watched = Witnessing((str(gone), str(kept)), head)
    head.size = 3
    watched.give()
    had = gone.read_bytes()
    gone.unlink()
    head.size = 4
    with pytest.raises(StoreError, match="does not take the log's head"):
        watched.give()
    assert not gone.exists()
    assert sizes(kept) == [3, 4]
    assert watched.words() == f"failing: the witness `{gone}` is gone"
    gone.write_bytes(had)
    watched.give()
    assert sizes(gone) == [3, 4]
    assert watched.words() == "watched"


def test_a_file_that_had_heads_before_the_start_is_not_made_anew(tmp_path: Path) -> None:
    """Also where it goes before the first head is given."""
    path, head = tmp_path / "heads", Head()
    path.write_bytes(KEY.sign(Checkpoint(ORIGIN, 3, bytes([3] * 32))))
    watched = Witnessing((str(path),), head)
    path.unlink()
    head.size = 4
    with pytest.raises(StoreError):
        watched.give()
    assert not path.exists()
    assert watched.words() == f"failing: the witness `{path}` is gone"


def test_a_file_that_was_emptied_is_not_begun_anew(tmp_path: Path) -> None:
    """One that is empty at the start is a new witness; later it is one whose heads were taken away."""
    path, head = tmp_path / "heads", Head()
    path.touch()
    watched = Witnessing((str(path),), head)
    head.size = 3
    watched.give()
    assert sizes(path) == [3]
    path.write_bytes(b"")
    head.size = 4
    with pytest.raises(StoreError):
        watched.give()
    assert path.read_bytes() == b""
    assert watched.words() == f"failing: the witness `{path}` is empty"


def test_a_witness_that_contradicts_us_is_said(tmp_path: Path) -> None:
    """Longer, or another log of our name."""
    head, path = Head(), tmp_path / "heads"
    path.write_bytes(KEY.sign(Checkpoint(ORIGIN, 9, bytes(32))))
    watched = Witnessing((str(path),), head)
    head.size = 4
    with pytest.raises(StoreError):
        watched.give()
    assert "has seen 9 entries, more than 4" in watched.words()


def test_an_address_alone_watches_and_nobody_does_not() -> None:
    """Heads at an address are fetched by whoever keeps them; where there is no witness that is said."""
    assert Witnessing(("https://witness.example/heads",), Head()).words() == "watched"
    assert Witnessing((), Head()).words() == "unwitnessed"
