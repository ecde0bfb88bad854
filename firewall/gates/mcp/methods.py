"""Which methods of clients are served, and what becomes of each.

INVARIANT: what is not named here is refused as unknown; nothing is passed on because nobody thought of it.
"""

from collections.abc import Mapping
from enum import StrEnum

from firewall.codecs.mcp.errors import METHOD_NOT_FOUND, McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import is_modern


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
}
_LEGACY: Mapping[str, Way] = _BOTH | {
    "initialize": Way.HELLO,
    "ping": Way.PING,
    "logging/setLevel": Way.RESULT,
}
CAPABILITIES = ("tools", "resources", "prompts", "completions", "logging")
"""What of a server's capabilities is served through here; of each only that it is there: what changes is not told
by itself, for there is no stream to tell it on."""
ASKED_BACK = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}
"""What servers of earlier revisions may ask a client, and the capability that the client must have declared."""


def way_of(message: Message, version: str) -> Way:
    """Return what becomes of a request in a revision.

    Raises: McpError -32601 (404) for a method that is not served.
    """
    found = (_MODERN if is_modern(version) else _LEGACY).get(message.method)
    if found is None:
        raise McpError(
            f"the method `{shown(message.method)}` is not served",
            number=METHOD_NOT_FOUND,
            code="method_unknown",
            status=404,
            of=message.id,
        )
    return found


def served(capabilities: Mapping[str, object]) -> dict[str, object]:
    """Return what clients hear of a server's capabilities."""
    return {name: {} for name in CAPABILITIES if isinstance(capabilities.get(name), dict)}


def shown(name: object) -> str:
    """Return a name as errors show it."""
    text = name if isinstance(name, str) else "?"
    return "".join(char if char.isprintable() and char != "`" else "?" for char in text)[:80]
