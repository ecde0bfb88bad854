"""What a grant lets a caller know of a server: its tools and prompts by name, its resources by address. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from firewall.core.grant import Verb, any_matches
from firewall.gates.mcp.port import Caller, Server

_DOTS = frozenset({".", ".."})
_SEGMENTS = re.compile(r"[/:;?#&=]")
_MOST_ESCAPES = 4
LISTS: Mapping[str, str] = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""Which member of the answer is the list."""


def is_plain(uri: str) -> bool:
    """Tell whether an address says where it leads: no dot segments, however often escaped, nothing unprintable."""
    for _ in range(_MOST_ESCAPES):
        if not uri.isprintable() or "\\" in uri or any(one in _DOTS for one in _SEGMENTS.split(uri)):
            return False
        plain = unquote(uri)
        if plain == uri:
            return True
        uri = plain
    return False


def may_name(caller: Caller, server: Server, name: str) -> bool:
    """Tell whether a grant names a tool or a prompt: `mcp__SERVER__NAME` in its tool globs."""
    return any_matches(caller.grant.tools, server.tool_name(name))


def may_read(caller: Caller, server: Server, uri: str) -> bool:
    """Tell whether a grant lets its agent read an address: `mcp:SERVER/ADDRESS` in its resource globs.

    An address that leads elsewhere than it says (`..`, also escaped, backslashes) is read by nobody.
    """
    if not is_plain(uri):
        return False
    return Verb.READ in caller.grant.verbs and any_matches(caller.grant.resources, f"mcp:{server.name}/{uri}")


def is_permitted(caller: Caller, server: Server, method: str, item: Mapping[str, object]) -> bool:
    """Tell whether a caller may know of one item of a list."""
    if method in ("tools/list", "prompts/list"):
        name = item.get("name")
        return isinstance(name, str) and may_name(caller, server, name)
    uri = item.get("uri") if method == "resources/list" else item.get("uriTemplate")
    return isinstance(uri, str) and may_read(caller, server, uri)
