"""Where the system's certificate authorities are found."""

from pathlib import Path

import certifi

from firewall.routing.roots import system_roots


def test_the_first_file_with_something_in_it_serves(tmp_path: Path) -> None:
    """Empty files and files that are not there are passed over; without any, certifi's bundle serves."""
    empty, full = tmp_path / "empty.pem", tmp_path / "full.pem"
    empty.touch()
    full.write_text("x")
    assert system_roots((str(tmp_path / "none"), str(empty), str(full))) == full
    assert system_roots((str(empty),)) == Path(certifi.where())
