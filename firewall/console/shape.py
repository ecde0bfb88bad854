"""Approvals as JSON (DESIGN 6.1): stable field names, RFC 3339 times in UTC. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from firewall.approvals.people import Refusal
from firewall.approvals.typed import name_of, worst_first
from firewall.console.words import RUN_WORDS
from firewall.core.approval import ActionView, Approval, ApprovalStatus, Decision, FormRun, Vote
from firewall.core.demand import Tally

Json = dict[str, object]
SHARED_CHARS = 4_096
"""A longer text that several actions share stands in an answer once."""


def rfc3339(at_us: int) -> str:
    """Return an instant as `2026-11-21T09:30:00Z`; an empty string for 0 (not yet)."""
    if not at_us:
        return ""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def status_of(approval: Approval, now_us: int) -> ApprovalStatus:
    """Return the status, `expired` also where the time is over and the log does not say so yet."""
    until = {ApprovalStatus.PENDING: approval.expires_at, ApprovalStatus.APPROVED: approval.use_before}
    end = until.get(approval.status)
    return ApprovalStatus.EXPIRED if end is not None and end <= now_us else approval.status


def summary_of(approval: Approval) -> str:
    """Return one sentence for a whole approval."""
    subject = approval.subject
    if subject is None or not subject.actions:
        return "what this is about can no longer be read"
    first = worst_first(subject.actions)[0].summary
    others = len(subject.actions) - 1
    return f"{first} (and {others} more)" if others else first


def row(approval: Approval, *, now_us: int, address: str, tally: Tally | None = None) -> Json:
    """Return one line of a listing; `tally`: how far people have come, where it still waits."""
    subject = approval.subject
    return {
        "id": approval.id,
        "status": status_of(approval, now_us).value,
        "environment": approval.environment,
        "effects": list(approval.effects),
        "summary": summary_of(approval),
        "digest": approval.digest,
        "agent": subject.agent if subject else "",
        "owner": subject.owner if subject else "",
        "session": subject.session if subject else "",
        "group": approval.obligations.groups,
        **_votes(approval, tally),
        "opened_at": rfc3339(approval.opened_at),
        "expires_at": rfc3339(approval.expires_at),
        "use_before": rfc3339(approval.use_before),
        "uses": approval.uses,
        "used": approval.used,
        "decided_at": rfc3339(approval.decided_at),
        "decided_by": approval.decided_by,
        "self_approved": approval.self_approved,
        "glass": approval.glass,
        "reason": approval.reason,
        "address": address,
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """How far people have come, and what somebody can do about it."""

    tally: Tally
    refusal: Refusal | None
    """Why he may not answer."""
    not_approving: Refusal | None
    """Why he, who may answer, cannot approve now."""
    no_permit: str = ""
    """Why he cannot permit repeats."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Who voted, by his pseudonym; empty for whoever may not read the log."""


def detail(approval: Approval, *, now_us: int, address: str, standing: Standing) -> Json:
    """Return everything about one approval, for somebody who was recorded as having seen it."""
    subject, refusal = approval.subject, standing.refusal
    shown = row(approval, now_us=now_us, address=address, tally=standing.tally)
    is_pending = shown["status"] == ApprovalStatus.PENDING.value
    shown["left_s"] = max(0, approval.expires_at - now_us) // 1_000_000 if is_pending else 0
    shown["may_decide"] = refusal is None
    shown["refusal"] = refusal.code if refusal else ""
    barred = refusal or standing.not_approving
    shown["may_approve"] = barred is None
    shown["approve_refusal"] = barred.code if barred else ""
    shown["approve_refusal_words"] = barred.public if barred else ""
    shown["may_permit"] = barred is None and not standing.no_permit
    shown["permit_refusal_words"] = standing.no_permit
    shown["auth"] = approval.obligations.auth
    shown["typed"] = name_of(approval) if approval.obligations.typed else ""
    shown["given"] = [_vote(vote, standing.names) for vote in approval.votes]
    shown["decided_by_name"] = standing.names.get(approval.decided_by, "")
    shown["token"] = approval.token
    shown["runs"] = [_run(run) for run in approval.runs]
    shown["instead"] = approval.instead
    shown["edited"] = subject.edited if subject is not None else ""
    if subject is not None:
        shown |= {
            "tool": subject.tool,
            "arguments": subject.arguments,
            "workspace": subject.workspace,
            "row": subject.row,
            "rows": [subject.row, *subject.also],
            "said": subject.said,
            "moved": [{"what": what, "before": old, "now": new} for what, old, new in subject.moved],
            "first": list(subject.first),
            "forms": [
                {"line": form.line, "before": form.before, "can_run": bool(form.request)} for form in subject.forms
            ],
            "actions": _actions(subject.actions),
        }
    return shown


def _votes(approval: Approval, tally: Tally | None) -> Json:
    """Return how many people have agreed, how many it takes, and who can vote next."""
    if tally is None or approval.status is not ApprovalStatus.PENDING:
        given = sum(vote.decision is Decision.APPROVE for vote in approval.votes)
        return {"votes": given, "asked": approval.obligations.people, "next": [], "standing": ""}
    standing = tally.words if approval.obligations.demands else ""
    return {"votes": tally.given, "asked": tally.asked, "next": list(tally.needed), "standing": standing}


def _vote(vote: Vote, names: Mapping[str, str]) -> Json:
    return {
        "voter": vote.voter,
        "name": names.get(vote.voter, ""),
        "decision": vote.decision.value,
        "at": rfc3339(vote.at),
        "auth": vote.auth,
        "groups": list(vote.groups),
    }


def _run(run: FormRun) -> Json:
    return {
        "number": run.number,
        "form": run.form,
        "state": run.state.value,
        "status": run.status,
        "note": run.note,
        "words": RUN_WORDS[run.state],
        "begun_at": rfc3339(run.begun_at),
        "ended_at": rfc3339(run.ended_at),
    }


def _actions(views: Sequence[ActionView]) -> list[Json]:
    """Return actions; where a long text stands with an earlier one, `text` is empty and `text_of` its number."""
    first: dict[str, int] = {}
    found: list[Json] = []
    for at, view in enumerate(views):
        known = first.setdefault(view.text, at)
        is_repeated = known != at and len(view.text) > SHARED_CHARS
        found.append(_action(view) | ({"text": "", "text_of": known} if is_repeated else {}))
    return found


def _action(view: ActionView) -> Json:
    return {
        "operation": view.operation,
        "resource": view.resource,
        "environment": view.environment,
        "effects": list(view.effects),
        "summary": view.summary,
        "undo": view.undo,
        "text": view.text,
        "evidence": [{"start": start, "end": end, "note": note} for start, end, note in view.evidence],
        "unseen": list(view.unseen),
        "scope": view.scope,
        "reversal": view.reversal,
        "confidence": view.confidence,
        "found": [{"label": label, "words": words} for label, words in view.found],
    }
