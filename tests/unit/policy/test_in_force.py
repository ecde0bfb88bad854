"""The policy in force is swapped as a whole, and only for a good one."""

import shutil
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.policy.defaults import copy_to
from firewall.policy.in_force import open_rules
from firewall.settings.sections import PolicySettings
from firewall.settings.settings import Settings


def test_bad_load_keeps_the_last_good_policy(tmp_path: Path) -> None:
    """A file that cannot be read as a policy changes nothing; mended, it is in force."""
    copy_to(tmp_path / "policies")
    rules = open_rules(Settings(policy=PolicySettings(dir="policies"), path=str(tmp_path / "stayhand.toml")))
    before = rules()
    row = tmp_path / "policies" / "policy.csv"
    text = row.read_text()
    row.write_text(text + "p, *, *, *, *, *, , allow,\n")
    with pytest.raises(ConfigError):
        rules.load()
    assert rules() is before
    row.write_text(text + "p, *, staging, Bash, *, read, , deny,\n")
    assert rules.load() != before.digest
    assert rules() is not before


def test_what_loads_late_is_loaded_after_the_policy_is_in_force(tmp_path: Path) -> None:
    """The tables of vendors' operations by `load_late`; then every small text can be read, one after the other."""
    copy_to(tmp_path / "policies")
    rules = open_rules(Settings(policy=PolicySettings(dir="policies"), path=str(tmp_path / "stayhand.toml")))
    tables = [row.table for row in rules().catalogue.hosts if row.table is not None and row.kind != "aws"]
    assert tables
    assert not any(table.kept for table in tables)
    rules.load_late()
    assert all(table.kept for table in tables)
    assert all(step() for step in rules.warming())


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    """No policies, no start."""
    shutil.rmtree(tmp_path / "policies", ignore_errors=True)
    with pytest.raises(ConfigError):
        open_rules(Settings(path=str(tmp_path / "stayhand.toml")))
