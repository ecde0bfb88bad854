"""What a hook or a framework is answered: a verdict that lets the call run, or not, and why.

INVARIANT: a call that waits for people is a denial with the approval's id: whoever knows two answers is safe.
"""

from collections.abc import Sequence

import orjson

from firewall.core.reason import Reason
from firewall.gates.edge.send import Headers
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Go, Stop
from firewall.guard.hearing import Heard

RETRY_S = 5
Answer = tuple[int, Headers, bytes]


def noted() -> Answer:
    """Return the answer to an event that asks nothing."""
    return _answer({"verdict": "noted"}, [])


def heard(sessions: Sequence[Heard]) -> Answer:
    """Return what was heard of the hooks of a token's run: times in unix seconds."""
    listed = [
        {"session": one.session, "agent": one.client, "events": one.events, "last_at": one.last_us // 1_000_000}
        for one in sessions
    ]
    return _answer({"sessions": listed}, [])


def allowed(go: Go) -> Answer:
    """Return the shortest answer that lets a call run, which a hook compares without understanding JSON."""
    return _answer({"verdict": "allow"}, [(b"x-stayhand-entry", b"%d" % go.entry)])


def of_verdict(tool: str, answer: Go | Stop) -> Answer:
    """Return the answer to a question about a call of `tool`."""
    more: Headers = [(b"x-stayhand-entry", b"%d" % answer.entry)]
    if isinstance(answer, Go):
        approval = {"id": answer.approval, "status": "consumed"} if answer.approval else None
        effects = [effect.value for effect in answer.effects]
        allowed = {"verdict": "allow", "reason": "", "message": "", "effects": effects, "approval": approval}
        return _answer({**allowed, "entry": answer.entry}, more)
    denied: dict[str, object] = {
        "verdict": "deny",
        "reason": answer.verdict.reason.value,
        "message": refusal_text(tool, answer),
        "approval": _approval(answer),
        "entry": answer.entry,
    }
    if answer.first:
        denied["first"] = list(answer.first)
    return _answer(denied, more)


def _approval(stop: Stop) -> dict[str, object] | None:
    if not stop.approval:
        return None
    found: dict[str, object] = {"id": stop.approval, "status_url": f"/v1/approvals/{stop.approval}"}
    if stop.verdict.reason is Reason.HOLD_ENDED:
        found |= {"status": "pending", "retry_after": RETRY_S}
        if stop.verdict.detail:
            found["standing"] = stop.verdict.detail
    return found


def _answer(document: dict[str, object], more: Headers) -> Answer:
    headers: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *more]
    return 200, headers, orjson.dumps(document)
