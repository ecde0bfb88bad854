"""`stayhand run -- AGENT`: start an agent that is already pointed at us, with a token that dies with the day."""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click

from firewall.cli.client import control_client, row_of
from firewall.cli.init import login_name
from firewall.cli.isolation import checked_bubblewrap, isolated, room_of, without_ways_out
from firewall.cli.pointing import TOKEN_VARIABLE, Pointed, inherited_by_agents, point
from firewall.cli.proxied import proxied, without_proxies
from firewall.cli.report import config_of, fail, say
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

_AWS_KEPT = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DEFAULT_OUTPUT", "AWS_PAGER"})
_BUNDLE_S = 2 * 86_400


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--env", "environment", default="staging", show_default=True, help="The token's one environment.")
@click.option("--workspace", type=click.Path(path_type=Path), help="What counts as local; default: this folder.")
@click.option("--ttl", default="8h", show_default=True, help="How long the token lives.")
@click.option("--owner", default="", help="Who answers for the agent; default: your login name.")
@click.option(
    "--own-login", is_flag=True, help='The agent keeps its own login; the provider is `api_key = "client"`.'
)
@click.option("--aws", metavar="TARGET", default="", help="AWS programs of the agent go to this target.")
@click.option("--isolate", is_flag=True, help="A network of its own whose only ways out lead here (bubblewrap).")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    environment: str,
    workspace: Path | None,
    ttl: str,
    owner: str,
    aws: str,
    command: tuple[str, ...],
    *,
    own_login: bool,
    isolate: bool,
) -> None:
    """Start an agent with a fresh token, provider keys removed from its environment.

    Where [egress] is configured its programs are led to the forward proxy, and know its authorities.
    Needs a credential: STAYHAND_TOKEN of kind admin, or an admin's passphrase typed at the terminal.

    \b
    Example:
      stayhand run -- claude
      stayhand run --env staging -- codex exec "tidy up"
      stayhand run --isolate -- claude
    """
    if not shutil.which(command[0]):
        fail(f"`{command[0]}` is not installed", hint="name a program on your PATH")
    settings = load_settings(config_of(ctx))
    name = Path(command[0]).name
    wish = {
        "env": environment,
        "ttl": ttl,
        "agent": name,
        "owner": owner or login_name(),
        "workspace": str((workspace or Path.cwd()).absolute()),
        **({"aws": aws} if aws else {}),
    }
    bubblewrap = checked_bubblewrap() if isolate else ""
    minted, handout = _minted(ctx, settings, wish)
    base_url = f"http://{settings.server.listen}"
    pointed = point(name, base_url, str(minted["token"]), own_login=own_login)
    inherited = _inherited(settings, minted, own_login=own_login)
    variables = without_proxies(inherited) if handout else inherited
    variables |= {TOKEN_VARIABLE: str(minted["token"]), "STAYHAND_URL": base_url}  # for the agent's hook
    variables |= {**pointed.environment, **_defaults(name, pointed), **_proxied(settings, minted, handout)}
    argv = [command[0], *pointed.arguments, *command[1:]]
    if isolate:
        variables = without_ways_out(variables)
        argv = isolated(bubblewrap, room_of(settings, wish["workspace"], variables), argv)
    # In place of this process, so that no parent is left whose environment holds the credential that minted.
    os.execvpe(argv[0], argv, variables)  # noqa: S606 - the user's own program


def _minted(
    ctx: click.Context, settings: Settings, wish: Mapping[str, str]
) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Mint the agent's token and say so; returns its row, and what the forward proxy hands out (empty: none)."""
    with control_client(ctx) as client:
        minted = row_of(client.post("/api/tokens", wish))
        handout = row_of(client.get("/api/egress")) if settings.egress is not None else {}
    until = datetime.fromisoformat(str(minted["expires_at"])).astimezone()
    say(f"stayhand: {wish['agent']} runs in `{wish['env']}` as {minted['id']} until {until:%Y-%m-%d %H:%M %Z}")
    say(f"stayhand: held calls wait at {settings.server.public_url}")
    return minted, handout


def _inherited(settings: Settings, minted: Mapping[str, object], *, own_login: bool) -> dict[str, str]:
    """Return what the agent gets of the user's environment, and its own key for AWS where it has one."""
    inherited = inherited_by_agents(os.environ, own_login=own_login, secrets=settings.secret_variables)
    keys = minted.get("aws")
    if not isinstance(keys, dict):
        return inherited
    # A profile or a session of the user's own would come before the agent's key.
    kept = {key: value for key, value in inherited.items() if not key.startswith("AWS_") or key in _AWS_KEPT}
    return kept | {str(key): str(value) for key, value in keys.items()}


def _proxied(settings: Settings, minted: Mapping[str, object], handout: Mapping[str, object]) -> dict[str, str]:
    """Write the bundle of authorities for this agent; return the variables that lead its programs to the proxy."""
    if not handout:
        return {}
    folder = _agents_folder()
    _forget_old(folder)
    bundle = folder / f"{minted['id']}.pem"
    bundle.write_text(str(handout["bundle"]), encoding="utf-8")
    own = (settings.server.listen.rpartition(":")[0].strip("[]"), *settings.server.allowed_hosts)
    return proxied(str(handout["listen"]), str(minted["token"]), bundle, direct=own)


def _forget_old(folder: Path) -> None:
    """Remove bundles that no living token needs."""
    for path in folder.glob("tok_*.pem"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _BUNDLE_S:
                path.unlink()


def _defaults(name: str, pointed: Pointed) -> dict[str, str]:
    """Write the settings file that a program needs into the user's cache; return the variable that names it."""
    if not pointed.defaults:
        return {}
    path = _agents_folder() / f"{name}.json"
    path.write_text(pointed.defaults, encoding="utf-8")
    return {pointed.defaults_variable: str(path)}


def _agents_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stayhand-agents"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
