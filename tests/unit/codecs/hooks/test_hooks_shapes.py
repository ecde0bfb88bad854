"""What each agent honours as a denial and as an allow."""

import json

import pytest

from firewall.codecs.hooks.shapes import AGENTS, DEFERS, MAX_REASON, allowed, deferred, denied, may_defer

SHAPES: dict[str, object] = {
    "claude-code": {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": "no",
        }
    },
    "gemini": {"decision": "deny", "reason": "no"},
    "cursor": {"permission": "deny", "user_message": "no", "agent_message": "no"},
    "copilot": {"permissionDecision": "deny", "permissionDecisionReason": "no"},
    "opencode": {"verdict": "deny", "reason": "no"},
    "cline": {"cancel": True, "errorMessage": "no"},
}
SHAPES["codex"] = SHAPES["qwen"] = SHAPES["claude-code"]
EXPLICIT = frozenset({"cursor", "cline", "opencode"})
"""Those that need a word to go on."""


@pytest.mark.parametrize("agent", AGENTS)
def test_denials_are_exactly_what_the_agent_honours(agent: str) -> None:
    """No field more: Codex runs the call where one stands beside those that it knows."""
    assert json.loads(denied(agent, "no")) == SHAPES[agent]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_denial_always_has_a_reason(agent: str) -> None:
    """A denial without a reason is ignored by Codex."""
    assert b"[stayhand] denied" in denied(agent, "  \n")


@pytest.mark.parametrize("agent", AGENTS)
def test_a_long_reason_is_cut_and_stays_ascii(agent: str) -> None:
    """Whatever a reason holds, the answer is one line of ASCII."""
    said = denied(agent, "\ud800é\n" * MAX_REASON)
    assert said.isascii()
    assert b"\n" not in said
    assert json.loads(said)


@pytest.mark.parametrize("agent", sorted(set(AGENTS) - EXPLICIT))
def test_an_allow_decides_nothing_for_the_agent(agent: str) -> None:
    """The agent's own questions to its user are not skipped."""
    assert b"allow" not in allowed(agent)


def test_those_that_need_a_word_get_it() -> None:
    """Nothing said would be a failure, and closed."""
    said = {agent: json.loads(allowed(agent)) for agent in EXPLICIT}
    assert said == {
        "cursor": {"permission": "allow"},
        "cline": {"cancel": False},
        "opencode": {"verdict": "allow"},
    }


def test_a_call_is_put_off_in_claude_codes_own_form() -> None:
    """The form of a denial with another decision, and the same reason."""
    said = json.loads(deferred('held "deny"'))
    assert said["hookSpecificOutput"] == {
        "hookEventName": "PreToolUse",
        "permissionDecision": "defer",
        "permissionDecisionReason": 'held "deny"',
    }


def test_nothing_is_put_off_where_that_might_not_be_heeded() -> None:
    """Every sign must be there and say so: one less, or another, and the call is denied."""
    assert may_defer("claude-code", {**DEFERS, "more": "x"})
    assert not any(may_defer(agent, DEFERS) for agent in AGENTS if agent != "claude-code")
    for name in DEFERS:
        assert not may_defer("claude-code", {key: one for key, one in DEFERS.items() if key != name})
        assert not may_defer("claude-code", {**DEFERS, name: "cli"})
