"""`stayhand route`: why a call goes where it goes, and which routes are in force."""

import click

from firewall.cli.options import Listed, json_option
from firewall.cli.route_drill import drill, report
from firewall.cli.route_explain import explain
from firewall.cli.route_simulate import simulate_


@click.group(cls=Listed)
def route() -> None:
    """Explain, load, change and drill who answers model calls."""


route.add_command(explain)
route.add_command(simulate_)
route.add_command(drill)
route.add_command(report)


@route.command("load")
@json_option
@click.pass_context
def load(ctx: click.Context, *, as_json: bool) -> None:
    """Put the routes and models.toml on disk in force; a refused load keeps the old ones.

    Example: STAYHAND_TOKEN=shd_… stayhand route load
    """
    from firewall.cli.client import control_client, row_of, show_json, talk

    with control_client(ctx) as control:
        row = row_of(control.post("/api/routes/load", {}))
    if as_json:
        show_json(row)
    else:
        talk(f"the routes {str(row.get('routes', ''))[:16]} are in force")


@route.command("swap")
@click.argument("name")
@click.argument("candidate", required=False, metavar="PROVIDER/MODEL")
@click.option("--undo", is_flag=True, help="Take the last change of this route back.")
@json_option
@click.pass_context
def swap(ctx: click.Context, name: str, candidate: str | None, *, undo: bool, as_json: bool) -> None:
    """Put somebody else first in a route: the server edits the one line, checks it and uses it at once.

    Example: stayhand route swap coder openai/gpt-6-sol
    """
    from firewall.cli.client import control_client, row_of, show_json, talk

    if undo == (candidate is not None):
        raise click.UsageError("name PROVIDER/MODEL, or take the last change back with --undo")
    with control_client(ctx) as control:
        row = row_of(control.post("/api/routes/swap", {"name": name, "to": candidate or ""}))
    if as_json:
        show_json(row)
    else:
        talk(f"route {row.get('route')}: {row.get('now')} is first now, not {row.get('was')}")
