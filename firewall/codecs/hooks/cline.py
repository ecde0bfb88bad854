"""Cline's hook events, from documentation alone (https://docs.cline.bot/features/hooks/hook-reference).

Its tools have names of their own, which policies/tools.toml knows; a call of an MCP tool is read as that tool's.
"""

from collections.abc import Mapping

from firewall.codecs.hooks.event import EventKind, HookEvent, call_of, named, text_of, unknown_event
from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError

_BEATS = frozenset({"TaskStart", "TaskResume", "TaskCancel", "TaskComplete", "UserPromptSubmit", "PreCompact"})
_SAID = frozenset({"task_progress"})
"""Arguments of every tool that say something about it and change nothing."""


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "hookName")
    session, cwd = text_of(value, "taskId"), _folder(value)
    if name == "PreToolUse":
        return HookEvent(EventKind.CALL, name, _call(data, value), session, cwd)
    if name == "PostToolUse":
        return HookEvent(EventKind.DONE, name, None, session, cwd)
    if name in _BEATS:
        return HookEvent(EventKind.BEAT, name, None, session, cwd)
    raise unknown_event(name)


def _folder(value: Mapping[str, object]) -> str:
    roots = value.get("workspaceRoots")
    first = roots[0] if isinstance(roots, list) and len(roots) == 1 else ""
    return first if isinstance(first, str) and first.startswith("/") and len(first) < 4096 else ""


def _call(data: bytes, value: Mapping[str, object]) -> ToolCall:
    about = value.get("preToolUse")
    if not isinstance(about, Mapping):
        raise ProtocolError("`preToolUse` must be an object", code="hook_event_invalid")
    tool = named(about, "toolName")
    given = about.get("parameters")
    if not isinstance(given, Mapping):
        return call_of(data, value, ("preToolUse", "parameters"), name=tool, ident="")
    if tool == "use_mcp_tool" and set(given) <= {"server_name", "tool_name", "arguments"} | _SAID:
        name = f"mcp__{text_of(given, 'server_name')}__{named(given, 'tool_name')}"
        return call_of(data, value, ("preToolUse", "parameters", "arguments"), name=name, ident="")
    return call_of(data, value, ("preToolUse", "parameters"), name=tool, ident="")
