"""`stayhand credential add|list|rotate|remove|test`: values come from standard input or a prompt, never a word."""

import sys

import click

from firewall.cli.client import (
    CommandError,
    Json,
    control_client,
    row_of,
    rows_of,
    segment,
    show_json,
    show_table,
    talk,
)
from firewall.cli.options import Listed, json_option
from firewall.core.secret import Secret

MOST = 64 * 1024
_COLUMNS = ("name", "purpose", "version", "changed_at", "used_by")


@click.group("credential", cls=Listed, help="Real credentials in the vault.")
def credential() -> None:
    """Group the commands about the vault."""


@credential.command("add")
@click.argument("name")
@click.option(
    "--purpose",
    type=click.Choice(["target", "resolver", "provider", "webhook", "mcp"]),
    default="target",
    show_default=True,
    help="What may use it; anything else is refused.",
)
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, purpose: str, *, as_json: bool) -> None:
    """Keep a new credential; its value comes from standard input, or is typed without being shown.

    Example: pass show railway/staging | stayhand credential add railway-staging
    """
    value = _value(name)
    with control_client(ctx) as control:
        body = {"name": name, "purpose": purpose, "value": value.reveal()}
        row = row_of(control.post("/api/credentials", body))
    _done(row, f'{name} is kept; use it as credential = {{ vault = "{name}" }}', as_json=as_json)


@credential.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List what the vault holds; values are never shown.

    Example: stayhand credential list
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/credentials"))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, _COLUMNS)


@credential.command("rotate")
@click.argument("name")
@json_option
@click.pass_context
def rotate(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Replace a credential's value: the next request uses the new one, those under way end with the old.

    Example: pass show railway/staging | stayhand credential rotate railway-staging
    """
    value = _value(name)
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/credentials/{segment(name)}/rotate", {"value": value.reveal()}))
    _done(row, f"{name} has its version {row.get('version')}", as_json=as_json)


@credential.command("remove")
@click.argument("name")
@json_option
@click.pass_context
def remove(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Forget a credential; what uses it is refused from now on.

    Example: stayhand credential remove railway-staging
    """
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/credentials/{segment(name)}"))
    _done(row, f"{name} is forgotten", as_json=as_json)


@credential.command("test")
@click.argument("name")
@json_option
@click.pass_context
def test(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Open a credential and ask the providers of its targets what it may do; nothing is changed there.

    Example: stayhand credential test railway-staging
    """
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/credentials/{segment(name)}/test", {}))
    findings = rows_of(row.get("findings", []))
    if as_json:
        show_json(row)
        return
    talk(f"{name} opens")
    if not findings:
        talk("no target uses it, so there is nobody to ask what it may do")
    for one in findings:
        click.echo(f"{one.get('level', '')!s:7}{one.get('what', '')}")
        if one.get("hint"):
            click.echo(f"       hint: {one['hint']}")


def _done(row: Json, words: str, *, as_json: bool) -> None:
    if as_json:
        show_json(row)
    else:
        talk(words)


def _value(name: str) -> Secret:
    """Return a value from standard input without its last line end, or typed twice. Raises: CommandError."""
    if sys.stdin.isatty():
        prompt = f"value of {name}"
        return Secret(click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    held = Secret(sys.stdin.read(MOST + 1).removesuffix("\n").removesuffix("\r"))
    if not held or len(held.reveal()) > MOST:
        raise CommandError(
            "no value came on standard input" if not held else "the value is too long",
            hint=f"pass show {name} | stayhand credential add {name}",
        )
    return held
