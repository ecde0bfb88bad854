"""How clients write the name of an MCP tool: Claude, Codex, Gemini CLI and opencode each in a way of their own.

`mcp__SERVER__TOOL`, `mcp__SERVER/TOOL` (a namespace), `mcp_SERVER_TOOL`, `SERVER_TOOL`. The last two do not say
where the server's name ends: a server that a pack names is preferred, and the last form is taken only for those.
"""

import re

from firewall.classify.context import Context
from firewall.classify.mcp.calls import server_of
from firewall.classify.mcp.tables import canonical


def split(name: str, context: Context) -> tuple[str, str] | None:
    """Return (server, tool), or None where the name is no MCP tool's."""
    if name.startswith("mcp__"):
        rest = name.removeprefix("mcp__")
        for sign in ("__", "/"):
            server, found, tool = rest.partition(sign)
            if found and server and tool:
                return server, tool
        return rest, ""
    if name.startswith("mcp_"):
        rest = name.removeprefix("mcp_")
        known = _known(rest, context)
        server, _, tool = rest.partition("_")
        return known or (server, tool)
    named = _known(name, context)
    pinned = server_of(named[0], context) if named is not None else None
    return named if named and pinned is not None and canonical(named[1]) in pinned.tools else None


def _known(name: str, context: Context) -> tuple[str, str] | None:
    """Split where a server that a pack names ends: the longest that fits."""
    places = [at for at, char in enumerate(name[:100]) if char == "_" and 0 < at < len(name) - 1]
    for at in reversed(places):
        if server_of(name[:at], context) is not None:
            return name[:at], name[at + 1 :]
    return None


_BEGINS = re.compile(r"(?:functions/)?(?:mcp(?:__|_|/))?")
_JOINTS = re.compile(r"[-._/ :]+")


def flat(name: str) -> str:
    """Return a tool's name as every client writes it alike: `mcp__github__create_issue` is `github_create_issue`.

    Names of two tools can come out the same (server `a-b` with tool `c`, server `a` with tool `b_c`).
    """
    return _JOINTS.sub("_", name[_BEGINS.match(name).end() :])  # type: ignore[union-attr]  # it matches nothing as well
