"""Seams of the MCP gate that nobody fills: whatever would have to be judged or looked at is refused by them."""

from collections.abc import Mapping

from firewall.codecs.mcp.messages import Message
from firewall.core.errors import FirewallError
from firewall.gates.mcp.port import Caller, Seen, Server, Upstream


class NotJudgedError(FirewallError):
    """Nobody judges this here."""

    code = "mcp_not_judged"
    status = 501


class NoCalls:
    """Refuses every call. FAIL-CLOSED: what nobody judges does not run."""

    async def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Refuse. Raises: NotJudgedError."""
        del caller, message, upstream, seen
        raise _refused(server, "a tool call")


class NothingShown:
    """Shows nothing. FAIL-CLOSED: what nobody looks at does not reach a model."""

    async def listed(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Refuse. Raises: NotJudgedError."""
        del caller, asked, answer
        raise _refused(server, "a list of what a server offers")

    async def result(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Refuse. Raises: NotJudgedError."""
        del caller, asked, answer
        raise _refused(server, "what a server answers")

    async def asked_back(self, server: Server, caller: Caller, message: Message) -> Message | None:
        """Pass nothing on."""
        del server, caller, message
        return None

    async def asked(self, server: Server, caller: Caller, message: Message) -> None:
        """Refuse. Raises: NotJudgedError."""
        del caller, message
        raise _refused(server, "a request for a list")

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Refuse. Raises: NotJudgedError."""
        del caller
        raise _refused(server, "what a client says about itself")

    async def answered_back(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Refuse. Raises: NotJudgedError."""
        del caller, asked, answer
        raise _refused(server, "what a client answers")


class NoTools:
    """Knows no tool."""

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Return None."""
        del server, caller, name, upstream, seen
        return None

    async def relisted(self, server: Server, caller: Caller, *, upstream: Upstream, seen: Seen) -> bool:
        """Return False."""
        del server, caller, upstream, seen
        return False


def _refused(server: Server, what: str) -> NotJudgedError:
    return NotJudgedError(f"{what} cannot be judged by this build: nothing passes to or from `{server.name}`")
