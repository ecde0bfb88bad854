"""`stayhand quickstart` (`make run`): everything for a first call, then the server."""

import asyncio
import shutil
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from firewall.app.application import Application
from firewall.cli.init import login_name, make
from firewall.cli.pointing import pasted
from firewall.cli.report import config_of, say
from firewall.cli.serve import Addresses, serve_settings
from firewall.console.api.desks import grant_of
from firewall.gates.edge.server import run
from firewall.settings.folders import default_config_dir
from firewall.settings.load import load_settings
from firewall.telemetry import set_up_logging
from firewall.tokens.people import Person

ENVIRONMENT = "staging"
_running: set["asyncio.Task[None]"] = set()


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The agents' port; 0 takes free ports for both sides.")
@click.pass_context
def quickstart(ctx: click.Context, /, port: int | None) -> None:
    """Make what is missing, start the firewall, and print a first agent token with how to use it."""
    folder = default_config_dir()
    given = config_of(ctx)
    if given is None and not (folder / "stayhand.toml").exists():
        _first_time(make(folder, None, approver=login_name()))
    set_up_logging()
    settings = load_settings(given or str(folder / "stayhand.toml"))

    def ready(application: Application, where: Addresses) -> None:
        task = asyncio.get_running_loop().create_task(_welcome(application, where))
        _running.add(task)
        task.add_done_callback(_running.discard)

    run(serve_settings(settings, port=port, ready=ready))


def _first_time(shown: dict[str, str]) -> None:
    say("Made for you, shown once and kept only as hashes:")
    say(f"  approver   {shown['approver']:10} passphrase {shown['passphrase']}")
    say(f"  admin      {'admin':10} passphrase {shown['admin_passphrase']}")
    say(f"  approver's token  {shown['approver_token']}")
    say(f"  admin's token     {shown['admin_token']}")
    say(f"  configuration     {shown['config']}")
    say(f"  log and keys      {shown['data_dir']}")
    say(f"  verify key        {shown['verify_key']}")
    say("  solo = true: you may approve your own agent's calls outside production; each is marked self_approved.")
    say()


async def _welcome(application: Application, where: Addresses) -> None:
    owner = owner_of(application.people.listing(), login_name())
    grant = grant_of({"env": ENVIRONMENT, "owner": owner}, now=datetime.now(UTC), default_owner=owner)
    minted = await application.tokens.mint_agent(grant, by="quickstart")
    say()
    say(f"A new agent token for `{ENVIRONMENT}`, good for 8 hours:")
    click.echo(minted.text)
    say()
    say("Point an agent at it. In another terminal, in the folder where the agent works:")
    say(f"  {_launcher()} run -- claude")
    say("    (asks for the admin's passphrase; the folder becomes the agent's workspace)")
    say("or paste one of these:")
    for name, line in pasted(where.agents, minted.text):
        say(f"  {name:12} {line}")
    say()
    say("Or see a held call right now:")
    say(f"  curl -s {where.agents}/v1/messages -H 'x-api-key: {minted.text}' \\")
    say("    -H 'content-type: application/json' -d '" + _FIRST_CALL + "'")
    say(f"It waits for you at {application.settings.server.public_url}/ (sign in as {owner}).")
    say("Ctrl-C stops the server.")


def owner_of(people: Iterable[Person], me: str) -> str:
    """Return whose agent a first token is for: whoever starts the server where he approves, else an approver."""
    approvers = [person.name for person in people if person.role == "approver"]
    return me if me in approvers or not approvers else approvers[0]


def _launcher() -> str:
    """Return how this very command is called: by name where it is on the PATH, by its place otherwise."""
    beside = Path(sys.executable).with_name("stayhand")
    return "stayhand" if shutil.which("stayhand") or not beside.exists() else str(beside)


_FIRST_CALL = (
    '{"model":"claude-sonnet-5","max_tokens":500,"messages":[{"role":"user","content":"clean up"}],'
    '"tools":[{"name":"bash","description":"run a command","input_schema":{"type":"object",'
    '"properties":{"command":{"type":"string"}},"required":["command"]}}]}'
)
