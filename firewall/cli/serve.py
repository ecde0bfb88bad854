"""`stayhand serve`: the two listeners, until a signal."""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from firewall.app.application import Application
from firewall.app.refusals import rendered
from firewall.app.running import running
from firewall.cli.report import config_of, say
from firewall.gates.edge.server import bind, run, serve_listeners
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings
from firewall.telemetry import set_up_logging


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the listeners are reached."""

    agents: str
    control: str


async def serve_settings(
    settings: Settings,
    *,
    port: int | None = None,
    ready: Callable[[Application, Addresses], None] | None = None,
) -> None:
    """Serve an installation until SIGTERM or SIGINT; `port` overrides the agents' port, 0 takes free ones.

    Raises: ConfigError, StoreError.
    """
    settings, bound = _at_port(settings, port)
    async with running(settings) as application:
        plain, *others, last = application.listeners()
        agents, control = replace(plain, bound=bound[0]), replace(last, bound=bound[1])
        if len(bound) > 2:
            others[-1] = replace(others[-1], bound=bound[2])

        def started(ports: tuple[int, ...]) -> None:
            where = Addresses(f"http://{agents.host}:{ports[0]}", f"http://{control.host}:{ports[-1]}")
            say(f"stayhand: agents at {where.agents}, approvals and administration at {where.control}")
            for listener, taken in zip(others, ports[1:-1], strict=True):
                is_tls = listener.certificate is not None
                what = "agents over TLS at https" if is_tls else "the forward proxy of agents at http"
                say(f"stayhand: {what}://{listener.host}:{taken}")
            for line in warnings_of(settings, is_demo=application.is_demo):
                say(f"stayhand: {line}")
            if ready is not None:
                ready(application, where)

        def stopping() -> None:
            say("stayhand: stopping; running answers may finish for half a minute, a second signal ends them")
            application.drain()

        await serve_listeners([agents, *others, control], on_drain=stopping, started=started, render=rendered)


def _at_port(settings: Settings, port: int | None) -> tuple[Settings, list[socket.socket | None]]:
    """Return the settings with another agents' port; with 0, both sides and every link get free ones.

    Free ports are bound at once and stay so: nobody can take one before it is served.
    """
    if port is None:
        return settings, [None, None]
    server = settings.server
    host = server.listen.rpartition(":")[0]
    if port:
        changed = {"listen": f"{host}:{port}"}
        return settings.model_copy(update={"server": server.model_copy(update=changed)}), [None, None]
    control_host = server.control_listen.rpartition(":")[0]
    bound = [bind(host.strip("[]"), 0), bind(control_host.strip("[]"), 0)]
    agents, control = (int(sock.getsockname()[1]) for sock in bound)
    changed = {
        "listen": f"{host}:{agents}",
        "control_listen": f"{control_host}:{control}",
        "public_url": f"http://localhost:{control}",
    }
    update: dict[str, object] = {"server": server.model_copy(update=changed)}
    if settings.egress is not None:
        proxy_host = settings.egress.listen.rpartition(":")[0]
        bound.append(bind(proxy_host.strip("[]"), 0))
        listen = f"{proxy_host}:{bound[-1].getsockname()[1]}"
        update["egress"] = settings.egress.model_copy(update={"listen": listen})
    return settings.model_copy(update=update), [*bound]


def warnings_of(settings: Settings, *, is_demo: bool) -> list[str]:
    """Return what an operator must know at start: UNSAFE, unwitnessed, scripted."""
    found = []
    if _same_user():
        found.append(
            "UNSAFE: agents started by this user can read and change the firewall's files and stop its process; "
            "run the server as a user of its own (docs/threat-model.md)"
        )
    if settings.approvals.solo:
        found.append("solo: an owner may approve his own agent's calls outside production; each is marked so")
    if not settings.audit.witness:
        found.append("unwitnessed: name a file on another machine under [audit] witness")
    if is_demo:
        found.append("no provider is configured: the scripted provider answers (it calls no model)")
    return found


def _same_user() -> bool:
    """An installation that its operator runs by hand shares his user with the agents that he starts.

    A service has no terminal and no login shell: only there, under a user of its own, is this False.
    """
    return os.geteuid() == 0 or sys.stdin.isatty() or _has_shell()


def _has_shell() -> bool:
    import pwd

    try:
        shell = pwd.getpwuid(os.geteuid()).pw_shell
    except KeyError:
        return False
    return Path(shell).name not in ("nologin", "false", "")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The agents' port; 0 takes free ports for both sides.")
@click.option("--workers", type=int, default=1, help="Processes; more than one comes with scale-out.")
@click.pass_context
def serve(ctx: click.Context, /, port: int | None, workers: int) -> None:
    """Start the firewall.

    \b
    Example:
      stayhand serve --config /etc/stayhand/stayhand.toml
    """
    if workers != 1:
        raise click.UsageError("--workers above 1 comes with scale-out: run one process for now")
    set_up_logging()
    run(serve_settings(load_settings(config_of(ctx)), port=port))
