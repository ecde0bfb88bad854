"""What the rooms of the MCP gate share: who serves, who asks, how a server is asked, and the two seams.

The gate (`gate.py`) reads requests, keeps sessions and carries bytes. It judges nothing: a `tools/call` goes
through `Calls`, everything that a server says goes through `Shown` before a client hears of it. INVARIANT: what
no seam has seen is refused, never passed on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from firewall.codecs.mcp.messages import Message, at
from firewall.core.call import Served
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init
from firewall.core.grant import Grant, any_matches
from firewall.core.lookup import Lookup
from firewall.gates.edge.rates import NOTHING_DUE, Due
from firewall.gates.mcp.listed import Listed
from firewall.guard.requester import Requester
from firewall.settings.mcp import McpServer


class NotRunError(UpstreamError):
    """A request that its server surely did not run: it refused whoever asked (RFC 9110, 401; RFC 6750, 403)."""


class NotSentError(NotRunError):
    """A call that its server surely did not run: whoever asked for it may make it again."""


def left_open(error: FirewallError) -> UpstreamError:
    """Return the error for a request that its server has begun before this kept it from an answer."""
    fault = error.fault if isinstance(error, UpstreamError) else UpstreamFault.UNAVAILABLE
    return UpstreamError(error.public, fault=fault, status=error.status, detail=error.detail, code=error.code)


@dataclass(frozen=True, slots=True)
class Server:
    """An MCP server as configured."""

    name: str
    environment: str
    """Where it lands."""
    identity: str
    """Who it is, for digests and pins: its address, or `sha256:` of its command, variables' names and folder."""
    settings: McpServer

    def lookups(self, tool: str) -> tuple[Lookup, ...]:
        """Return what arguments of a tool name, as configured."""
        rows = self.settings.argument
        return tuple(one.lookup() for one in rows if any_matches(one.tools, tool)) if rows else ()

    def tool_name(self, tool: str) -> str:
        """Return a tool's name as grants and policies know it on every gate: `mcp__github__create_issue`."""
        return f"mcp__{self.name}__{tool}"

    def served(self, tool: str) -> Served:
        """Return what the guard hears of a tool by the server's own name, before the server said anything."""
        return Served(
            server=self.name,
            tool=tool,
            identity=self.identity,
            pack=self.settings.pack,
            environment=self.environment,
            is_scoped=self.settings.scoped,
            is_here=bool(self.settings.command),
            lookups=self.lookups(tool),
        )


@fast_init
@dataclass(frozen=True, slots=True)
class Caller:
    """A client with a good token, as far as its request tells."""

    requester: Requester
    version: str
    """The protocol revision that it speaks."""
    capabilities: Mapping[str, object]
    """What it declared: per request (2026-07-28), or with `initialize`; a claim."""
    info: Mapping[str, object]
    """`clientInfo`, a claim."""
    session: str = ""
    """Of earlier revisions: the id that we gave it; empty: none."""
    combined: bool = False
    """It came to `/mcp`: names carry their server's as a prefix there."""
    due: Due = NOTHING_DUE
    """What its request draws, once, with its first verdict."""

    @property
    def grant(self) -> Grant:
        """What its token permits."""
        return self.requester.grant

    @property
    def takes_urls(self) -> bool:
        """It declared that it can show an address to its user (URL elicitation)."""
        elicitation = self.capabilities.get("elicitation")
        return isinstance(at(elicitation, ["url"]), dict)

    def may_see(self, server: Server) -> bool:
        """Tell whether its grant permits anything of a server: its environment, and a glob that names it.

        Which tools it permits is `Shown`'s and the guard's to say.
        """
        return may_see(self.grant, server)


