"""Which methods of clients are served, and what becomes of each.

INVARIANT: what is not named here is refused as unknown; nothing is passed on because nobody thought of it.
"""

from collections.abc import Mapping
from enum import StrEnum

from firewall.codecs.mcp.changes import LISTEN, SUBSCRIBE, UNSUBSCRIBE
from firewall.codecs.mcp.errors import METHOD_NOT_FOUND, McpError
from firewall.codecs.mcp.messages import Message, at
from firewall.codecs.mcp.versions import TASKED, is_modern


class Way(StrEnum):
    """What becomes of a request."""

    HELLO = "hello"
    """Answered from what the server said about itself."""
    PING = "ping"
    """Answered here."""
    LIST = "list"
    """Asked, and shown as far as the grant goes."""
    CALL = "call"
    """Judged, then asked."""
    READ = "read"
    """Held against the grant and judged, then asked; never held for people on the open connection."""
    TASK = "task"
    """Follows a task that a call of the same token made."""
    LISTEN = "listen"
    """Stays open for what changes."""
    SUBSCRIBE = "subscribe"
    """Judged as a read, then told on the session's stream."""
    RESULT = "result"
    """Asked, and looked at before it is shown."""


_BOTH = {
    "tools/list": Way.LIST,
    "resources/list": Way.LIST,
    "resources/templates/list": Way.LIST,
    "prompts/list": Way.LIST,
    "tools/call": Way.CALL,
    "resources/read": Way.READ,
    "prompts/get": Way.READ,
    "completion/complete": Way.READ,
}
_MODERN: Mapping[str, Way] = _BOTH | {
    "server/discover": Way.HELLO,
    "tasks/get": Way.TASK,
    "tasks/update": Way.TASK,
    "tasks/cancel": Way.TASK,
    LISTEN: Way.LISTEN,
}
_LEGACY: Mapping[str, Way] = _BOTH | {
    "initialize": Way.HELLO,
    "ping": Way.PING,
    "logging/setLevel": Way.RESULT,
    SUBSCRIBE: Way.SUBSCRIBE,
    UNSUBSCRIBE: Way.SUBSCRIBE,
}
_OF_TASKS = ("tasks/get", "tasks/result", "tasks/list", "tasks/cancel")
_TASKED: Mapping[str, Way] = {**_LEGACY, **dict.fromkeys(_OF_TASKS, Way.TASK)}
CAPABILITIES = ("tools", "resources", "prompts", "completions", "logging")
"""What of a server's capabilities is served through here: that it is there, and whether changes are told."""
_TOLD = {"tools": ("listChanged",), "prompts": ("listChanged",), "resources": ("listChanged", "subscribe")}
ALL = {name: dict.fromkeys(_TOLD.get(name, ()), True) for name in CAPABILITIES if name != "logging"}
"""What is served at `/mcp`, before all servers: each of them says by itself what of it it has."""
FOLDERS = "roots/list"
ASKED_BACK = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", FOLDERS: "roots"}
"""What servers of earlier revisions may ask a client, and the capability that the client must have declared."""


def ways(version: str) -> Mapping[str, Way]:
    """Return every method that a revision serves, and what becomes of it."""
    if is_modern(version):
        return _MODERN
    return _TASKED if version == TASKED else _LEGACY


def way_of(message: Message, version: str) -> Way:
    """Return what becomes of a request in a revision.

    Raises: McpError -32601 (404) for a method that is not served.
    """
    found = ways(version).get(message.method)
    if found is None:
        raise unserved(message)
    return found


def unserved(message: Message, where: str = "") -> McpError:
    """Return the error for a method that is not served; `where`: at which address, where it is at others."""
    return McpError(
        f"the method `{shown(message.method)}` is not served{where}",
        number=METHOD_NOT_FOUND,
        code="method_unknown",
        status=404,
        of=message.id,
    )


def served(capabilities: Mapping[str, object]) -> dict[str, object]:
    """Return what clients hear of a server's capabilities."""
    return {
        name: {one: True for one in _TOLD.get(name, ()) if at(capabilities, [name, one]) is True}
        for name in CAPABILITIES
        if isinstance(capabilities.get(name), dict)
    }


def shown(name: object) -> str:
    """Return a name as errors show it."""
    text = name if isinstance(name, str) else "?"
    return "".join(char if char.isprintable() and char != "`" else "?" for char in text)[:80]
