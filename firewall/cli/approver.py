"""`stayhand approver add|list|remove`."""

import click

from firewall.cli.client import control_client, row_of, rows_of, segment, show_json, show_table, talk
from firewall.cli.options import json_option


@click.group("approver", help="The people who answer.")
def approver() -> None:
    """Group the commands about approvers."""


@approver.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["approver", "admin"]),
    default="approver",
    show_default=True,
    help="Admins also mint tokens and load policies.",
)
@click.option("--group", "groups", multiple=True, help="A group that policy rows can ask for; may be repeated.")
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, role: str, groups: tuple[str, ...], *, as_json: bool) -> None:
    """Add a person, or give one a new passphrase; it is shown once.

    Example: stayhand approver add alice --group oncall
    """
    with control_client(ctx) as control:
        row = row_of(control.post("/api/approvers", {"name": name, "role": role, "groups": list(groups)}))
    if as_json:
        show_json(row)
        return
    talk(f"{row.get('name', name)} can sign in as {role}; the passphrase is shown this once:")
    click.echo(str(row.get("passphrase", "")))


@approver.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List who may sign in.

    Example: stayhand approver list
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/approvers"))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, ("name", "role", "groups"))


@approver.command("remove")
@click.argument("name")
@json_option
@click.pass_context
def remove(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """End a person's right to sign in; running sessions end at once.

    Example: stayhand approver remove alice
    """
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/approvers/{segment(name)}"))
    if as_json:
        show_json(row)
    else:
        talk(f"{name} can no longer sign in")