class Seen(Protocol):
    """Where what belongs to one request goes while its answer is waited for; one per request of a client."""

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends: a notification (None comes back), or a request of its own (its answer).

        It goes through `Shown.asked_back`.
        """
        ...

    async def say(self, message: Message) -> None:
        """Send a notification of our own (progress while a call is held)."""
        ...

    def judged(self, entry: int) -> None:
        """Note the entry of the judgement: it stands in `x-stayhand-entry`, unless events have begun."""
        ...

    def begun(self) -> None:
        """Note that a change is about to be sent: until now, ending the request loses nothing."""
        ...


class Upstream(Protocol):
    """One line to one server, for one caller: its session or its process where it has any."""

    @property
    def version(self) -> str:
        """The protocol revision that is spoken with the server."""
        ...

    @property
    def capabilities(self) -> Mapping[str, object]:
        """What the server declared."""
        ...

    @property
    def listed(self) -> Listed:
        """Whether its list of tools was seen."""
        ...

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Send a request and return its answer, under the request's id; cancelling tells the server.

        Raises: NotSentError for a `tools/call` that the server refused because it knew our session no more: what
        it offers is to be listed again before. NotRunError for what it refused unread. UpstreamError: nobody knows
        then whether the server has acted.
        """
        ...

    async def tell(self, message: Message) -> None:
        """Send a notification. Raises: UpstreamError."""
        ...

    async def aclose(self) -> None:
        """End the session or the process."""
        ...


class Calls(Protocol):
    """Judges `tools/call`."""

    async def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Take a `tools/call` from judgement to answer: judge, record, hold, ask the server, record the outcome.

        `message` names the tool as the server does. What comes back goes to the client through `Shown.result`
        where `upstream` was asked for it; an answer without asking is ours, and goes as it is.
        Raises: FirewallError, which the client hears as a JSON-RPC error.
        """
        ...


class Reads(Protocol):
    """Judges what reads without a tool: `resources/read`, `prompts/get`, `completion/complete`."""

    async def read(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Take a request from the grant and judgement to its answer: nothing is sent before both allow it.

        `message` names things as the server does. Raises: FirewallError.
        """
        ...

    async def named(self, server: Server, caller: Caller, answer: Message) -> None:
        """Judge the folders that the client of a session names to a server. Raises: FirewallError."""
        ...

    async def subscribed(self, server: Server, caller: Caller, message: Message, address: str) -> None:
        """Judge a resource that a client wants to hear of as if it read it; `message` may be a notification.

        Raises: FirewallError.
        """
        ...


class Shown(Protocol):
    """Looks at what a server says before a client, and with it a model, hears of it."""

    async def listed(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what the caller may see of a list (`tools/list`, `resources/list`, `prompts/list`, …).

        Raises: FirewallError.
        """
        ...

    async def result(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what the caller may see of any other answer, errors of the server's included.

        Raises: FirewallError.
        """
        ...

    async def asked_back(self, server: Server, caller: Caller, message: Message) -> Message | None:
        """Return what the caller may see of what a server sends by itself: notifications, and requests of its own.

        None: it is not passed on; a request is then answered with a refusal. Raises: FirewallError.
        """
        ...

    async def asked(self, server: Server, caller: Caller, message: Message) -> None:
        """Look at a request that goes to a server unjudged.

        Raises: FirewallError where a credential stands in it.
        """
        ...

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Look at what a client says about itself, of which a server hears before anything is judged.

        Raises: FirewallError where a credential stands in it.
        """
        ...

    async def answered_back(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what a server may hear of a client's answer to a request of its own, nothing hidden in it.

        Raises: FirewallError, which the server hears instead.
        """
        ...


class Tools(Protocol):
    """Knows the tools of servers as they were pinned: `Calls` holds arguments against their schemas."""

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Return a tool's definition (`name`, `description`, `inputSchema`, `annotations`), as shown to callers.

        None: the server has no such tool, or its definition waits for somebody's approval.
        Raises: FirewallError.
        """
        ...

    async def relisted(self, server: Server, caller: Caller, *, upstream: Upstream, seen: Seen) -> bool:
        """Hold what a server offers against its pins anew, where its list is not fresh; False: it gives none.

        Raises: FirewallError.
        """
        ...


def may_see(grant: Grant, server: Server) -> bool:
    """Tell whether a grant permits anything of a server: its environment, and a glob that names it."""
    if server.environment != grant.environment:
        return False
    return any(_may_name(glob, server.tool_name("")) for glob in grant.tools)


def _may_name(glob: str, prefix: str) -> bool:
    """Tell whether a glob could match a name that begins with `prefix`."""
    stem = glob.split("*", 1)[0].split("?", 1)[0]
    if stem == glob:
        return glob.startswith(prefix)
    return prefix.startswith(stem) or stem.startswith(prefix) or any_matches((glob,), prefix)
