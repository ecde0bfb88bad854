"""Which tools of a server may be called, and how they are defined (`gates.mcp.port.Tools`).

A server whose list was not seen over the line at hand, or not lately, is listed here first: what it says of its
tools today is held against the pins before one of them is called. FAIL-CLOSED: one without a list has no tools.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from firewall.classify.credentials.detector import Detector
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.claims import info_of
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, VERSION_KEY, is_modern
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.gates.mcp.listed import tools_of
from firewall.gates.mcp.pinning.pins import Pins
from firewall.gates.mcp.port import Caller, Seen, Server, Shown, Upstream
from firewall.gates.mcp.showing.cleaning import Cleaner

_MOST_PAGES = 50
_MOST_WALKS = 3
"""How often a server is listed whose tools change while it is."""
_MOST_KEPT = 1024


@dataclass(frozen=True, slots=True)
class _Clean:
    """A definition as it is shown, and what that was made of."""

    written: str
    detector: Detector
    definition: Mapping[str, object]


class PinnedTools:
    """The approved definitions."""

    def __init__(
        self,
        pins: Pins,
        shown: Shown,
        detector: Callable[[], Detector],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep`: waits so many seconds."""
        self._pins = pins
        self._shown = shown
        self._detector = detector
        self._sleep = sleep
        self._clean: dict[tuple[str, str], _Clean] = {}
        """By server and tool; where the definition or the rules of detection are others, it is made anew."""

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Return a tool's definition as shown to callers; None: there is none, or it waits for a person.

        Raises: UpstreamError, StoreError.
        """
        listed = upstream.listed
        # The lock is whoever's who lists; where the list is fresh there is nothing to wait for.
        if not listed.is_fresh and not await self._listed(server, caller, upstream, seen):
            return None
        if not listed.has(name):
            return None
        written = self._pins.approved(server.name, name)
        return self._cleaned((server.name, name), written) if written is not None else None

    async def relisted(self, server: Server, caller: Caller, *, upstream: Upstream, seen: Seen) -> bool:
        """As `port.Tools` says, no faster than a server may ask for it. Raises: UpstreamError, StoreError."""
        listed = upstream.listed
        walks = 0
        while walks < _MOST_WALKS:
            async with listed.one:
                if listed.is_fresh:
                    return True
                wait_s = listed.pace.wait_s
                if not wait_s:
                    walks += 1
                    try:
                        if not await self._walk(server, caller, upstream, seen):
                            return False
                    finally:
                        listed.pace.walked()
            if wait_s:  # calls do not wait for it
                await self._sleep(wait_s)
        return listed.is_fresh

    async def _listed(self, server: Server, caller: Caller, upstream: Upstream, seen: Seen) -> bool:
        """List a server for a call, where its list is not fresh; False: it gives none."""
        for _ in range(_MOST_WALKS):
            async with upstream.listed.one:
                if upstream.listed.is_fresh:
                    return True
                if not await self._walk(server, caller, upstream, seen):
                    return False
        return upstream.listed.is_fresh

    def _cleaned(self, key: tuple[str, str], written: str) -> Mapping[str, object]:
        detector, kept = self._detector(), self._clean.get(key)
        if kept is None or kept.detector is not detector or kept.written != written:
            said: Mapping[str, object] = orjson.loads(written)
            kept = _Clean(written, detector, Cleaner(orjson.dumps(said), detector).block(said))
            if len(self._clean) >= _MOST_KEPT:
                self._clean.clear()
            self._clean[key] = kept
        return kept.definition

    async def _walk(self, server: Server, caller: Caller, upstream: Upstream, seen: Seen) -> bool:
        """List a server's tools, page by page; False: it gave no list, or one without an end.

        Raises: UpstreamError `tools_too_large` where all pages are more than one answer may be; StoreError.
        """
        cursor: object = None
        changes = upstream.listed.changes
        tools: list[object] = []
        left = server.settings.max_answer_mib << 20
        for page in range(_MOST_PAGES):
            asked = _asking(caller, upstream, cursor, page)
            answer = await upstream.ask(asked, seen=seen)
            left -= len(answer.raw)
            if left < 0:
                raise _too_large(server)
            await self._shown.listed(server, caller, asked, answer)
            if answer.kind is not Kind.RESULT:
                return False
            tools += tools_of(answer)
            cursor = answer.result.get("nextCursor")
            if not cursor:
                upstream.listed.seen(changes, tools)
                return True
            if not isinstance(cursor, str):
                return False
        return False


def _too_large(server: Server) -> UpstreamError:
    words = f"the MCP server `{server.name}` lists more tools than {server.settings.max_answer_mib} MiB"
    return UpstreamError(words, fault=UpstreamFault.MALFORMED, code="tools_too_large")


def _asking(caller: Caller, upstream: Upstream, cursor: object, page: int) -> Message:
    params: dict[str, object] = {"cursor": cursor} if cursor else {}
    if is_modern(upstream.version):
        # A client need not say who it is, and one that says so badly must not keep us from asking.
        info = info_of(caller.info)
        params["_meta"] = {
            VERSION_KEY: upstream.version,
            CAPABILITIES_KEY: {},
            **({INFO_KEY: info} if info else {}),
        }
    return messages.request(f"stayhand-tools-{page}", "tools/list", params)
