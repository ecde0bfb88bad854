"""The listing of all tests before any of them runs."""

from pathlib import Path

import pytest

from tests import collecting, suite

SOUND = "import pytest\n\n@pytest.mark.parametrize('a', [1, 2])\ndef test_a(a):\n    assert a\n"


def test_sound_modules_are_counted(tmp_path: Path) -> None:
    """Nothing is run: the tests are only listed."""
    (tmp_path / "test_it.py").write_text(SOUND)
    (tmp_path / "test_other.py").write_text("def test_b():\n    raise SystemExit\n")
    assert collecting.collect(tmp_path) == ("3 tests in 2 modules", True)


def test_a_module_that_cannot_be_imported_fails(tmp_path: Path) -> None:
    """One of many, and the reason is told."""
    (tmp_path / "test_it.py").write_text(SOUND)
    (tmp_path / "test_other.py").write_text("from os import no_such_name\n")
    told, well = collecting.collect(tmp_path)
    assert not well
    assert "no_such_name" in told
    assert "test_other.py" in told


def test_a_folder_without_tests_fails(tmp_path: Path) -> None:
    """What collects nothing has checked nothing."""
    assert not collecting.collect(tmp_path)[1]


@pytest.mark.parametrize(
    "values",
    ["[gzip.compress(b'a')]", "{'one', 'two', 'three', 'four', 'five'}"],
    ids=["time", "set"],
)
def test_tests_that_are_others_each_time_fail(tmp_path: Path, values: str) -> None:
    """Parameters that hold the time, or the order of a set, are not the same in two workers."""
    (tmp_path / "test_it.py").write_text(
        f"import gzip, pytest\n\n@pytest.mark.parametrize('a', {values})\ndef test_a(a):\n    pass\n"
    )
    told, well = collecting.collect(tmp_path)
    assert not well
    assert "not the same tests each time" in told
    assert "test_it.py::test_a[" in told


def test_listing_comes_before_everything() -> None:
    """`make test` begins with it, and `make check` holds it."""
    assert suite.PARTS[0].command[-1] == "tests.collecting"
    assert suite.PARTS[0].group == "check"
