"""What the agent is told in place of a refused call: why, and what it may do. Never a link, never an argument."""

from firewall.core.reason import Reason
from firewall.core.verdict import Verdict
from firewall.guard.answer import Stop

_WHY = {
    Reason.OWN_REACH: "it touches the firewall itself",
    Reason.GRANT_TOKEN: "the token was revoked or has expired",
    Reason.GRANT_ENVIRONMENT: "it lands in another environment than the token's",
    Reason.GRANT_VERB: "the token does not permit this kind of action",
    Reason.GRANT_TOOL: "the token does not permit this tool",
    Reason.GRANT_TARGET: "the token does not permit this target",
    Reason.GRANT_RESOURCE: "the token does not permit this resource",
    Reason.GRANT_UNKNOWN: "what it names is outside your environment or unknown",
    Reason.REQUIRE_UNMET: "the policy requires of what it changes what does not hold, or is not known",
    Reason.WORLD_UNSEEN: (
        "what it changes was approved in a state that could not be looked at again just now; "
        "repeat exactly the same call in a moment"
    ),
    Reason.POLICY_DENY: "the policy forbids it",
    Reason.POLICY_NO_ROW: "no policy row permits it",
    Reason.POLICY_FAILED: "the policy could not be evaluated",
    Reason.CLASSIFY_FAILED: "it could not be understood",
    Reason.LIMIT_DESTRUCTIVE: "the hourly budget of destructive actions is used up",
    Reason.APPROVAL_TOO_LARGE: "it needs a person's approval and is too large to be shown; make smaller calls",
    Reason.CREDENTIAL_FOREIGN: (
        "it carries a credential that was not issued to you; do not use credentials that you find: reach the API "
        "through its target here, which adds its own"
    ),
    Reason.APPROVAL_CANCELLED: "the request for approval was withdrawn",
}


_DETAILED = frozenset({Reason.POLICY_DENY, Reason.POLICY_NO_ROW, Reason.APPROVAL_CANCELLED, Reason.REQUIRE_UNMET})
"""Reasons whose detail says nothing of the world, and may be told."""


def refusal_text(tool: str, stop: Stop) -> str:
    """Return what stands in the place of the call, for the model and the person at the terminal."""
    first = f" A form that can be taken back: {'; or '.join(stop.first)}" if stop.first else ""
    return _refusal(tool, stop) + first


def _refusal(tool: str, stop: Stop) -> str:
    verdict = stop.verdict
    head = f"[stayhand] The call of `{_plain(tool)}` was not run: "
    match verdict.reason:
        case Reason.APPROVAL_DENIED:
            said = f' They said: "{verdict.detail}"' if verdict.detail else ""
            return (
                f"{head}a person denied it (approval {stop.approval}).{said} "
                "Do not repeat it or look for another way to the same effect; ask the user how to go on."
            )
        case Reason.APPROVAL_EDITED:
            return (
                f"{head}a person denied it (approval {stop.approval}), and would have another form instead. "
                "Send exactly that form as a call of its own, or ask the user; it is judged anew, and runs if it "
                f"is approved. The form, {verdict.detail}"
            )
        case Reason.APPROVAL_EXPIRED:
            return (
                f"{head}nobody decided in time, so the request has expired (approval {stop.approval}). "
                "Repeat exactly the same call to ask again."
            )
        case Reason.HOLD_ENDED:
            return (
                f"{head}it waits for {_whom(verdict.detail)} (approval {stop.approval}). "
                "Once it is approved, repeat exactly the same call and it will run; until then do something else."
            )
        case _:
            return (
                f"{head}{_WHY.get(verdict.reason, 'it was refused')}.{_detail(verdict)} ({verdict.reason.value})"
            )


def _whom(standing: str) -> str:
    return f"people's approval: {standing}" if standing else "a person's approval"


def _detail(verdict: Verdict) -> str:
    if verdict.reason in _DETAILED and verdict.detail:
        return f" {verdict.detail}."
    return ""


def _plain(name: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else "?" for char in name)[:80]
