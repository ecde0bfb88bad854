"""What an output item says should be run, and that all its frames say the same."""

from collections.abc import Mapping
from typing import NoReturn

from firewall.codecs import json_span, upstream_json
from firewall.codecs.openai_responses.tables import Kind
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]
Path = tuple[str | int, ...]

_NESTED = {
    "apply_patch_call": ("apply_patch", "operation"),
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "tool_search_call": ("tool_search", "arguments"),
}
"""Calls whose arguments are an object of their own: our name for the tool, and the field."""

_ROOT = "functions"
"""The namespace in which models see tools that have none; Codex declares its own there by name."""

_WHOLE = {"computer_call": "computer", "mcp_approval_request": "mcp_approval_request"}
"""Calls of which several fields decide: the whole item is the arguments."""


def malformed(what: str, *, code: str = "stream_malformed") -> NoReturn:
    """Refuse what the provider sent.

    Raises: ProtocolError (502), always.
    """
    raise ProtocolError(f"the provider's answer is not readable: {what}", code=code, side="upstream")


def text_of(value: JsonObject, key: str) -> str:
    """Return a field that must be a string.

    Raises: ProtocolError (502) when it is not.
    """
    found = value.get(key)
    if not isinstance(found, str):
        malformed(f"`{key}` is no string")
    return found


def identity_of(item: JsonObject) -> str:
    """Return the call id or else the id of an item; empty when it has neither."""
    for key in ("call_id", "id"):
        found = item.get(key)
        if isinstance(found, str) and found:
            return found
    return ""


def call_of(item: JsonObject, kind: Kind, *, data: bytes, start: int) -> ToolCall:
    """Return the call that an item of kind CALL or UNKNOWN stands for; the item begins at `start` in `data`.

    Raises: ProtocolError (502) when a field that decides what is run is missing or of another type.
    """
    type_ = str(item.get("type"))
    identity = identity_of(item)
    if kind is Kind.UNKNOWN:
        return ToolCall(identity, f"unknown:{type_}", json_span.cut(data, (), start) or b"")
    if type_ == "function_call":
        return _strict(identity, _name(item), text_of(item, "arguments").encode())
    if type_ == "custom_tool_call":
        return ToolCall(identity, _name(item), text_of(item, "input").encode(), CallForm.TEXT)
    if type_ in _WHOLE:
        return ToolCall(identity, _WHOLE[type_], json_span.cut(data, (), start) or b"")
    name, key = _NESTED[type_]
    arguments = json_span.cut(data, (key,), start)
    if arguments is None:
        malformed(f"`{type_}` without `{key}`")
    if isinstance(item.get(key), str):
        arguments = text_of(item, key).encode()
    return _strict(identity, name, arguments)


def _strict(identity: str, name: str, arguments: bytes) -> ToolCall:
    # FAIL-CLOSED: arguments that two readers could understand differently are those of no tool that we know.
    plain = not arguments.strip() or upstream_json.is_strict_object(arguments)
    return ToolCall(identity, name if plain else f"unknown:{name}", arguments)


def _name(item: JsonObject) -> str:
    name = text_of(item, "name")
    if not name:
        malformed("a call without a name")
    space = item.get("namespace")
    if space is None or space in ("", _ROOT):
        return name
    if not isinstance(space, str):
        malformed("`namespace` is no string")
    return f"{space}/{name}"


class Draft:
    """One call as its frames build it; `settle` makes sure that they all built the same.

    Clients run what they put together from deltas, from the `done` event or from the finished item: if these
    differ, what was judged would not be what is run.
    """

    __slots__ = ("_added", "_parts", "_stated")

    def __init__(self, added: JsonObject) -> None:
        self._added = {key: added[key] for key in ("type", "name", "namespace", "call_id") if added.get(key)}
        self._parts: dict[int, list[str]] = {}
        self._stated: dict[int, list[str]] = {}
        for key in ("arguments", "input"):
            start = added.get(key)
            if isinstance(start, str) and start:
                self._parts[0] = [start]

    def take(self, event: str, value: JsonObject) -> None:
        """Add one event of the call.

        Raises: ProtocolError (502) when it lacks its text.
        """
        place = value.get("command_index", 0)
        if not isinstance(place, int):
            malformed("`command_index` is no number")
        if event.endswith(".delta"):
            self._parts.setdefault(place, []).append(text_of(value, "delta"))
        elif event.endswith(".added"):
            self._parts.setdefault(place, []).append(text_of(value, "command"))
        else:
            key = next((one for one in ("arguments", "input", "command", "diff") if one in value), "arguments")
            self._stated.setdefault(place, []).append(text_of(value, key))

    def settle(self, item: JsonObject) -> None:
        """Compare with the finished item.

        Raises: ProtocolError (502) `stream_inconsistent` when any frame said something else.
        """
        for key, said in self._added.items():
            if item.get(key) != said:
                malformed(f"`{key}` of a call changed", code="stream_inconsistent")
        final = _texts(item)
        for place, parts in self._parts.items():
            joined = "".join(parts)
            if joined and joined != final.get(place):
                malformed("a call's deltas differ from its end", code="stream_inconsistent")
        for place, stated in self._stated.items():
            if any(one != final.get(place) for one in stated):
                malformed("a call's frames differ from its end", code="stream_inconsistent")


def _texts(item: JsonObject) -> dict[int, str]:
    for key in ("arguments", "input"):
        text = item.get(key)
        if isinstance(text, str):
            return {0: text}
    operation, action = item.get("operation"), item.get("action")
    if isinstance(operation, dict):
        return {0: operation.get("diff", "")}
    commands = action.get("commands") if isinstance(action, dict) else None
    return dict(enumerate(commands)) if isinstance(commands, list) else {}
