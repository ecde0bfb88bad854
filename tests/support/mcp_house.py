"""The MCP gate with real tokens, a real log and real sockets; what its seams do is the test's to say."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firewall.app.oauth import World, door_of
from firewall.classify.credentials.detector import Detector
from firewall.codecs.mcp.messages import Message
from firewall.codecs.oauth.places import PROTECTED
from firewall.core.grant import Grant
from firewall.gates.edge.branch import Branch
from firewall.gates.edge.doorkeeper import Doorkeeper
from firewall.gates.edge.middleware import Edge
from firewall.gates.edge.server import Listener, serving
from firewall.gates.mcp.gate import McpGate
from firewall.gates.mcp.listening import Listens
from firewall.gates.mcp.pinning.pins import Pins
from firewall.gates.mcp.port import Caller, Calls, Reads, Seen, Server, Shown, Tools, Upstream
from firewall.gates.mcp.reading import JudgedReads
from firewall.gates.mcp.refused import render
from firewall.gates.mcp.servers import identity_of, line_maker
from firewall.gates.mcp.showing.shown import Rules, Showing
from firewall.gates.mcp.showing.tools import PinnedTools
from firewall.gates.mcp.tasks import Tasks
from firewall.gates.mcp.upstream.cancelling import canceller
from firewall.gates.mcp.upstream.lines import Lines
from firewall.references import References
from firewall.routing.documents import Documents
from firewall.routing.upstream import HttpUpstream
from firewall.settings.mcp import McpServer
from firewall.settings.oauth import OAuth, OAuthIssuer
from firewall.settings.sections import ApproverSettings
from firewall.tokens.service import Tokens
from firewall.tokens.vault import key as vault_key
from firewall.tokens.vault.store import Vault
from tests.support.guarding import Kept, keeping
from tests.support.mcp_unjudged import NoTools
from tests.support.signing import RESOURCE


@dataclass(slots=True)
class Open:
    """Seams that let everything through and remember it: what judges stands behind them in other tests."""

    calls: list[Message] = field(default_factory=list)
    looked_at: list[tuple[str, Message, Message]] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    async def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Ask the server."""
        del server
        self.calls.append(message)
        self.callers.append(caller)
        return await upstream.ask(message, seen=seen)

    async def read(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Ask the server."""
        del server, caller
        return await upstream.ask(message, seen=seen)

    async def named(self, server: Server, caller: Caller, answer: Message) -> None:
        """Let it be named."""
        del server, caller, answer

    async def subscribed(self, server: Server, caller: Caller, message: Message, address: str) -> None:
        """Let it be heard of."""
        del server, caller, message, address

    async def listed(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Show all of it."""
        del caller
        self.looked_at.append((server.name, asked, answer))
        return answer

    async def result(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Show all of it."""
        self.callers.append(caller)
        self.looked_at.append((server.name, asked, answer))
        return answer

    async def asked_back(self, server: Server, caller: Caller, message: Message) -> Message | None:
        """Let it through."""
        del server, caller
        self.heard.append(message)
        return message

    async def asked(self, server: Server, caller: Caller, message: Message) -> None:
        """Let it through."""
        del server, caller, message

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Let it through."""
        del server, caller

    async def answered_back(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Let it back."""
        del server, caller, asked
        return answer


@dataclass(slots=True)
class House:
    """A gate that is served."""

    base: str
    gate: McpGate
    lines: Lines
    tokens: Tokens
    kept: Kept
    tasks: Tasks
    pinned: PinnedTools | None
    """The tools as they were pinned, where they are."""

    async def token(self, environment: str = "staging", **wish: object) -> str:
        """Mint a token for an agent."""
        return (await self.minted(environment, **wish))[1]

    async def minted(self, environment: str = "staging", **wish: object) -> tuple[str, str]:
        """Mint a token for an agent; returns its id as well."""
        now = datetime.fromtimestamp(self.kept.clock.now_us() / 1e6, UTC)
        fields: dict[str, object] = {"owner": "olga", "agent": "coder", "expires_at": now + timedelta(hours=1)}
        grant = Grant(environment, **(fields | wish))  # type: ignore[arg-type]  # tests name the fields
        made = await self.tokens.mint_agent(grant, by="alice")
        return made.id, made.text

    def at(self, name: str = "") -> str:
        """Return the address of a server, or of all."""
        return f"{self.base}/mcp/{name}" if name else f"{self.base}/mcp"


@asynccontextmanager
async def mcp_house(
    folder: Path,
    *settings: McpServer,
    calls: Calls | None = None,
    shown: Shown | None = None,
    is_judged: bool = False,
    is_pinned: bool = False,
    issuers: tuple[OAuthIssuer, ...] = (),
    people: tuple[ApproverSettings, ...] = (),
) -> AsyncIterator[House]:
    """Serve the gate before these servers; `is_judged`: what reads without a tool is, by a real guard.

    `is_pinned`: what servers say is looked at, and tools are held against pins, by what does so in earnest;
    `issuers`: whose access tokens open it as well; `people`: approvers with their addresses.
    """
    opened = Open()
    references = References(Vault(folder / "vault.db", vault_key.from_file(folder / "vault.key")))
    servers: Mapping[str, Server] = {
        one.name: Server(one.name, one.environment, identity_of(one), one)
        for one in sorted(settings, key=lambda one: one.name)
    }
    async with keeping(folder) as kept:
        upstream = HttpUpstream()
        writer = kept.installation.writer
        tokens = Tokens(sequencer=writer, rows=kept.installation.tokens, clock=kept.clock)
        doorkeeper = Doorkeeper(tokens=tokens, sequencer=writer, clock=kept.clock)
        world = World(tokens, writer, kept.clock, doorkeeper, Documents(upstream))
        lines = Lines(line_maker(servers, references, upstream), now=lambda: kept.clock.now_us() / 1e6)
        tasks = Tasks(kept.guard, writer, kept.clock, cancel=canceller(lines))
        showing, pinned = _pinning(kept) if is_pinned else (None, None)
        reads: Reads = JudgedReads(kept.guard, writer, kept.clock) if is_judged else opened
        looks = shown or showing or opened
        gate = McpGate(
            servers=servers,
            lines=lines,
            calls=calls or opened,
            reads=reads,
            shown=looks,
            tasks=tasks,
            listens=_listens(kept, lines, reads, looks, pinned or NoTools()),
            doorkeeper=doorkeeper,
            sequencer=writer,
            oauth=door_of(OAuth(resource=RESOURCE), issuers, world, people=people) if issuers else None,
        )
        tokens.on_revoked(gate.revoked)
        branches = {PROTECTED.encode(): gate.published} if gate.published is not None else {}
        edge = Edge(Branch(gate, branches), max_body_bytes=8 << 20, render=lambda _, error: render(error))
        try:
            async with serving([Listener(edge, "127.0.0.1", 0)], drain_s=2) as served:
                yield House(f"http://127.0.0.1:{served.ports[0]}", gate, lines, tokens, kept, tasks, pinned)
        finally:
            await gate.close()
            await upstream.close()


def _listens(kept: Kept, lines: Lines, reads: Reads, shown: Shown, tools: Tools) -> Listens:
    """Return what tells of changes, with a short pause."""
    return Listens(
        lines,
        reads=reads,
        shown=shown,
        tools=tools,
        rules=lambda: kept.snapshot,
        sequencer=kept.installation.writer,
        pause_s=0.05,
    )


def _pinning(kept: Kept) -> tuple[Showing, PinnedTools]:
    """Return what looks at what servers say, and their tools as they were pinned, over the real store."""
    writer = kept.installation.writer
    pins = Pins(kept.installation.pins, writer, kept.clock)

    def detector() -> Detector:
        return kept.snapshot.catalogue.credentials

    rules = Rules(detector=detector, known=lambda: (), note=lambda _who, _value, _where: None)
    showing = Showing(pins, rules, writer, kept.clock)
    return showing, PinnedTools(pins, showing, detector)
