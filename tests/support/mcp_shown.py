"""What passes servers' words on, over a real log and real policies, with a clock and a grant that tests choose."""

import json
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.rules import read_rules
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.gates.mcp.pinning.pins import Pins
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.showing.shown import Rules, Showing
from firewall.guard.requester import Requester
from firewall.policy.defaults import shipped
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.settings.mcp import McpServer
from tests.support.approving import StillClock
from tests.support.guarding import places_in

OURS = Secret("our-own-credential-of-a-target-0123456789")


def server(name: str = "notes", *, url: str = "https://notes.example.com/mcp", **settings: object) -> Server:
    """Return a server as configured."""
    wish: dict[str, object] = {"name": name, "environment": "staging", "url": url, **settings}
    return Server(name, "staging", url, McpServer.model_validate(wish))


def caller(*globs: str, **grant: object) -> Caller:
    """Return a caller whose grant has these tool globs, by default all."""
    wish: dict[str, object] = {"tools": globs or ("*",), **grant}
    found = Grant("staging", "olga", "coder", datetime(2030, 1, 1, tzinfo=UTC), **wish)  # type: ignore[arg-type]  # tests name the fields
    return Caller(Requester("tok_1", ("tok_1",), (), found, "olga/coder", gate="mcp"), "2026-07-28", {}, {})


def tool(name: str, description: str = "Reads a note.", **more: object) -> dict[str, object]:
    """Return a tool's definition."""
    schema = {"type": "object", "properties": {"id": {"type": "string", "description": "which"}}}
    return {"name": name, "description": description, "inputSchema": schema, **more}


@dataclass(slots=True)
class House:
    """The seam, and what is behind it."""

    folder: Path
    installation: Installation
    clock: StillClock
    pins: Pins
    showing: Showing
    detector: Detector
    noted: list[tuple[str, str]] = field(default_factory=list)
    """Credentials of others that were met, with where."""

    def entries(self, kind: str) -> list[dict[str, object]]:
        """Return what stands unsealed in entries of a kind, oldest first."""
        rows = self.installation.reader.execute(
            "SELECT body FROM audit_entries WHERE kind = ? ORDER BY seq", (kind,)
        ).fetchall()
        found: list[dict[str, object]] = [json.loads(raw)["data"] for (raw,) in rows]
        return found

    def signals(self) -> list[object]:
        """Return what was flagged, oldest first."""
        return [entry["signals"] for entry in self.entries("content.flagged")]

    async def list_tools(
        self, of: Server, tools: list[object], who: Caller | None = None, **more: object
    ) -> list[str]:
        """Let a server list tools; returns the names that come through. `cursor` goes into the request."""
        cursor = more.pop("cursor", None)
        asked = messages.request("1", "tools/list", {"cursor": cursor} if cursor else {})
        answer = messages.result("1", {"tools": tools, **more})
        seen = await self.showing.listed(of, who or caller(), asked, answer)
        return [item["name"] for item in seen.result["tools"]]  # type: ignore[attr-defined]  # a list of objects

    async def call(
        self, said: Mapping[str, object], of: Server | None = None, who: Caller | None = None
    ) -> Message:
        """Let a server answer a call of a tool."""
        asked = messages.request("1", "tools/call", {"name": "read_note"})
        return await self.showing.result(of or server(), who or caller(), asked, messages.result("1", said))


def text_result(*texts: str) -> dict[str, object]:
    """Return a tool's result that is text."""
    return {"content": [{"type": "text", "text": text} for text in texts], "isError": False}


def _house(folder: Path, installation: Installation, clock: StillClock) -> House:
    noted: list[tuple[str, str]] = []
    detector = Detector(read_rules(tomllib.loads((shipped() / "credentials.toml").read_text("utf-8"))))
    rules = Rules(
        lambda: detector, lambda: [("ledger", OURS)], lambda _, value, words: noted.append((value, words))
    )
    pins = Pins(installation.pins, installation.writer, clock)
    showing = Showing(pins, rules, installation.writer, clock)
    return House(folder, installation, clock, pins, showing, detector, noted)


@asynccontextmanager
async def house(folder: Path, *, again: bool = False) -> AsyncIterator[House]:
    """Open a house in a folder; `again`: the one that is there."""
    places = places_in(folder)
    if not again:
        create(places)
    clock = StillClock()
    installation = open_installation(places, clock)
    try:
        yield _house(folder, installation, clock)
    finally:
        await installation.close()
