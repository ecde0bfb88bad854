"""Logins at MCP servers that want OAuth, put together: what renews their tokens, and where admins log in."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from firewall.app.base import Base
from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.keeping import Keeping
from firewall.gates.mcp.oauth.logins import Logins
from firewall.gates.mcp.oauth.machine import Machine
from firewall.gates.mcp.oauth.renewing import ServerLogin
from firewall.references import References
from firewall.routing.documents import Documents
from firewall.routing.port import Upstream
from firewall.settings.mcp import McpServer
from firewall.tokens.vault.sealing import Purpose


def logins_at(base: Base, upstream: Upstream) -> Mapping[str, ServerLogin]:
    """Return what authenticates at each server with `oauth`. Raises: ConfigError."""
    keeping, documents = keeping_of(base), Documents(upstream)
    found = {
        one.name: ServerLogin(one, keeping, documents, machine_of(one, base.references))
        for one in base.settings.mcp_server
        if one.oauth is not None
    }
    base.telemetry.lacks = lambda: lacks_of(found)
    return found


def lacks_of(logins: Mapping[str, ServerLogin]) -> str:
    """Say which servers asked for scopes that our login there lacks, and for which; empty: none did."""
    told: list[str] = []
    for name, login in logins.items():
        with suppress(ConfigError):  # it cannot be used either then
            if (scopes := login.lacks) is not None:
                told.append(f"`{name}` ({' '.join(scopes) or 'it does not say which'})")
    return ", ".join(told)


def desk_of(base: Base, upstream: Upstream) -> Logins:
    """Return where admins log in. Raises: ConfigError for a secret that is not there."""
    servers = {one.name: one for one in base.settings.mcp_server if one.oauth is not None}
    readers = {name: _secret(one, base.references) for name, one in servers.items()}
    return Logins(servers, keeping_of(base), Documents(upstream), secret_of=lambda one: readers[one.name]())


def keeping_of(base: Base) -> Keeping:
    """Return where logins are kept."""
    return Keeping(base.references.vault, base.installation.writer, base.clock)


def machine_of(one: McpServer, references: References) -> Machine | None:
    """Return who we are at a server where no person logs in, None where one does. Raises: ConfigError."""
    if one.oauth is None or one.oauth.flow != "machine":
        return None
    return Machine(one.oauth.client_id, _secret(one, references), one.oauth.scopes)


def _secret(one: McpServer, references: References) -> Callable[[], Secret]:
    ref = one.oauth.client_secret if one.oauth is not None else None
    if ref is None:
        return lambda: Secret("")
    return references.reader(ref, f"MCP server `{one.name}`", Purpose.MCP)
