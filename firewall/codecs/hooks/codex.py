"""Codex's hook events: Claude Code's, but that a patch comes as `command` (https://developers.openai.com/codex/hooks).

Measured with Codex 0.169.0 (docs/clients.md): commands that its JavaScript runs come one by one, each as `Bash`.
"""

from collections.abc import Mapping
from dataclasses import replace

from firewall.codecs.hooks import claude_code
from firewall.codecs.hooks.event import HookEvent, freeform

_PATCH = "apply_patch"


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    event = claude_code.read(data, value)
    given = value.get("tool_input")
    if event.call is None or event.call.name != _PATCH or not isinstance(given, Mapping):
        return event
    patch = given.get("command")
    if set(given) != {"command"} or not isinstance(patch, str):
        return event
    return replace(event, call=freeform(_PATCH, patch, ident=event.use_id))
