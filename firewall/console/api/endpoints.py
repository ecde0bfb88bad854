"""Which handler of the JSON API answers where, and to whom; a desk that is not there has no routes."""

from collections.abc import Callable, Sequence

from firewall.console.api.absences import AbsenceHandlers
from firewall.console.api.admin import Admin
from firewall.console.api.approvals import Api
from firewall.console.api.credentials import CredentialRoutes
from firewall.console.api.drills import DrillDesk, DrillHandlers
from firewall.console.api.logins import LoginDesk, LoginHandlers
from firewall.console.api.pins import PinDesk, PinHandlers
from firewall.console.api.push import PushHandlers
from firewall.console.api.routes import RouteDesk, RouteHandlers
from firewall.console.api.spend import SpendDesk, SpendHandlers
from firewall.console.auth import Access
from firewall.console.rows import Row
from firewall.core.absence import Absence
from firewall.tokens.absences import Absences
from firewall.tokens.pushes import Pushes


def always(api: Api, admin: Admin, credentials: CredentialRoutes) -> tuple[Row, ...]:
    """Return the routes that every installation has."""
    return (
        Row("POST", "/api/session", Access.SIGN_IN, api.sign_in),
        Row("DELETE", "/api/session", Access.READER, api.sign_out),
        Row("GET", "/api/approvals", Access.READER, api.listing),
        Row("GET", "/api/approvals/{id}", Access.READER, api.one),
        Row("POST", "/api/approvals/{id}/decision", Access.DECIDER, api.decide),
        Row("POST", "/api/approvals/{id}/withdraw", Access.DECIDER, api.withdraw),
        Row("GET", "/api/tokens", Access.ADMIN, admin.tokens),
        Row("POST", "/api/tokens", Access.ADMIN, admin.mint),
        Row("GET", "/api/tokens/{id}", Access.ADMIN, admin.token),
        Row("POST", "/api/tokens/{id}/narrow", Access.ADMIN, admin.narrow),
        Row("DELETE", "/api/tokens/{id}", Access.ADMIN, admin.revoke),
        Row("GET", "/api/approvers", Access.ADMIN, admin.people),
        Row("POST", "/api/approvers", Access.ADMIN, admin.add_person),
        Row("DELETE", "/api/approvers/{name}", Access.ADMIN, admin.remove_person),
        Row("POST", "/api/policy/load", Access.ADMIN, admin.load_policy),
        Row("GET", "/api/egress", Access.ADMIN, admin.egress),
        Row("GET", "/api/entries/{seq}", Access.LOG, admin.entry),
        Row("GET", "/api/status", Access.ADMIN, admin.status),
        Row("GET", "/healthz", Access.PUBLIC, admin.healthz),
        Row("GET", "/readyz", Access.PUBLIC, admin.readyz),
        Row("GET", "/metrics", Access.METRICS, admin.metrics),
        Row("GET", "/api/credentials", Access.ADMIN, credentials.listing),
        Row("POST", "/api/credentials", Access.ADMIN, credentials.add),
        Row("POST", "/api/credentials/{name}/rotate", Access.ADMIN, credentials.rotate),
        Row("POST", "/api/credentials/{name}/test", Access.ADMIN, credentials.try_out),
        Row("DELETE", "/api/credentials/{name}", Access.ADMIN, credentials.remove),
    )


def of_routes(desk: RouteDesk | None) -> tuple[Row, ...]:
    """Return the routes of changes to models' routes."""
    if desk is None:
        return ()
    handlers = RouteHandlers(desk)
    return (
        Row("POST", "/api/routes/load", Access.ADMIN, handlers.load),
        Row("POST", "/api/routes/swap", Access.ADMIN, handlers.swap),
    )


def of_spend(desk: SpendDesk | None) -> tuple[Row, ...]:
    """Return the routes of money."""
    if desk is None:
        return ()
    handlers = SpendHandlers(desk)
    return (
        Row("GET", "/api/spend", Access.READER, handlers.report),
        Row("GET", "/api/spend/budgets", Access.READER, handlers.budgets),
    )


def of_drills(desk: DrillDesk | None) -> tuple[Row, ...]:
    """Return the routes of drills."""
    if desk is None:
        return ()
    handlers = DrillHandlers(desk)
    return (
        Row("POST", "/api/drills", Access.ADMIN, handlers.arm),
        Row("GET", "/api/drills/{id}", Access.ADMIN, handlers.look),
        Row("DELETE", "/api/drills/{id}", Access.ADMIN, handlers.disarm),
        Row("GET", "/api/routes/report", Access.ADMIN, handlers.report),
    )


def of_pins(desk: PinDesk | None) -> tuple[Row, ...]:
    """Return the routes of pinned tools."""
    if desk is None:
        return ()
    handlers = PinHandlers(desk)
    return (
        Row("GET", "/api/mcp", Access.READER, handlers.listing),
        Row("POST", "/api/mcp/{server}/approve", Access.DECIDER, handlers.approve),
    )


def of_absences(absences: Absences | None, holding: Callable[[], Sequence[Absence]] | None) -> tuple[Row, ...]:
    """Return the routes of absences."""
    if absences is None:
        return ()
    handlers = AbsenceHandlers(absences, holding or absences.now)
    return (
        Row("GET", "/api/absences", Access.DECIDER, handlers.listing),
        Row("POST", "/api/absences/{name}", Access.DECIDER, handlers.note),
        Row("DELETE", "/api/absences/{name}", Access.DECIDER, handlers.end),
    )


def of_push(pushes: Pushes | None) -> tuple[Row, ...]:
    """Return the routes of browsers that are told by push."""
    if pushes is None:
        return ()
    handlers = PushHandlers(pushes)
    return (
        Row("GET", "/api/push", Access.READER, handlers.listing),
        Row("DELETE", "/api/push/{id}", Access.READER, handlers.end),
    )


def of_logins(desk: LoginDesk | None) -> tuple[Row, ...]:
    """Return the routes of logins at MCP servers."""
    if desk is None:
        return ()
    handlers = LoginHandlers(desk)
    return (
        Row("POST", "/api/mcp/{server}/login", Access.ADMIN, handlers.begin),
        Row("POST", "/api/mcp/{server}/login/finish", Access.ADMIN, handlers.finish),
    )
