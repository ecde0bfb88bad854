"""Calls of MCP tools without a gate around them: a server, a line to it and an ear (`gates.mcp.port`)."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import LEGACY, MODERN
from firewall.core.approval import ApprovalStatus
from firewall.core.errors import FirewallError
from firewall.gates.mcp.calling import JudgedCalls
from firewall.gates.mcp.listed import Listed
from firewall.gates.mcp.port import Caller, Seen, Server, Upstream
from firewall.gates.mcp.tasks import Task, Tasks
from firewall.guard.requester import Requester
from firewall.settings.mcp import McpServer
from tests.support.approving import until
from tests.support.guarding import Kept

URLS = {"elicitation": {"url": {}}}
NOTE: Mapping[str, object] = {
    "name": "delete_note",
    "description": "Deletes a note.",
    "inputSchema": {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
        "additionalProperties": False,
    },
}
READING: Mapping[str, object] = {
    "name": "get_file_contents",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}},
}


def server(name: str = "notes", **changes: object) -> Server:
    """Return a server for staging that nobody keeps waiting."""
    fields: dict[str, object] = {
        "name": name,
        "environment": "staging",
        "url": f"https://{name}.example/mcp",
        "hold_s": 0,
    }
    settings = McpServer.model_validate({**fields, **changes})
    return Server(settings.name, settings.environment, f"https://{name}.example/mcp", settings)


def caller(requester: Requester, *, version: str = LEGACY[0], **changes: object) -> Caller:
    """Return a client of a revision that declared nothing."""
    return Caller(requester, version, {}, {}, **changes)  # type: ignore[arg-type]  # tests name the fields


def modern(requester: Requester) -> Caller:
    """Return a client of 2026-07-28 that can show addresses."""
    return Caller(requester, MODERN, URLS, {})


def asking(tool: str = "delete_note", *, ident: int = 7, **params: object) -> Message:
    """Return a call of a tool; other members of its parameters by name."""
    said = {"name": tool, "arguments": {"id": "1"}, **params}
    call = {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": said}
    return messages.read(json.dumps(call, indent=1).encode())


@dataclass(slots=True)
class Line:
    """A line to a server that answers what it is told to; `gates.mcp.port.Upstream`."""

    said: Mapping[str, object] = field(default_factory=lambda: {"content": [{"type": "text", "text": "done"}]})
    fails: FirewallError | None = None
    never: bool = False
    """It never answers."""
    heard: list[Message] = field(default_factory=list)
    version: str = MODERN
    capabilities: Mapping[str, object] = field(default_factory=dict)
    listed: Listed = field(default_factory=Listed)

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Take a call."""
        del seen
        self.heard.append(message)
        if self.fails is not None:
            raise self.fails
        if self.never:
            await asyncio.Event().wait()
        return messages.result(message.id or 0, self.said)

    async def tell(self, message: Message) -> None:
        """Take a notification."""
        self.heard.append(message)

    async def aclose(self) -> None:
        """Stay."""


@dataclass(slots=True)
class Ear:
    """What a client hears before its answer; `gates.mcp.port.Seen`."""

    heard: list[Message] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    has_begun: bool = False

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends."""
        self.heard.append(message)
        return None

    async def say(self, message: Message) -> None:
        """Take what we send."""
        self.heard.append(message)

    def judged(self, entry: int) -> None:
        """Note an entry."""
        self.entries.append(entry)

    def begun(self) -> None:
        """Note that a change is sent."""
        self.has_begun = True


@dataclass(slots=True)
class Pinned:
    """The tools of a server; `gates.mcp.port.Tools`."""

    tools: dict[str, Mapping[str, object]]

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Return a tool's definition."""
        del server, caller, upstream, seen
        return self.tools.get(name)

    async def relisted(self, server: Server, caller: Caller, *, upstream: Upstream, seen: Seen) -> bool:
        """Believe what is there."""
        del server, caller, upstream, seen
        return True


def tasks_of(kept: Kept) -> Tasks:
    """Return tasks whose servers hear nothing of their end."""

    async def cancel(_task: Task) -> None:
        pass

    return Tasks(kept.guard, kept.installation.writer, kept.clock, cancel=cancel)


def calls_of(
    kept: Kept,
    *servers: Server,
    progress_s: float = 10,
    following: Tasks | None = None,
    pinned: Pinned | None = None,
    **tools: Mapping[str, object],
) -> JudgedCalls:
    """Return the seam over a guard; further tools by name, or `pinned` alone."""
    return JudgedCalls(
        guard=kept.guard,
        approvals=kept.approvals,
        sequencer=kept.installation.writer,
        clock=kept.clock,
        tools=pinned or Pinned({"delete_note": NOTE, "get_file_contents": READING, **tools}),
        servers={one.name: one for one in servers},
        tasks=following or tasks_of(kept),
        progress_s=progress_s,
    )


def text_of(answer: Message) -> str:
    """Return the text of a result."""
    found = answer.result["content"]
    assert isinstance(found, list)
    return str(found[0]["text"])


def refusal(answer: Message) -> Mapping[str, object]:
    """Return what stands about a refusal beside its text."""
    assert answer.result["isError"] is True
    meta = answer.result["_meta"]
    assert isinstance(meta, dict)
    found = meta["stayhand.dev/refusal"]
    assert isinstance(found, dict)
    return found


async def pending(kept: Kept) -> str:
    """Return the approval that waits, once there is one."""
    await until(lambda: bool(kept.approvals.listing(ApprovalStatus.PENDING.value)))
    return kept.approvals.listing(ApprovalStatus.PENDING.value)[0].id
