"""The doctor's look at logins at MCP servers: who is logged in where, and what needs a person."""

import time
from collections.abc import Iterator

from firewall.core.errors import FirewallError
from firewall.gates.mcp.oauth.held import Shelf, vault_name
from firewall.references import references_of
from firewall.settings.settings import Settings


def names_of(settings: Settings) -> set[str]:
    """Return the names by which the vault knows logins that are configured."""
    return {vault_name(one.name) for one in settings.mcp_server if one.oauth is not None}


def logins_of(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield (level, what, hint) for each server where a person logs in."""
    asked = [one for one in settings.mcp_server if one.oauth is not None and one.oauth.flow == "login"]
    if not asked:
        return
    shelf = Shelf(references_of(settings).vault)
    for one in asked:
        what, hint = f"MCP server `{one.name}`", f"stayhand mcp login {one.name}"
        try:
            held = shelf.read(one.name)
        except FirewallError as error:
            yield "error", f"{what}: {error.public}", hint
            continue
        if held is None:
            yield "warn", f"{what}: nobody has logged in, so it is refused (`upstream_login_needed`)", hint
        elif held.expires_s and not held.refresh and held.expires_s <= time.time():
            yield "warn", f"{what}: its login is over and cannot be renewed", hint
        else:
            yield "ok", f"{what}: logged in at {held.issuer}", ""
