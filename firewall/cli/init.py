"""`stayhand init`: a configuration, policies, keys, an approver, an admin and first tokens."""

import asyncio
import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from firewall.app.addresses import places_of
from firewall.app.clock import SystemClock
from firewall.cli.default_routes import ROUTES, commented
from firewall.cli.report import result, say
from firewall.console.api.desks import grant_of
from firewall.core.errors import ConfigError
from firewall.core.token import TokenKind
from firewall.policy.defaults import copy_to
from firewall.sequencer.opening import check_free, create, open_installation
from firewall.settings.folders import default_config_dir, default_data_dir
from firewall.settings.load import load_settings
from firewall.settings.sections import Server
from firewall.settings.settings import Settings
from firewall.tokens.people import People, new_passphrase
from firewall.tokens.service import Tokens

CONTROL_TTL = timedelta(days=90)
TEMPLATE = """# Stayhand's configuration. Every key is described in docs/reference.md.
# Secrets are references, never values: {{ env = "NAME" }}, {{ file = "/path" }} or {{ command = ["program"] }}.

[server]
listen = "127.0.0.1:8787"            # agents
control_listen = "127.0.0.1:8788"    # approvers, administration, metrics
public_url = "http://localhost:8788" # the control side as approvers reach it
data_dir = "{data_dir}"

[models]
on_refusal = "explain"
hold_s = 120

[approvals]
ttl = "30m"
use_within = "10m"
# You may approve your own agent's calls outside production. With a second person at hand, set this to false.
solo = true

[audit]
# Files on another disk or machine that keep old heads of the log; without one, cutting its end can go unnoticed.
witness = []

[policy]
dir = "policies"

# With no [[provider]], providers are found from ANTHROPIC_API_KEY, OPENAI_API_KEY and GEMINI_API_KEY; with none of
# them, a scripted provider answers so that you can try everything without a key.
{routes}
[[notify]]
kind = "terminal"
"""


def configuration(data_dir: Path, *, with_routes: bool = False) -> str:
    """Return the text of a first `stayhand.toml`; `with_routes`: those that are shipped are in force."""
    place = str(data_dir).replace("\\", "\\\\").replace('"', '\\"')
    return TEMPLATE.format(data_dir=place, routes=f"\n{ROUTES}" if with_routes else commented())


async def furnish(settings: Settings, *, approver: str, environment: str = "staging") -> dict[str, str]:
    """Add an approver, an admin and first tokens to a new installation; returns what is shown once."""
    clock = SystemClock()
    installation = open_installation(places_of(settings), clock)
    try:
        people = People(sequencer=installation.writer, rows=installation.people, clock=clock)
        tokens = Tokens(sequencer=installation.writer, rows=installation.tokens, clock=clock)
        now = datetime.now(UTC)
        passphrase, admin_passphrase = new_passphrase(), new_passphrase()
        await people.add(approver, role="approver", groups=(), passphrase=passphrase, by="init")
        await people.add("admin", role="admin", groups=(), passphrase=admin_passphrase, by="init")
        admin = await tokens.mint_control(TokenKind.ADMIN, "admin", now + CONTROL_TTL, by="init")
        own = await tokens.mint_control(TokenKind.APPROVER, approver, now + CONTROL_TTL, by="init")
        grant = grant_of({"env": environment, "owner": approver}, now=now, default_owner=approver)
        agent = await tokens.mint_agent(grant, by="init")
    finally:
        await installation.close()
    return {
        "admin_token": admin.text,
        "admin_passphrase": admin_passphrase,
        "approver": approver,
        "approver_token": own.text,
        "passphrase": passphrase,
        "agent_token": agent.text,
    }


def _use_it(path: Path, *, with_routes: bool) -> str:
    if with_routes:
        return (
            "the shipped routes stand there as a comment: take away its signs, and load them: stayhand route load"
        )
    return f"use it: stayhand serve --config {path}"


def make(folder: Path, data_dir: Path | None, *, approver: str, with_routes: bool = False) -> dict[str, str]:
    """Write a configuration and policies into `folder`, make keys, furnish; returns the JSON of DESIGN 6.1.

    Raises: ConfigError when something of it exists already.
    """
    folder = folder.expanduser().absolute()
    path = folder / "stayhand.toml"
    if path.exists():
        raise ConfigError(f"`{path}` exists already", hint=_use_it(path, with_routes=with_routes))
    chosen = (data_dir or default_data_dir()).expanduser().absolute()
    check_free(places_of(Settings(server=Server(data_dir=str(chosen)), path=str(path))))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path.write_text(configuration(chosen, with_routes=with_routes), encoding="utf-8")
    path.chmod(0o600)
    try:
        if not (folder / "policies").exists():
            copy_to(folder / "policies")
        settings = load_settings(str(path), environ={})
        verify_key = create(places_of(settings))
    except ConfigError:
        path.unlink()
        raise
    shown = asyncio.run(furnish(settings, approver=approver))
    return {"config": str(path), "data_dir": str(settings.data_dir), "verify_key": verify_key, **shown}


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where log and keys go.")
@click.option("--approver", default="", help="Name of the first approver; default: your login name.")
@click.option("--routes", "with_routes", is_flag=True, help="Put the shipped providers and routes in force.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; shown once.")
def init(folder: Path | None, data_dir: Path | None, approver: str, *, with_routes: bool, as_json: bool) -> None:
    """Make a configuration, policies, keys, an approver, an admin and first tokens.

    DIR is where stayhand.toml and policies/ go; default: the user's configuration folder, which no agent works in.

    \b
    Example:
      stayhand init --json
    """
    chosen = approver or login_name()
    shown = make(folder or default_config_dir(), data_dir, approver=chosen, with_routes=with_routes)
    if as_json:
        result(shown)
        return
    say(f"configuration  {shown['config']}")
    say(f"log and keys   {shown['data_dir']}")
    say("Shown once, kept only as hashes:")
    for name in ("approver", "passphrase", "approver_token", "admin_passphrase", "admin_token", "agent_token"):
        click.echo(f"{name:17} {shown[name]}")
    click.echo(f"{'verify_key':17} {shown['verify_key']}")
    say("Give the verify key to your auditor now; whoever changes the log later cannot change that copy.")


def login_name() -> str:
    """Return the login name, as far as there is one."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "approver"
    kept = "".join(char for char in name if char.isalnum() or char in "-_.")
    return kept if kept and kept != "admin" else "approver"
