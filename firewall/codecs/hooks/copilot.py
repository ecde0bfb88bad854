"""Copilot CLI's hook events, from documentation alone (https://docs.github.com/en/copilot/reference/hooks-reference).

An event does not say its name: a call is what has a tool and no result.
"""

from collections.abc import Mapping

from firewall.codecs.hooks import claude_code
from firewall.codecs.hooks.event import EventKind, HookEvent, call_of, folder_of, named, text_of, unknown_event

_BEATS = frozenset({"initialPrompt", "prompt", "source", "reason", "error"})
"""Fields of events that are about a session."""


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    if "hook_event_name" in value:  # the harness of VS Code writes as Claude Code does
        return claude_code.read(data, value)
    session, cwd = text_of(value, "sessionId"), folder_of(value)
    if "toolName" in value:
        tool = named(value, "toolName")
        if "toolResult" in value:
            return HookEvent(EventKind.DONE, "postToolUse", None, session, cwd)
        call = call_of(data, value, ("toolArgs",), name=tool, ident="")
        return HookEvent(EventKind.CALL, "preToolUse", call, session, cwd)
    if _BEATS & value.keys():
        return HookEvent(EventKind.BEAT, "session", None, session, cwd)
    raise unknown_event("")
