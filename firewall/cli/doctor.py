"""`stayhand doctor`: what is configured, reachable and unsafe; one line each with a hint."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from firewall.app.addresses import territory_of
from firewall.classify.credentials.detector import Detector
from firewall.cli import bypasses
from firewall.cli.doctoring import asked, kept, serving
from firewall.cli.doctoring.finding import Finding
from firewall.cli.reached import pushed_from, reached_by
from firewall.cli.report import config_of, result
from firewall.cli.scopes import scopes_of
from firewall.cli.serve import warnings_of
from firewall.core.errors import FirewallError
from firewall.policy.held import held
from firewall.policy.in_force import approvers_of, open_rules
from firewall.policy.rows import FILE
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

_LEVELS = {"ok": "ok     ", "warn": "warn   ", "unsafe": "UNSAFE ", "error": "error  ", "skipped": "skipped"}


@click.command()
@click.option("--offline", is_flag=True, help="Ask no provider what the credentials of targets may do.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {level, what, hint}.")
@click.pass_context
def doctor(ctx: click.Context, /, *, offline: bool, as_json: bool) -> None:
    """Say what is configured, reachable and unsafe. Exit 1 when something is in error.

    \b
    Example:
      stayhand doctor
    """
    settings = load_settings(config_of(ctx))
    findings = [finding for look in _LOOKS for finding in look(settings)]
    findings += [Finding(*said) for said in scopes_of(settings, offline=offline)]
    if as_json:
        result([{"level": one.level, "what": one.what, "hint": one.hint} for one in findings])
    else:
        for one in findings:
            click.echo(f"{_LEVELS[one.level]} {one.what}")
            if one.hint:
                click.echo(f"        hint: {one.hint}")
    if any(one.level == "error" for one in findings):
        ctx.exit(1)


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        rules = open_rules(settings)
    except FirewallError as error:
        yield Finding("error", f"policy: {error.public}", "stayhand policy check")
        return
    yield Finding("ok", f"policy {rules.snapshot.digest[:16]} with {len(rules.snapshot.rows)} rows")
    yield from _held_back(settings)


def _held_back(settings: Settings) -> Iterator[Finding]:
    """Say loudly which rows deny because nobody could rightly approve what they would ask."""
    text = (settings.policy_dir / FILE).read_text(encoding="utf-8")
    for one in held(text, approvers_of(settings)):
        where = f" where `{one.row.when}`" if one.row.when else ""
        what = f"{one.row.effect} actions in `{one.row.environment}`{where} are denied, whoever agrees"
        put = f"in {FILE}, put the row of line {one.line} in place of the denial below it: stayhand policy load"
        if one.missing:
            yield Finding("warn", f"{what}: the row of {FILE}:{one.line} is held back, since {one.missing}", put)
        else:
            yield Finding("warn", f"{what}, though your approvers can meet the row of {FILE}:{one.line} now", put)


def _shared(settings: Settings) -> Iterator[Finding]:
    """Say whether what processes share of circuits could be read on its way, or written by anybody."""
    url = urlsplit(settings.storage.shared)
    if not url.hostname:
        return
    is_near = url.hostname in ("localhost", "127.0.0.1", "::1")
    if importlib.util.find_spec("redis") is None:
        yield Finding("error", "`storage.shared` needs the Redis client", "pip install 'stayhand[redis]'")
    if url.scheme == "redis" and not is_near:
        yield Finding("warn", f"circuits go to {url.hostname} in the clear", "use rediss:// in `storage.shared`")
    if settings.storage.shared_password is None and not is_near:
        yield Finding(
            "warn", f"whoever reaches {url.hostname} can keep providers from being asked", "set a password"
        )


def _approving(settings: Settings) -> Iterator[Finding]:
    yield from (Finding(*said) for said in reached_by(settings.server.public_url))
    for one in settings.notify:
        if one.kind == "push":
            public = settings.server.public_url
            yield from (Finding(*said) for said in pushed_from(public, one.contact(public)))
    for line in warnings_of(settings, is_demo=False):
        level = "unsafe" if line.startswith("UNSAFE") else "warn"
        yield Finding(level, line.removeprefix("UNSAFE: "))


def _reach(settings: Settings) -> Iterator[Finding]:
    ground = territory_of(settings)
    inside = [path for path in ground.paths if Path(path).is_relative_to(Path.cwd()) and Path.cwd() != Path("/")]
    if inside:
        yield Finding(
            "unsafe", f"`{inside[0]}` lies in the folder you stand in", "keep it out of agents' workspaces"
        )
    if os.geteuid() == 0:
        yield Finding("warn", "you are root: nothing on this machine is kept from an agent that you start")


def _bypasses(settings: Settings) -> Iterator[Finding]:
    if settings.egress is not None:
        yield Finding("ok", f"the forward proxy of agents is at {settings.egress.listen}")
    try:
        detector = open_rules(settings).snapshot.catalogue.credentials
    except FirewallError:  # said under policy already
        detector = Detector()
    told = (
        *bypasses.of_network(settings),
        *bypasses.of_tunnels(settings),
        *bypasses.of_variables(settings),
        *bypasses.of_credentials(detector),
        *bypasses.of_settings(),
        *bypasses.of_engines(),
        *bypasses.of_metadata(),
    )
    yield from (Finding("warn", what, hint) for what, hint in told)


_LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    kept.configuration,
    kept.witness,
    _policy,
    asked.providers,
    asked.routed,
    asked.targets,
    asked.mcp_servers,
    kept.vault_of,
    asked.logged_in,
    _shared,
    serving.server,
    _approving,
    _reach,
    _bypasses,
)
