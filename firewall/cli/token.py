"""`stayhand token mint|list|show|narrow|revoke`."""

import shlex
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from firewall.cli.client import control_client, row_of, segment, show_fields, show_json, show_table, talk
from firewall.cli.options import Listed, json_option

_COLUMNS = ("id", "kind", "environment", "owner", "agent", "holder", "parent", "expires_at", "revoked_at")
_LISTS = ("verbs", "tools", "resources", "models")
Command = Callable[..., None]
_id = click.argument("token_id", metavar="ID")


@click.group("token", cls=Listed, help="What agents and people show.")
def token() -> None:
    """Group the commands about tokens."""


def _narrowing(command: Command) -> Command:
    """Add the flags that limit a grant, shared by mint and narrow."""
    for decorate in reversed(
        (
            click.option("--agent", help="The agent's stable name."),
            click.option("--workspace", type=click.Path(file_okay=False), help="The folder that counts as local."),
            click.option("--ttl", help="How long it lives, for example `8h`."),
            click.option("--verbs", help="Of read, write, delete, admin, secret, send, exec; comma-separated."),
            click.option("--tools", help="Globs of tool names, comma-separated."),
            click.option("--resources", help="Globs of resources, comma-separated."),
            click.option("--models", help="Globs of model names, comma-separated."),
            click.option("--max-requests-per-minute", type=click.IntRange(min=1), help="Model calls a minute."),
            click.option("--max-tokens-per-minute", type=click.IntRange(min=1), help="Tokens of models a minute."),
            click.option(
                "--max-cost", metavar="DOLLARS", help="What its model calls may cost, for example `2.50`."
            ),
            click.option(
                "--destructive-per-hour",
                type=click.IntRange(min=1),
                help="Destructive actions an hour, approved ones included.",
            ),
            click.option("--aws", metavar="TARGET", help="Print an AWS access key for this target as well."),
            json_option,
        )
    ):
        command = decorate(command)
    return command


@token.command("mint")
@click.option("--env", help="The one environment of an agent's token.")
@click.option("--role", help="Which policy rows apply; default coding-agent.")
@click.option("--owner", help="The human who answers for the agent.")
@click.option(
    "--kind",
    type=click.Choice(["agent", "admin", "approver", "service"]),
    default="agent",
    help="What it is for; kinds are never interchangeable.",
)
@click.option("--holder", help="The person of an admin, approver or service token.")
@click.option("--team", help="Whose its model calls are; no header changes it.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=WORD", help="A fixed word for its calls; repeatable.")
@_narrowing
@click.pass_context
def mint(
    ctx: click.Context, /, *, kind: str, as_json: bool, tags: tuple[str, ...], **flags: str | int | None
) -> None:
    """Mint a token; it is shown once.

    Example: stayhand token mint --env staging --owner alice --workspace . --ttl 8h --json
    """
    if kind == "agent" and not flags["env"]:
        raise click.UsageError("an agent's token needs --env")
    if kind != "agent" and not flags["holder"]:
        raise click.UsageError(f"a token of kind {kind} needs --holder")
    with control_client(ctx) as control:
        wish = {"kind": kind} | _wish(flags) | ({"tags": list(tags)} if tags else {})
        row = row_of(control.post("/api/tokens", wish))
    _show_once(row, as_json=as_json)


@token.command("narrow")
@_id
@_narrowing
@click.pass_context
def narrow(ctx: click.Context, /, token_id: str, *, as_json: bool, **flags: str | int | None) -> None:
    """Mint a child of an agent's token that permits no more than its parent.

    Example: stayhand token narrow tok_0SfvSp2wXKx1bW8n5kXk1Y --verbs read --ttl 1h
    """
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/tokens/{segment(token_id)}/narrow", _wish(flags)))
    _show_once(row, as_json=as_json)


@token.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List tokens, newest first; none can be used from this.

    Example: stayhand token list
    """
    with control_client(ctx) as control:
        rows, behind = control.page("/api/tokens", {})
        while behind:
            page, behind = control.page("/api/tokens", behind)
            rows = [*rows, *page]
    if as_json:
        show_json(rows)
    else:
        show_table(rows, _COLUMNS)


@token.command("show")
@_id
@json_option
@click.pass_context
def show(ctx: click.Context, token_id: str, *, as_json: bool) -> None:
    """Show what a token permits.

    Example: stayhand token show tok_0SfvSp2wXKx1bW8n5kXk1Y
    """
    with control_client(ctx) as control:
        row = row_of(control.get(f"/api/tokens/{segment(token_id)}"))
    if as_json:
        show_json(row)
    else:
        show_fields(row)


@token.command("revoke")
@_id
@json_option
@click.pass_context
def revoke(ctx: click.Context, token_id: str, *, as_json: bool) -> None:
    """Revoke a token and its children; running holds and streams end within a second.

    Example: stayhand token revoke tok_0SfvSp2wXKx1bW8n5kXk1Y
    """
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/tokens/{segment(token_id)}"))
    if as_json:
        show_json(row)
    else:
        talk(f"{token_id} is revoked")


def _wish(flags: dict[str, str | int | None]) -> dict[str, object]:
    wish: dict[str, object] = {name: value for name, value in flags.items() if value is not None}
    for name in _LISTS:
        if name in wish:
            wish[name] = [part.strip() for part in str(wish[name]).split(",") if part.strip()]
    if "max_cost" in wish:
        wish["money_cap_micros"] = _micros(str(wish.pop("max_cost")))
    if "workspace" in wish:
        wish["workspace"] = str(Path(str(wish["workspace"])).expanduser().resolve())
    return wish


def _micros(dollars: str) -> int:
    """Read dollars as whole micro-USD.

    Raises: click.UsageError for what is no amount.
    """
    try:
        micros = Decimal(dollars.removeprefix("$")) * 1_000_000
    except InvalidOperation as error:
        raise click.UsageError(f"--max-cost `{dollars}` is no amount of dollars") from error
    if not micros.is_finite() or micros < 1 or micros != micros.to_integral_value():
        raise click.UsageError("--max-cost is at least a micro-dollar, and no fraction of one")
    return int(micros)


def _show_once(row: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        show_json(row)
        return
    talk(f"{row.get('id', '')} until {row.get('expires_at', '')}; the token is shown this once:")
    click.echo(str(row.get("token", "")))
    keys = row.get("aws")
    for name, value in keys.items() if isinstance(keys, dict) else ():
        click.echo(f"export {name}={shlex.quote(str(value))}")
