"""How a server's era is found out: `server/discover` and `initialize`, in the order that fits the client.

A server that speaks the client's own era is spoken to in it, so that messages go through as they are; otherwise in
the other one (2026-07-28, versioning, "Backward Compatibility"). A server of an earlier revision is told then of
no capability that it could ask a stateless client back by: that client could not be reached.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, cast

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.claims import capabilities_of, info_of
from firewall.codecs.mcp.errors import UNSUPPORTED_VERSION
from firewall.codecs.mcp.messages import Kind, Message, at
from firewall.codecs.mcp.versions import (
    CAPABILITIES_KEY,
    INFO_KEY,
    LEGACY,
    MODERN,
    SERVER_KEY,
    VERSION_KEY,
    is_modern,
)
from firewall.core.errors import UpstreamError, UpstreamFault

OURSELVES: Mapping[str, object] = MappingProxyType({"name": "stayhand", "version": "1"})
PROBE_S = 5.0
"""A server of an earlier revision may say nothing at all to a request that it does not know."""
_OLDER = frozenset({*LEGACY, "2024-11-05"})
"""What servers may settle on: tools are listed and called alike since 2024-11-05."""
_ASKED = ("elicitation", "sampling", "roots")
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom a line is opened."""

    version: str
    capabilities: Mapping[str, object]
    info: Mapping[str, object]

    @property
    def has_claims(self) -> bool:
        """A greeting says something that the client chose."""
        return bool(self.capabilities or self.info)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a server said about itself."""

    version: str
    capabilities: Mapping[str, object]
    info: Mapping[str, object]
    """Name and version: a claim."""
    said: Message
    """Its whole answer: to `initialize` or `server/discover`."""


class Ask(Protocol):
    """Sends a request of ours in a revision."""

    async def __call__(self, message: Message, version: str) -> Message:
        """Return the answer; where there is none that can be read, an error. Raises: UpstreamError."""
        ...


async def greet(ask: Ask, wanted: Wanted, *, name: str) -> Hello:
    """Return what a server says about itself, in the era that fits.

    Raises: UpstreamError where it speaks no revision that we speak, or does not answer.
    """
    steps = (_probe, _initialize, _discover) if is_modern(wanted.version) else (_initialize, _discover)
    for (
        step
    ) in steps:  # asked again at last: who was slow to start has understood the probe, and takes no handshake
        found = await step(ask, wanted)
        if found is not None:
            return found
    raise UpstreamError(f"the MCP server `{name}` speaks no revision that we speak", fault=UpstreamFault.REJECTED)


def notes(wanted: Wanted) -> dict[str, object]:
    """Return the `_meta` that a request of an earlier revision lacks for a stateless server.

    It declares by what the client of a session can be asked: what such a server asks, it is asked there.
    """
    can = capabilities_of(wanted.capabilities)
    asked = {name: can[name] for name in _ASKED if name in can}
    return {VERSION_KEY: MODERN, CAPABILITIES_KEY: asked, INFO_KEY: _named(wanted.info)}


async def _probe(ask: Ask, wanted: Wanted) -> Hello | None:
    try:
        async with asyncio.timeout(PROBE_S):
            return await _discover(ask, wanted)
    except TimeoutError:
        return None


async def _discover(ask: Ask, wanted: Wanted) -> Hello | None:
    asked = messages.request("stayhand-discover", "server/discover", {"_meta": notes(wanted)})
    answer = await ask(asked, MODERN)
    if _is_asked_again(answer):
        answer = await ask(asked, MODERN)
    versions = answer.result.get("supportedVersions")
    if answer.kind is not Kind.RESULT or not isinstance(versions, list) or MODERN not in versions:
        return None
    info = _mapping(answer.meta.get(SERVER_KEY)) or _mapping(answer.result.get("serverInfo"))
    return Hello(MODERN, _mapping(answer.result.get("capabilities")), info, answer)


def _is_asked_again(answer: Message) -> bool:
    """Tell whether a server refused our version and names the very same as one that it speaks."""
    refusal = answer.error if answer.kind is Kind.ERROR else {}
    spoken = at(refusal, ["data", "supported"])
    return refusal.get("code") == UNSUPPORTED_VERSION and isinstance(spoken, list) and MODERN in spoken


async def _initialize(ask: Ask, wanted: Wanted) -> Hello | None:
    is_same_era = not is_modern(wanted.version)
    # a server that asks for a task would follow it at the client, where nothing of its is served
    can = {name: one for name, one in capabilities_of(wanted.capabilities).items() if name != "tasks"}
    asked = messages.request(
        "stayhand-initialize",
        "initialize",
        {
            "protocolVersion": wanted.version if is_same_era else LEGACY[0],
            "capabilities": can if is_same_era else {},
            "clientInfo": _named(wanted.info),
        },
    )
    answer = await ask(asked, "")
    version = answer.result.get("protocolVersion")
    if not isinstance(version, str) or version not in _OLDER:
        return None
    said = answer.result
    return Hello(version, _mapping(said.get("capabilities")), _mapping(said.get("serverInfo")), answer)


def _named(info: Mapping[str, object]) -> dict[str, object]:
    return info_of(info) or dict(OURSELVES)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else _NOTHING


class Greeted:
    """A line whose server says about itself what it is, when the line is opened."""

    _hello: Hello | None = None

    @property
    def hello(self) -> Hello:
        """What the server said about itself, once the line is open."""
        if self._hello is None:
            raise RuntimeError("used before it was opened")
        return self._hello

    @property
    def version(self) -> str:
        """The revision that is spoken."""
        return self.hello.version

    @property
    def capabilities(self) -> Mapping[str, object]:
        """What the server declared."""
        return self.hello.capabilities
