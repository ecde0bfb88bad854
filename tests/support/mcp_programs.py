"""MCP servers of others, from the npm registry: how each is started by the firewall."""

from dataclasses import dataclass
from typing import Final

from tests.support.npm import Package, modules, node


@dataclass(frozen=True, slots=True)
class Program:
    """One server that speaks over its standard input and output."""

    package: Package
    script: str
    """Its script below `node_modules`."""

    def command(self, *arguments: str) -> list[str]:
        """Return how it is started, installing it first where it is not there yet; skips or fails without it."""
        return [str(node()), str(modules(self.package) / self.script), *arguments]


def _reference(name: str) -> Program:
    package = f"@modelcontextprotocol/server-{name}"
    return Program(Package(f"mcp-{name}", package, "2026.8.31"), f"{package}/dist/index.js")


MEMORY: Final = _reference("memory")
"""A graph of notes in a file (`MEMORY_FILE_PATH`); reads and deletes."""
FILESYSTEM: Final = _reference("filesystem")
EVERYTHING: Final = _reference("everything")
"""Shows every feature of the protocol."""
DBHUB: Final = Program(
    # The drivers of other databases are optional; SQLite comes with node.
    Package("mcp-dbhub", "@bytebase/dbhub", "1.4.0", ("--omit=optional",)),
    "@bytebase/dbhub/dist/index.js",
)
"""Runs SQL."""
