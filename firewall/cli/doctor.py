"""`stayhand doctor`: what is configured, reachable and unsafe; one line each with a hint."""

import importlib.util
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx

from firewall.app.addresses import territory_of
from firewall.classify.credentials.detector import Detector
from firewall.cli import bypasses
from firewall.cli.reached import pushed_from, reached_by
from firewall.cli.report import config_of, counted, result
from firewall.cli.scopes import scopes_of
from firewall.cli.serve import warnings_of
from firewall.core.errors import FirewallError
from firewall.core.strict_json import loads_object
from firewall.core.target import TargetKind
from firewall.gates.infra.targets import Target, targets_of
from firewall.policy.held import held
from firewall.policy.in_force import approvers_of, open_rules
from firewall.policy.rows import FILE
from firewall.references import references_of, users_of
from firewall.routing.choosing.in_force import routes_of
from firewall.routing.configured import described, providers_of
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

_LEVELS = {"ok": "ok     ", "warn": "warn   ", "unsafe": "UNSAFE ", "error": "error  ", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    level: str
    """`ok`, `warn`, `unsafe`, `error`, or `skipped`: it could not be looked at."""
    what: str
    hint: str = ""


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


def _configuration(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"configuration {settings.path}")
    for path in (settings.database, settings.signing_key, settings.keystore, settings.keystore_key):
        if not path.exists():
            yield Finding("error", f"`{path}` is missing", "run `stayhand init`, or restore it")
    yield from _modes(settings)
    if settings.keystore_key.resolve().is_relative_to(settings.data_dir.resolve()):
        yield Finding("error", "the keystore's key lies in data_dir", "move it beside the configuration")


def _witness(settings: Settings) -> Iterator[Finding]:
    """Say which files keep heads of the log, and whether one is gone or lies where the log does."""
    for path in (Path(one) for one in settings.witness if "://" not in one):
        try:
            device = path.stat().st_dev
        except OSError as error:
            yield Finding(
                "error",
                f"the witness `{path}` cannot be read ({error.strerror}): the server does not start without it",
                f"restore it; for a new witness, create it empty: touch {shlex.quote(str(path))}",
            )
            continue
        if settings.data_dir.exists() and settings.data_dir.stat().st_dev == device:
            what = f"the witness `{path}` lies on the log's own disk: whoever changes the log can change it too"
            yield Finding("warn", what, "name a file on another machine, or have the auditor copy it away")
        else:
            yield Finding("ok", f"heads of the log go to `{path}`")


def _modes(settings: Settings) -> Iterator[Finding]:
    for path in (
        settings.data_dir,
        settings.folder,
        settings.signing_key,
        settings.keystore,
        settings.keystore_key,
        settings.vault_file,
        settings.vault_key,
        *settings.secret_files,
    ):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            yield Finding("unsafe", f"`{path}` can be read by others ({mode:o})", f"chmod go= {path}")


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


def _providers(settings: Settings) -> Iterator[Finding]:
    try:
        found = providers_of(settings)
    except FirewallError as error:
        yield Finding("error", f"providers: {error.public}", getattr(error, "hint", ""))
        return
    for provider in found:
        yield Finding("ok", f"provider {provider.name} ({provider.dialect.value}) at {provider.endpoint.base_url}")
        if provider.endpoint.base_url.startswith("http://"):
            yield Finding("warn", f"provider {provider.name} is spoken to unencrypted", "fine on loopback only")
    if not found:
        yield Finding(
            "warn", "no provider: the scripted one answers", "set ANTHROPIC_API_KEY or list a [[provider]]"
        )


def _routes(settings: Settings) -> Iterator[Finding]:
    try:
        routes = routes_of(settings, Providers(described(settings)))
    except FirewallError as error:
        yield Finding("error", f"routes: {error.public}", getattr(error, "hint", ""))
        return
    table = routes()
    if table.rules:
        yield Finding(
            "ok", f"{counted(len(table.rules), 'route')}, {counted(len(table.constraints), 'constraint')}"
        )
    asked = {one.name: one for rule in table.rules for one in rule.candidates}
    for name, one in asked.items():
        if table.models.require_approved and not table.models.of(one.provider.name, one.model).approved_by:
            yield Finding("error", f"nobody approved {name}, so it is never asked", "see policies/models.toml")
    today = datetime.now(UTC).date()
    for row in table.models.rows:
        if row.review_by is not None and row.review_by < today:
            what = f"the review of {row.provider}/{row.name} was due on {row.review_by}"
            yield Finding("warn", what, f"approved by {row.approved_by or 'nobody'}; see policies/models.toml")


def _targets(settings: Settings) -> Iterator[Finding]:
    try:
        found = targets_of(settings)
    except FirewallError as error:
        yield Finding("error", f"targets: {error.public}", getattr(error, "hint", ""))
        return
    for name, target in found.items():
        yield Finding("ok", f"target {name} ({target.spec.environment}) at {_place(target)}")


def _mcp_servers(settings: Settings) -> Iterator[Finding]:
    if settings.mcp_server or settings.target:
        from firewall.cli.mcp_servers import found_servers, unknown_environments

        yield from (Finding(*said) for said in found_servers(settings))
        yield from (Finding(*said) for said in unknown_environments(settings))


def _place(target: Target) -> str:
    """Say where a target's requests go."""
    if target.spec.kind is not TargetKind.AWS:
        return target.endpoint.base_url
    regions = ", ".join(target.regions) or "every region"
    account = f"account {target.spec.account}" if target.spec.account else "no account named"
    where = "AWS" if target.by_host else target.endpoint.base_url
    return f"{where}, {regions}, {account}"


def _vault(settings: Settings) -> Iterator[Finding]:
    users = users_of(settings)
    vault = references_of(settings).vault
    if not vault.is_made and not users:
        return
    try:
        kept = {one.name: one for one in vault.listing()}
    except FirewallError as error:
        yield Finding("error", f"vault: {error.public}", getattr(error, "hint", ""))
        return
    if vault.is_made:
        yield from _sealed(settings, len(kept))
    else:
        yield Finding("ok", "no vault yet: the first credential makes it, and its key")
    for name, used_by in users.items():
        if name not in kept:
            yield Finding(
                "error",
                f"{', '.join(used_by)}: there is no credential `{name}` in the vault",
                f"stayhand credential add {name}",
            )
    for name in sorted(set(kept) - set(users) - _logins(settings)):
        yield Finding("warn", f"nothing uses the credential `{name}`", f"stayhand credential remove {name}")


def _sealed(settings: Settings, count: int) -> Iterator[Finding]:
    """Say what seals a vault that is there."""
    yield Finding(
        "ok", f"vault with {counted(count, 'credential')}, sealed with a key from {_key_source(settings)}"
    )
    if not settings.vault_key.exists() and not (settings.vault.key and settings.vault.key.command):
        yield Finding("error", f"the vault's key `{settings.vault_key}` is missing", "restore it from its backup")
    elif settings.vault_key.resolve().is_relative_to(settings.data_dir.resolve()):
        yield Finding("error", "the vault's key lies in data_dir", "move it beside the configuration")


def _logins(settings: Settings) -> set[str]:
    if not any(one.oauth for one in settings.mcp_server):
        return set()
    from firewall.cli.logged_in import names_of

    return names_of(settings)


def _logged_in(settings: Settings) -> Iterator[Finding]:
    if any(one.oauth for one in settings.mcp_server):
        from firewall.cli.logged_in import logins_of

        yield from (Finding(*said) for said in logins_of(settings))


def _key_source(settings: Settings) -> str:
    ref = settings.vault.key
    return f"the command `{ref.command[0]}`" if ref and ref.command else f"`{settings.vault_key}`"


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


def _server(settings: Settings) -> Iterator[Finding]:
    address = f"http://{settings.server.control_listen}"
    try:
        answer = httpx.get(f"{address}/readyz", timeout=3, trust_env=False)
    except httpx.HTTPError:
        yield Finding("warn", f"no server answers at {address}", "stayhand serve")
        return
    ready = answer.status_code == 200
    yield Finding("ok" if ready else "error", f"server at {address} is {'ready' if ready else 'closed'}")
    if ready:
        yield from _circuits(address)
        yield from _pinned(settings, address)


def _pinned(settings: Settings, address: str) -> Iterator[Finding]:
    """Say which MCP servers are others than those whose tools were approved; only people with a role are told."""
    token = os.environ.get("STAYHAND_TOKEN", "").strip()
    if settings.mcp_server and token:
        from firewall.cli.mcp_servers import others_than_pinned

        try:
            headers = {"authorization": f"Bearer {token}"}
            answer = httpx.get(f"{address}/api/mcp", headers=headers, timeout=3, trust_env=False)
        except httpx.HTTPError:
            return
        yield from (Finding(*said) for said in others_than_pinned(settings, answer.content))


_TOLD = (
    (
        "approvers",
        "approvers who wave everything through",
        "stayhand approver list --stats; ask fewer questions, or somebody else as well",
    ),
    (
        "reviews",
        "uses of break-glass that nobody reviewed",
        "`stayhand approvals reviews`, or /console/reviews: somebody else says whether it was justified",
    ),
    (
        "erasing",
        "an erasure",
        "end what reads the log's file for long, as a backup or a `sqlite3` that somebody left open",
    ),
    (
        "mcp_scopes",
        "MCP servers want scopes that our login lacks",
        "stayhand mcp login NAME --scope …, with those that are configured; a machine: `oauth.scopes`",
    ),
)
"""Parts of the status that stand there only where something is to be done: what it is, and what to do."""


def _circuits(address: str) -> Iterator[Finding]:
    """Say whether providers are left alone because they failed too often; only an admin is told."""
    token = os.environ.get("STAYHAND_TOKEN", "").strip()
    if not token:
        yield Finding("skipped", "circuits to providers: only an admin is told", "set STAYHAND_TOKEN")
        return
    try:
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.get(f"{address}/api/status", headers=headers, timeout=3, trust_env=False)
        parts = loads_object(answer.content).get("parts")
    except (httpx.HTTPError, FirewallError, UnicodeError):
        return
    if isinstance(parts, dict) and isinstance(shared := parts.get("shared"), str):
        is_up = shared.startswith("shared")
        hint = "" if is_up else "look at the Redis of `storage.shared`"
        yield Finding("ok" if is_up else "warn", f"circuits between processes: {shared}", hint)
    channels = parts.get("channels") if isinstance(parts, dict) else None
    if isinstance(channels, str):
        fails = channels.startswith("failing")
        hint = "docs/approvals.md says what each word means" if fails else ""
        yield Finding("warn" if fails else "ok", f"channels to people: {channels}", hint)
    if isinstance(parts, dict) and str(parts.get("witness", "")).startswith("failing"):
        hint = "mend it before the server stops: it does not start without its witness"
        yield Finding("error", f"the log's witness: {parts['witness']}", hint)
    for part, words, hint in _TOLD:
        if isinstance(parts, dict) and isinstance(told := parts.get(part), str):
            yield Finding("warn", f"{words}: {told}", hint)
    said = parts.get("circuits") if isinstance(parts, dict) else None
    if isinstance(said, str):
        is_well = said.startswith("0 ")
        hint = "" if is_well else "`/metrics` says whose, `stayhand route report` since when"
        yield Finding("ok" if is_well else "warn", f"circuits to providers: {said}", hint)


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
    _configuration,
    _witness,
    _policy,
    _providers,
    _routes,
    _targets,
    _mcp_servers,
    _vault,
    _logged_in,
    _shared,
    _server,
    _approving,
    _reach,
    _bypasses,
)
