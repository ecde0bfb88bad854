"""What each agent honours as an answer of its hook: bytes for stdout, and an exit code.

Imported by `stayhand hook AGENT`, which an agent starts for every call: nothing here but what Python starts with.
INVARIANT: an answer that lets a call run says nothing that would skip the agent's own questions to its user, where
the agent can do without; a denial always has a reason, since Codex ignores one without.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

AGENTS = ("claude-code", "codex", "gemini", "cursor", "copilot", "opencode", "qwen", "cline")
"""The agents whose hooks are answered, as `stayhand hook AGENT` calls them."""
MAX_REASON = 4000
"""Characters of a reason."""


def allowed(agent: str) -> bytes:
    """Return what stdout says where a call may run, or an event needs no answer."""
    return _ALLOWED.get(agent, b"")


def denied(agent: str, reason: str) -> bytes:
    """Return what stdout says where a call may not run; the exit code is 0."""
    import json  # what lets a call run does without

    said = reason.strip()[:MAX_REASON] or "[stayhand] denied"
    match agent:
        case "gemini":
            shape: dict[str, object] = {"decision": "deny", "reason": said}
        case "cursor":
            shape = {"permission": "deny", "user_message": said, "agent_message": said}
        case "copilot":
            shape = {"permissionDecision": "deny", "permissionDecisionReason": said}
        case "cline":
            shape = {"cancel": True, "errorMessage": said}
        case "opencode":
            shape = {"verdict": "deny", "reason": said}
        case _:  # Claude Code and who took its form over; Codex allows the call where any other field stands there
            shape = {
                "hookSpecificOutput": {
                    "hookEventName": "PreToolUse",
                    "permissionDecision": "deny",
                    "permissionDecisionReason": said,
                }
            }
    return json.dumps(shape).encode("ascii")


def deferred(reason: str) -> bytes:
    """Return what Claude Code puts a call off for: its headless run ends, and resuming it asks again."""
    return denied("claude-code", reason).replace(b'"deny"', b'"defer"', 1)


def may_defer(agent: str, environ: Mapping[str, str]) -> bool:
    """Tell whether `deferred` is sure to be heeded, by what Claude Code says to its hooks (measured, 2.1.329).

    FAIL-CLOSED: it runs a call that is put off in a session with somebody at the keyboard, and one of several in
    an answer that did not come as a stream. Both are excluded here, or the call is denied.
    """
    return agent == "claude-code" and all(environ.get(name) == value for name, value in DEFERS.items())


NO_FALLBACK = "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK"
DEFERS: Mapping[str, str] = {
    "CLAUDE_CODE_ENTRYPOINT": "sdk-cli",
    "CLAUDE_CODE_SESSION_ATTENDED": "0",
    NO_FALLBACK: "1",
}
"""What stands in the environment of a hook where a call can be put off."""
_ALLOWED = {
    "gemini": b"{}",
    "cursor": b'{"permission": "allow"}',  # with `failClosed`, an empty answer is a failure
    "cline": b'{"cancel": false}',
    "opencode": b'{"verdict": "allow"}',
}
