"""Cursor's hook events, from documentation alone (https://cursor.com/docs/agent/hooks)."""

import re
from collections.abc import Mapping

import orjson

from firewall.codecs.hooks.event import (
    MAX_NAME,
    EventKind,
    HookEvent,
    call_of,
    folder_of,
    named,
    text_of,
    unknown_event,
)
from firewall.core.call import ToolCall

_BEATS = frozenset({"sessionStart", "sessionEnd", "beforeSubmitPrompt", "stop", "preCompact", "subagentStop"})
_DONE = frozenset(
    {"afterShellExecution", "afterMCPExecution", "afterFileEdit", "postToolUse", "postToolUseFailure"}
)
_SHELL = "Shell"
_NO_SERVER = "cursor"
"""Stands for the server of a tool of which Cursor says none."""
_OURS = re.compile(r"^https?://[^/]+/mcp(?:/([A-Za-z0-9_.-]+))?/?$")
_SERVER = re.compile(r"[A-Za-z0-9.-]+(?:_[A-Za-z0-9.-]+)*")


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "hook_event_name")
    session, cwd = text_of(value, "conversation_id"), folder_of(value)
    use_id = text_of(value, "tool_use_id")
    if name in _BEATS:
        return HookEvent(EventKind.BEAT, name, None, session, cwd)
    if name in _DONE:
        return HookEvent(EventKind.DONE, name, None, session, cwd, use_id)
    return HookEvent(EventKind.CALL, name, _call(name, data, value, use_id), session, cwd, use_id)


def _call(name: str, data: bytes, value: Mapping[str, object], use_id: str) -> ToolCall:
    match name:
        case "beforeShellExecution":
            arguments = {"command": value.get("command")}
            return ToolCall(use_id, "Bash", orjson.dumps(arguments))
        case "beforeMCPExecution":
            return call_of(data, value, ("tool_input",), name=_served(value), ident=use_id)
        case "beforeReadFile":
            return ToolCall(use_id, "Read", orjson.dumps({"file_path": value.get("file_path")}))
        case "preToolUse":
            tool = named(value, "tool_name")
            return _tool(call_of(data, value, ("tool_input",), name=tool, ident=use_id), value.get("tool_input"))
        case _:
            raise unknown_event(name)


def _served(value: Mapping[str, object]) -> str:
    """Return the name of an MCP tool, with its server where the event says which it is.

    Cursor itself writes the tool alone. One of our own addresses (`/mcp/NAME`, `/mcp`) says the server.
    """
    tool = named(value, "tool_name").removeprefix("MCP:")
    found = _OURS.search(text_of(value, "url"))
    server = text_of(value, "server", most=MAX_NAME) or (found[1] if found and found[1] else "")
    if server and _SERVER.fullmatch(server):
        return f"mcp__{server}__{tool}"
    if found and "__" in tool:  # all servers at one address: the tool's name holds its server's
        return f"mcp__{tool}"
    return f"mcp__{_NO_SERVER}__{tool}"


def _tool(call: ToolCall, given: object) -> ToolCall:
    """Return a call by the names under which tools are known here."""
    if call.name.startswith("MCP:"):
        return ToolCall(call.id, f"mcp__{_NO_SERVER}__{call.name.removeprefix('MCP:')}", call.arguments)
    if call.name == _SHELL and isinstance(given, Mapping):
        arguments = {("cwd" if key == "working_directory" else key): one for key, one in given.items()}
        return ToolCall(call.id, "Bash", orjson.dumps(arguments))
    return call
