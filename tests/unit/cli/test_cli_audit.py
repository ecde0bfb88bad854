"""How entries stand in the table of `stayhand audit search`, and what the commands beside it refuse."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from firewall.cli.audit import audit
from firewall.cli.audit_asking import table_of
from firewall.cli.audit_showing import show
from firewall.cli.audit_taking import export
from firewall.cli.client import CommandError


def test_a_row_says_what_an_entry_is_about() -> None:
    """The server's words, cut to a line; what was erased says so."""
    verdict = {
        "seq": 7, "at": "2026-11-21T12:00:00.000Z", "kind": "tool.judged",
        "data": {"verdict": "deny", "environment": "production", "effects": ["destructive"]},
        "private": {"actions": [{"resource": "volume:railway/vol_1"}]}, "what": "deletes " + "x" * 100,
    }  # fmt: skip
    vote = {"seq": 8, "data": {"decision": "denied"}, "private": {"name": "alice"}, "what": "not on a Friday"}
    erased = {"seq": 9, "data": {}, "private": None, "what": "Somebody voted", "erased": True}
    rows = table_of([verdict, vote, erased])
    assert [row["verdict"] for row in rows] == ["deny", "denied", ""]
    assert [row["what"] for row in rows] == [
        "deletes " + "x" * 71 + "…",
        "not on a Friday",
        "Somebody voted (erased)",
    ]
    assert rows[0]["resource"] == "volume:railway/vol_1"
    assert rows[0]["effects"] == ["destructive"]


def test_the_group_has_what_the_console_has() -> None:
    """Follow, search, show, export, erase; each says by an example how it is used."""
    assert sorted(audit.commands) == ["erase", "export", "search", "show", "tail"]
    assert (audit.commands["show"], audit.commands["export"]) == (show, export)
    assert all(f"Example: stayhand audit {name} " in str(one.help) for name, one in audit.commands.items())


@pytest.mark.parametrize("command", [show, export])
def test_without_the_key_nobody_is_asked(command: click.Command, tmp_path: Path) -> None:
    """What could not be verified here is not fetched: no address, no credential is looked for."""
    words = ["1"] if command is show else []
    for key, error in ((tmp_path / "none.key", "no file with a verifier key"), ("a+b+c", "verifier key")):
        done = CliRunner().invoke(command, [*words, "--key", str(key)], standalone_mode=False)
        assert isinstance(done.exception, CommandError)
        assert error in done.exception.message
        assert "--key" in done.exception.hint
