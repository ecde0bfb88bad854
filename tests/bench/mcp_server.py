"""The MCP server behind the measured gate: it answers at once, and does nothing.

    python -m tests.bench.mcp_server           a program that speaks over its input and output (2025-06-18)
    python -m tests.bench.mcp_server --http    over HTTP, stateless (2026-07-28); prints the port that it took

Its tools are called as those of the reference memory server, which the shipped packs know.
"""

import asyncio
import json
import sys

import uvloop

from firewall.codecs.mcp.versions import MODERN
from tests.bench.raw import Answering

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
COMPACT = (",", ":")
"""Messages are written as the SDKs for TypeScript and Python write them."""
_TEXT = {"entities": [{"name": f"note {number}", "observations": ["three apples, " * 10]} for number in range(4)]}
_TOOLS = [
    {
        "name": name,
        "description": says,
        "inputSchema": {
            "type": "object",
            "properties": {"names": {"type": "array", "items": {"type": "string"}}},
            "required": ["names"],
        },
    }
    for name, says in (("open_nodes", "Opens notes by their names."), ("create_entities", "Writes notes."))
]


def answer(line: bytes) -> bytes:
    """Return the answer to a message; empty: it needs none."""
    said = json.loads(line)
    if "id" not in said:
        return b""
    found = _result(said["method"], said.get("params", {}))
    held = {"result": found} if found is not None else {"error": {"code": -32601, "message": "no such method"}}
    return json.dumps({"jsonrpc": "2.0", "id": said["id"], **held}, separators=COMPACT).encode()


def _result(method: str, params: dict[str, object]) -> dict[str, object] | None:
    rest = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    if method == "tools/call":
        return {"resultType": "complete", "content": [{"type": "text", "text": json.dumps(_TEXT)}]}
    if method == "tools/list":
        return {"tools": _TOOLS, **rest}
    told = {"capabilities": {"tools": {}}, "serverInfo": {"name": "bench", "version": "0"}}
    if method == "server/discover" and "--http" in sys.argv:
        return {"supportedVersions": [MODERN], **told, **rest}
    if method == "initialize" and "--http" not in sys.argv:
        return {"protocolVersion": params["protocolVersion"], **told}
    return None


class Served(Answering):
    """One connection."""

    def answer(self, body: bytes) -> None:
        """Answer a message."""
        if self.transport is not None:
            said = answer(body)
            self.transport.write(_HEAD % len(said) + said)


async def _over_http() -> None:
    server = await asyncio.get_running_loop().create_server(Served, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _over_pipes() -> None:
    for line in sys.stdin.buffer:
        if said := answer(line):
            sys.stdout.buffer.write(said + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    if "--http" in sys.argv:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_over_http())
    else:
        _over_pipes()
