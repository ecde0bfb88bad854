"""Gemini CLI's hook events (https://geminicli.com/docs/hooks/reference), measured with 0.61.0."""

from collections.abc import Mapping

from firewall.codecs.hooks.event import EventKind, HookEvent, call_of, folder_of, named, text_of, unknown_event

_BEATS = frozenset(
    {
        "SessionStart",
        "SessionEnd",
        "BeforeAgent",
        "AfterAgent",
        "BeforeModel",
        "AfterModel",
        "BeforeToolSelection",
        "Notification",
        "PreCompress",
    }
)


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "hook_event_name")
    session, cwd = text_of(value, "session_id"), folder_of(value)
    if name == "BeforeTool":
        call = call_of(data, value, ("tool_input",), name=named(value, "tool_name"), ident="")
        return HookEvent(EventKind.CALL, name, call, session, cwd)
    if name == "AfterTool":
        return HookEvent(EventKind.DONE, name, None, session, cwd)
    if name in _BEATS:
        return HookEvent(EventKind.BEAT, name, None, session, cwd)
    raise unknown_event(name)
