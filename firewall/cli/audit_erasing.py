"""`stayhand audit erase`: destroying the key of a person, so that nobody reads what the log sealed under it."""

import sys

import click

from firewall.cli.client import CommandError, control_client, row_of, show_json, talk
from firewall.cli.options import json_option


@click.command("erase")
@click.argument("subject")
@click.option("--reason", required=True, help="Why; it stays in the log, so leave the name out.")
@click.option(
    "--revoke", is_flag=True, help="End tokens, waiting approvals, links and the right to sign in first."
)
@click.option("--yes", is_flag=True, help="Do not ask to type the name.")
@json_option
@click.pass_context
def erase(ctx: click.Context, subject: str, *, reason: str, revoke: bool, yes: bool, as_json: bool) -> None:
    """Erase a person: by name, or by the id that the log has (per_…, sub_…). It cannot be undone.

    Whatever was sealed under this person's key can never be read again, and the log still verifies.
    Your account, your role and your token must be a day old.

    Example: stayhand audit erase olga --reason "asked for it, case 17" --revoke
    """
    if not yes:
        confirm(subject)
    with control_client(ctx) as control:
        row = row_of(control.post("/api/audit/erase", {"subject": subject, "reason": reason, "revoke": revoke}))
    if as_json:
        show_json(row)
        return
    talk(f"erased: entry {row.get('entry')} says so, under {row.get('subject') or row.get('key')}")
    talk("ended with it: " + ", ".join(f"{name} {row.get(name)}" for name in ("tokens", "approvals", "links")))
    if row.get("configured"):
        talk("the configuration still names this person: take the [[approver]] out of it")
    if row.get("wal") == "pending":
        talk("somebody reads the log's file: the name leaves its write-ahead log when that ends (see doctor)")
    if row.get("new_entries"):
        talk("somebody came under this name since and has a key: where that is the same person, run it again")
    talk("an older copy of the keystore brings the key back: let such copies expire, and destroy them")


def confirm(subject: str) -> None:
    """Let the name be typed again. Raises: CommandError where nobody can, or typed something else."""
    if not _at_terminal():
        raise CommandError("this cannot be undone", hint="run it at a terminal and type the name, or give --yes")
    if click.prompt("this cannot be undone; type the name again", err=True) != subject:
        raise CommandError("that is another name: nothing was erased")


def _at_terminal() -> bool:
    return sys.stdin.isatty()
