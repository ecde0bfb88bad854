"""What a client may hear of without asking: which lists changed, and which resources. Pure.

Stateless servers are asked with `subscriptions/listen`, and say first what of it they serve (2026-07-28,
subscriptions). Servers of sessions say by their capabilities what they tell of lists, and are asked for each
resource (2025-11-25, resources, "Subscriptions").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Message, at
from firewall.codecs.mcp.versions import TOOLS_CHANGED

LISTEN = "subscriptions/listen"
SUBSCRIBE, UNSUBSCRIBE = "resources/subscribe", "resources/unsubscribe"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
LISTS: Mapping[str, str] = MappingProxyType(
    {
        "toolsListChanged": TOOLS_CHANGED,
        "promptsListChanged": "notifications/prompts/list_changed",
        "resourcesListChanged": "notifications/resources/list_changed",
    }
)
"""Members of a filter, and the notification that each is for."""
CHANGES = frozenset({*LISTS.values(), UPDATED})
MOST_RESOURCES = 32
"""Of one subscription."""
MAX_ADDRESS_CHARS = 2048
_RESOURCES = "resourceSubscriptions"
_UNSERVED = frozenset({"taskIds"})
"""Of extensions: known, and left out of what is acknowledged."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is listened to."""

    lists: frozenset[str] = frozenset()
    """Notifications of `LISTS`."""
    resources: frozenset[str] = frozenset()
    """Addresses."""

    def written(self) -> dict[str, object]:
        """Return it as the protocol writes it."""
        said: dict[str, object] = {name: True for name, method in LISTS.items() if method in self.lists}
        if self.resources:
            said[_RESOURCES] = sorted(self.resources)
        return said

    def within(self, other: "Filter") -> "Filter":
        """Return what both have."""
        return Filter(self.lists & other.lists, self.resources & other.resources)

    def subject(self, message: Message) -> tuple[str, str] | None:
        """Return what a notification tells of, as it is listened to; None: nobody listens to it.

        What lies below an address that is listened to is told of under that address: no other was judged.
        """
        if message.method in self.lists:
            return message.method, ""
        said = message.params.get("uri")
        if message.method != UPDATED or not isinstance(said, str):
            return None
        found = [one for one in self.resources if said == one or said.startswith(f"{one.removesuffix('/')}/")]
        return (UPDATED, max(found, key=len)) if found else None


def filter_of(message: Message) -> Filter:
    """Read what a client wants to listen to.

    Raises: McpError -32602 `param_unknown`, `param_invalid`, `too_many_resources`.
    """
    for name in message.params:
        if name not in ("notifications", "_meta"):
            raise _invalid(f"`{_shown(name)}` of `{LISTEN}` is not served", "param_unknown", message)
    said = message.params.get("notifications")
    if not isinstance(said, dict):
        raise _invalid("`notifications` must be an object", "param_invalid", message)
    for name, value in said.items():
        if name not in LISTS and name != _RESOURCES and name not in _UNSERVED:
            raise _invalid(f"`{_shown(name)}` cannot be listened to", "param_unknown", message)
        if name in LISTS and not isinstance(value, bool):
            raise _invalid(f"`{name}` must be true or false", "param_invalid", message)
    resources = said.get(_RESOURCES, [])
    if not isinstance(resources, list) or not all(is_address(one) for one in resources):
        raise _invalid(f"`{_RESOURCES}` must be a list of addresses", "param_invalid", message)
    if len(resources) > MOST_RESOURCES:
        raise _invalid(f"at most {MOST_RESOURCES} resources are listened to", "too_many_resources", message)
    return Filter(frozenset(LISTS[name] for name in LISTS if said.get(name) is True), frozenset(resources))


def acknowledged_of(message: Message) -> Filter:
    """Return what a server says that it serves; nothing of what cannot be read."""
    said = message.params.get("notifications")
    resources = at(said, [_RESOURCES])
    return Filter(
        frozenset(method for name, method in LISTS.items() if at(said, [name]) is True),
        frozenset(one for one in resources if isinstance(one, str))
        if isinstance(resources, list)
        else frozenset(),
    )


def offered(capabilities: Mapping[str, object], wanted: Filter) -> Filter:
    """Return what of a filter a server of sessions tells, as it declared with `initialize`."""
    lists = frozenset(
        method
        for method in wanted.lists
        if at(capabilities, [method.removeprefix("notifications/").partition("/")[0], "listChanged"]) is True
    )
    has_resources = at(capabilities, ["resources", "subscribe"]) is True
    return Filter(lists, wanted.resources if has_resources else frozenset())


def is_address(value: object) -> bool:
    """Tell whether something is an address that can be listened to."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ADDRESS_CHARS


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else "?" for char in name)[:80]


def _invalid(text: str, code: str, message: Message) -> McpError:
    return McpError(text, number=INVALID_PARAMS, code=code, of=message.id)
