"""Claude Code's hook events, and those of agents that write the same (https://code.claude.com/docs/en/hooks).

Measured with Claude Code 2.1.329 (docs/clients.md).
"""

from collections.abc import Mapping

from firewall.codecs.hooks.event import EventKind, HookEvent, call_of, folder_of, named, text_of, unknown_event

_BEATS = frozenset(
    {
        "SessionStart",
        "SessionEnd",
        "UserPromptSubmit",
        "Stop",
        "SubagentStart",
        "SubagentStop",
        "Notification",
        "PreCompact",
        "PostCompact",
        "Setup",
    }
)
_DONE = frozenset({"PostToolUse", "PostToolUseFailure"})


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "hook_event_name")
    session, cwd = text_of(value, "session_id"), folder_of(value)
    use_id = text_of(value, "tool_use_id")
    if name == "PreToolUse":
        call = call_of(data, value, ("tool_input",), name=named(value, "tool_name"), ident=use_id)
        return HookEvent(EventKind.CALL, name, call, session, cwd, use_id)
    if name in _DONE:
        return HookEvent(EventKind.DONE, name, None, session, cwd, use_id)
    if name in _BEATS:
        return HookEvent(EventKind.BEAT, name, None, session, cwd)
    raise unknown_event(name)
