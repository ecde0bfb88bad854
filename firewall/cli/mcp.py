"""`stayhand mcp list|diff|approve|login`: what is pinned of MCP servers' tools, what changed, and a yes to it."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence

import click

from firewall.classify.content.inert import inert
from firewall.cli.client import (
    CommandError,
    ControlClient,
    Json,
    control_client,
    row_of,
    rows_of,
    segment,
    show_json,
    show_table,
    talk,
)
from firewall.cli.mcp_login import login
from firewall.cli.options import Listed, json_option

Row = Mapping[str, object]
_COLUMNS = ("server", "tool", "state", "why", "at")
_WAITING = "waiting"


@click.group("mcp", cls=Listed, help="MCP servers: what is pinned of their tools, what changed, and logging in.")
def mcp() -> None:
    """Group the commands about MCP servers."""


mcp.add_command(login)


@mcp.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the tools that were seen: approved ones are shown to agents, waiting ones are not.

    Example: stayhand mcp list
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/mcp"))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, _COLUMNS)


@mcp.command("diff")
@click.argument("server", required=False, default="")
@json_option
@click.pass_context
def diff(ctx: click.Context, server: str, *, as_json: bool) -> None:
    """Show what waits, against what was approved; nothing in it can drive a terminal.

    Example: stayhand mcp diff github
    """
    with control_client(ctx) as control:
        changes = _changes(_rows(control, server), server)
    if as_json:
        show_json(changes)
        return
    for change in changes:
        _show(change)
    if not changes:
        talk("nothing waits")


@mcp.command("approve")
@click.argument("server")
@click.argument("tools", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask: what waits was read before.")
@json_option
@click.pass_context
def approve(ctx: click.Context, server: str, tools: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Approve what waits of a server, all of it or the tools that are named, exactly as it was shown.

    Example: stayhand mcp approve github create_issue
    """
    with control_client(ctx) as control:
        changes = _changes(_rows(control, server), server)
        wanted = [one for one in changes if not tools or one["tool"] in tools]
        missing = set(tools) - {str(one["tool"]) for one in wanted}
        if missing or not wanted:
            what = f"`{min(missing)}` of `{server}`" if missing else f"nothing of `{server}`"
            raise CommandError(f"{what} {'does not wait' if missing else 'waits'}", hint="stayhand mcp diff")
        if not as_json:
            for change in wanted:
                _show(change)
        if not yes:
            click.confirm(f"Show these {len(wanted)} to agents from now on?", abort=True, err=True)
        body = {"tools": {str(one["name"]): str(one["digest"]) for one in wanted}}
        row = row_of(control.post(f"/api/mcp/{segment(server)}/approve", body))
    if as_json:
        show_json(row)
    else:
        talk(f"{len(wanted)} of {server} are shown to agents from now on")


def _rows(control: ControlClient, server: str) -> list[Json]:
    """Return what is known of a server's tools, or of all. Raises: CommandError for a name that no server has."""
    return rows_of(control.get("/api/mcp", params={"server": server} if server else None))


def _changes(rows: Sequence[Row], server: str) -> list[dict[str, object]]:
    """Return what waits, each with what was approved before."""
    approved = {(row["server"], row["name"]): row for row in rows if row["state"] == "approved"}
    found: list[dict[str, object]] = []
    for row in rows:
        if row["state"] != _WAITING or (server and row["server"] != server):
            continue
        before = approved.get((row["server"], row["name"]))
        found.append(
            {
                **{name: row[name] for name in ("server", "tool", "name", "why", "digest", "at")},
                "identity": [before["identity"] if before else "", row["identity"]],
                "before": _read(before["definition"]) if before else None,
                "now": _read(row["definition"]),
            }
        )
    return found


def _show(change: Row) -> None:
    click.echo(inert(f"{change['server']}/{change['tool']}: {change['why']}").text)
    identity = change["identity"]
    if isinstance(identity, list) and identity[0] and identity[0] != identity[1]:
        click.echo(inert(f"- served by {identity[0]}\n+ served by {identity[1]}").text)
    for line in _lines(change["before"], change["now"]):
        click.echo(inert(line).text)
    click.echo("")


def _lines(before: object, now: object) -> Iterator[str]:
    old = [] if before is None else json.dumps(before, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
    new = json.dumps(now, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
    for line in difflib.unified_diff(old, new, lineterm="", n=2):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def _read(definition: object) -> object:
    try:
        found: object = json.loads(str(definition))
    except ValueError:
        return str(definition)
    return found
