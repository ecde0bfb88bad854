"""The desk of pins over the gate's own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from firewall.approvals.people import Approver
from firewall.console.api.pins import UnknownServerError
from firewall.console.shape import rfc3339
from firewall.core.errors import FirewallError
from firewall.core.pins import Pin, PinState

if TYPE_CHECKING:  # what reads signals is loaded where servers are configured
    from firewall.gates.mcp.pinning.pins import Pins


class Pinning:
    """`console.pinned.PinDesk`."""

    def __init__(self, pins: "Pins | None", servers: Sequence[str] = ()) -> None:
        """`pins`: None where no MCP server is configured; `servers`: those that are, by name."""
        self._pins = pins
        self._servers = tuple(sorted(servers))

    def listing(self, server: str = "") -> Sequence[Mapping[str, object]]:
        """Return what is approved and what waits, of one server or all. Raises: UnknownServerError."""
        pins = self._pins.listing() if self._pins is not None else ()
        found = [_shown(pin) for pin in pins if server in ("", pin.server)]
        if server and not found and server not in self._servers:
            raise UnknownServerError(server, self._servers)
        return found

    async def approve(self, server: str, wanted: Mapping[str, str], by: Approver) -> Mapping[str, object]:
        """Approve what waits. Raises: FirewallError where it does not wait; StoreError."""
        if self._pins is None:
            raise FirewallError("no MCP server is configured", code="mcp_absent", status=404)
        return {"server": server, "approved": await self._pins.approve(server, wanted, by=by.name)}


def _shown(pin: Pin) -> Mapping[str, object]:
    return {
        "server": pin.server,
        "tool": pin.tool or "(instructions)",
        "name": pin.tool,
        "state": pin.state.value,
        "why": pin.why if pin.state is PinState.WAITING else "",
        "identity": pin.identity,
        "digest": pin.digest,
        "definition": pin.definition,
        "at": rfc3339(pin.at),
        "by": pin.by,
    }
