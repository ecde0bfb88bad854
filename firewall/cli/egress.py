"""`stayhand egress`: the server with its forward proxy, and what programs need to use it."""

import shlex
from pathlib import Path

import click

from firewall.cli.client import control_client, row_of
from firewall.cli.proxied import proxied
from firewall.cli.report import config_of, result, say
from firewall.cli.serve import serve_settings
from firewall.gates.edge.server import run as run_loop
from firewall.settings.egress import Egress
from firewall.settings.load import load_settings
from firewall.telemetry import set_up_logging


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The agents' port; 0 takes free ports for every side.")
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Do not start: write the running server's authorities here."
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --bundle: print {listen, bundle, expires_at, variables}."
)
@click.pass_context
def egress(ctx: click.Context, /, port: int | None, bundle: Path | None, *, as_json: bool) -> None:
    """Start the firewall with its forward proxy, configured or not.

    `serve` does the same where stayhand.toml has [egress]. With --bundle it asks a running server (STAYHAND_TOKEN
    of kind admin) for the file that programs verify with, and prints the variables to set.

    \b
    Example:
      stayhand egress
      stayhand egress --bundle egress.pem
    """
    settings = load_settings(config_of(ctx))
    if bundle is not None:
        with control_client(ctx) as client:
            handout = row_of(client.get("/api/egress"))
        _hand_out(handout, bundle, as_json=as_json)
        return
    if settings.egress is None:
        settings = settings.model_copy(update={"egress": Egress()})
    set_up_logging()
    run_loop(serve_settings(settings, port=port))


def _hand_out(handout: dict[str, object], bundle: Path, *, as_json: bool) -> None:
    bundle.write_text(str(handout["bundle"]), encoding="utf-8")
    listen = str(handout["listen"])
    variables = proxied(listen, "TOKEN", bundle.absolute())
    if as_json:
        shown = {"listen": listen, "bundle": str(bundle.absolute()), "expires_at": handout["expires_at"]}
        result({**shown, "variables": variables})
        return
    say(f"stayhand: {bundle} is enough until {handout['expires_at']}; put an agent's token in place of TOKEN")
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
