"""Which agents' hooks are understood, by the name in `stayhand hook AGENT` and `POST /hooks/{agent}`."""

from collections.abc import Callable, Mapping

from firewall.codecs.hooks import claude_code, cline, codex, copilot, cursor, gemini, opencode, qwen
from firewall.codecs.hooks.event import HookEvent

Reader = Callable[[bytes, Mapping[str, object]], HookEvent]
"""Takes the event's bytes and what they parse to; raises ProtocolError."""

READERS: Mapping[str, Reader] = {
    "claude-code": claude_code.read,
    "codex": codex.read,
    "gemini": gemini.read,
    "cursor": cursor.read,
    "copilot": copilot.read,
    "opencode": opencode.read,
    "qwen": qwen.read,
    "cline": cline.read,
}
