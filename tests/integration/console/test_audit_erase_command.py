"""`stayhand audit erase` against a real server: refused, done, and what the log says of it after."""

import json
from pathlib import Path

import click
import pytest

from firewall.cli import audit_erasing
from firewall.cli.client import CommandError
from tests.support.aging import aged
from tests.support.installation import cli, install, serving

TOKEN = "STAYHAND_TOKEN"


def test_a_person_is_erased_from_the_command_line(tmp_path: Path) -> None:
    """Not on the first day, nor without `--revoke` or `--yes`; then entries say so, and the name finds nothing."""
    installed = install(tmp_path)
    new = {TOKEN: installed.shown["admin_token"]}
    with serving(installed) as served:
        served.mint(role="coding-agent", owner="olga", agent="claude")
        early = cli(
            *("--config", str(served.at_its_ports()), "audit", "erase", "olga", "--reason", "asked", "--yes"),
            env=new,
        )
        assert (early.returncode, early.stdout) == (1, "")
        assert "less than a day old" in early.stderr
    aged(installed.database)
    with serving(installed) as served:
        config = str(served.at_its_ports())
        admin = {TOKEN: installed.shown["admin_token"]}
        erase = ("--config", config, "audit", "erase", "olga", "--reason", "asked for it, case 17")
        for more, env, error in (
            ((), admin, "this cannot be undone"),
            (("--yes",), admin, "still there: 1 token"),
            (("--yes",), {TOKEN: installed.shown["approver_token"]}, "this needs the role `admin`"),
        ):
            refused = cli(*erase, *more, env=env)
            assert (refused.returncode, refused.stdout) == (1, ""), more
            assert error in refused.stderr
        done = cli(*erase, "--yes", "--revoke", "--json", env=admin)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["tokens"], said["approvals"], said["configured"]) == (1, 0, False)
        shown = cli("--config", config, "audit", "show", str(said["entry"]), "--json", env=admin)
        assert json.loads(shown.stdout)["private"]["note"] == "asked for it, case 17"
        table = cli("--config", config, "audit", "tail", "--actor", said["key"], env=admin)
        assert "erased" in table.stdout
        assert "olga" not in table.stdout
        found = cli("--config", config, "audit", "search", "--actor", "olga", "--json", env=admin)
        assert json.loads(found.stdout)["entries"] == []
        again = cli(*erase, "--yes", env=admin)
        assert "no key is kept for that" in again.stderr


def test_the_name_is_typed_again_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name, or no terminal: nothing is asked of the server."""
    typed = iter(("olga", "0lga"))
    monkeypatch.setattr(click, "prompt", lambda *_words, **_more: next(typed))
    monkeypatch.setattr(audit_erasing, "_at_terminal", lambda: True)
    audit_erasing.confirm("olga")
    with pytest.raises(CommandError, match="another name"):
        audit_erasing.confirm("olga")
    monkeypatch.setattr(audit_erasing, "_at_terminal", lambda: False)
    with pytest.raises(CommandError, match="cannot be undone"):
        audit_erasing.confirm("olga")
