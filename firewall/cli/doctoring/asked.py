"""Who is asked on behalf of agents: providers and routes, targets, MCP servers; here they are only looked up."""

from collections.abc import Iterator
from datetime import UTC, datetime

from firewall.cli.doctoring.finding import Finding
from firewall.cli.report import counted
from firewall.core.errors import FirewallError
from firewall.core.target import TargetKind
from firewall.gates.infra.targets import Target, targets_of
from firewall.routing.choosing.in_force import routes_of
from firewall.routing.configured import described, providers_of
from firewall.routing.providers import Providers
from firewall.settings.settings import Settings


def providers(settings: Settings) -> Iterator[Finding]:
    """Say who answers model calls, and who of them is spoken to unencrypted."""
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


def routed(settings: Settings) -> Iterator[Finding]:
    """Say how many routes there are, which models of them nobody approved, and whose review is overdue."""
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


def targets(settings: Settings) -> Iterator[Finding]:
    """Say which targets there are, in which environment and where."""
    try:
        found = targets_of(settings)
    except FirewallError as error:
        yield Finding("error", f"targets: {error.public}", getattr(error, "hint", ""))
        return
    for name, target in found.items():
        yield Finding("ok", f"target {name} ({target.spec.environment}) at {_place(target)}")


def _place(target: Target) -> str:
    """Say where a target's requests go."""
    if target.spec.kind is not TargetKind.AWS:
        return target.endpoint.base_url
    regions = ", ".join(target.regions) or "every region"
    account = f"account {target.spec.account}" if target.spec.account else "no account named"
    where = "AWS" if target.by_host else target.endpoint.base_url
    return f"{where}, {regions}, {account}"


def mcp_servers(settings: Settings) -> Iterator[Finding]:
    """Say where MCP servers are, and whose environment is not known."""
    if settings.mcp_server or settings.target:
        from firewall.cli.mcp_servers import found_servers, unknown_environments

        yield from (Finding(*said) for said in found_servers(settings))
        yield from (Finding(*said) for said in unknown_environments(settings))


def logged_in(settings: Settings) -> Iterator[Finding]:
    """Say at which MCP servers nobody has logged in, where they want it."""
    if any(one.oauth for one in settings.mcp_server):
        from firewall.cli.doctoring.logged_in import logins_of

        yield from (Finding(*said) for said in logins_of(settings))
