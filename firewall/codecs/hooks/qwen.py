"""Qwen Code's hook events: Claude Code's, with a few of its own (from documentation alone: its hooks.md)."""

from collections.abc import Mapping

from firewall.codecs.hooks import claude_code
from firewall.codecs.hooks.event import EventKind, HookEvent, folder_of, named, text_of

_BEATS = frozenset({"StopFailure", "TodoCreated", "TodoCompleted", "InstructionsLoaded"})


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "hook_event_name")
    if name in _BEATS:
        return HookEvent(EventKind.BEAT, name, None, text_of(value, "session_id"), folder_of(value))
    return claude_code.read(data, value)
