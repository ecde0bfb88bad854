"""What finds sensitive data is read from two files alone, the folder's own or the shipped ones."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.policy.sensitive import read_sensitive


def test_a_folder_without_the_files_uses_the_shipped_ones(tmp_path: Path) -> None:
    """And a file of its own counts instead; one that cannot be read is refused by name."""
    detector, scanner = read_sensitive(tmp_path)
    assert detector.rules.tokens
    assert "iban" in scanner.kinds_in("DE89 3704 0044 0532 0130 00")
    (tmp_path / "personal.toml").write_text("", encoding="utf-8")
    assert read_sensitive(tmp_path)[1].kinds == ()
    (tmp_path / "credentials.toml").write_text("[", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"credentials\.toml"):
        read_sensitive(tmp_path)
