"""Which tools of a server may be called, and how they are defined (`gates.mcp.port.Tools`).

A server that nobody has listed since we started is listed here first: what it says of its tools today is held
against the pins before one of them is called.
"""

from collections.abc import Callable, Mapping

import orjson

from firewall.classify.credentials.detector import Detector
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, VERSION_KEY, is_modern
from firewall.gates.mcp.pinning.pins import Pins
from firewall.gates.mcp.port import Caller, Seen, Server, Shown, Upstream
from firewall.gates.mcp.showing.cleaning import Cleaner

_MOST_PAGES = 50


class PinnedTools:
    """The approved definitions."""

    def __init__(self, pins: Pins, shown: Shown, detector: Callable[[], Detector]) -> None:
        self._pins = pins
        self._shown = shown
        self._detector = detector

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Return a tool's definition as shown to callers; None: there is none, or it waits for a person.

        Raises: UpstreamError, StoreError.
        """
        if not self._pins.is_listed(server.name):
            await self._walk(server, caller, upstream, seen)
        definition = self._pins.approved(server.name, name)
        if definition is None:
            return None
        return Cleaner(orjson.dumps(definition), self._detector()).block(definition)

    async def _walk(self, server: Server, caller: Caller, upstream: Upstream, seen: Seen) -> None:
        """List a server's tools, page by page."""
        cursor: object = None
        for page in range(_MOST_PAGES):
            asked = _asking(caller, upstream, cursor, page)
            answer = await upstream.ask(asked, seen=seen)
            await self._shown.listed(server, caller, asked, answer)
            if answer.kind is not Kind.RESULT:
                return
            cursor = answer.result.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                break
        self._pins.walked(server.name)


def _asking(caller: Caller, upstream: Upstream, cursor: object, page: int) -> Message:
    params: dict[str, object] = {"cursor": cursor} if cursor else {}
    if is_modern(upstream.version):
        params["_meta"] = {VERSION_KEY: upstream.version, INFO_KEY: dict(caller.info), CAPABILITIES_KEY: {}}
    return messages.request(f"stayhand-tools-{page}", "tools/list", params)
