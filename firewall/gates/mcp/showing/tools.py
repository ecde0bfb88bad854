"""Which tools of a server may be called, and how they are defined (`gates.mcp.port.Tools`).

A server whose list was not seen over the line at hand, or not lately, is listed here first: what it says of its
tools today is held against the pins before one of them is called. FAIL-CLOSED: one without a list has no tools.
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
        if not upstream.listed.is_fresh and not await self._walk(server, caller, upstream, seen):
            return None
        definition = self._pins.approved(server.name, name)
        if definition is None:
            return None
        return Cleaner(orjson.dumps(definition), self._detector()).block(definition)

    async def _walk(self, server: Server, caller: Caller, upstream: Upstream, seen: Seen) -> bool:
        """List a server's tools, page by page; False: it gave no list."""
        cursor: object = None
        changes = upstream.listed.changes
        for page in range(_MOST_PAGES):
            asked = _asking(caller, upstream, cursor, page)
            answer = await upstream.ask(asked, seen=seen)
            await self._shown.listed(server, caller, asked, answer)
            if answer.kind is not Kind.RESULT:
                return False
            cursor = answer.result.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                break
        upstream.listed.seen(changes)
        return True


def _asking(caller: Caller, upstream: Upstream, cursor: object, page: int) -> Message:
    params: dict[str, object] = {"cursor": cursor} if cursor else {}
    if is_modern(upstream.version):
        params["_meta"] = {VERSION_KEY: upstream.version, INFO_KEY: dict(caller.info), CAPABILITIES_KEY: {}}
    return messages.request(f"stayhand-tools-{page}", "tools/list", params)
