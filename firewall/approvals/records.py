"""The entries and errors that approvals leave behind: pure, values in and values out (DESIGN 6.6).

Unsealed are enums, numbers, digests and pseudonymous ids; whatever names a person or a thing is in `private`.
"""

from collections.abc import Mapping

from firewall.approvals.people import Approver
from firewall.core.approval import Approval, ApprovalStatus, Form, FormState, Subject, Vote
from firewall.core.demand import Tally
from firewall.core.errors import ApprovalError
from firewall.core.glass import Finding, GlassUse
from firewall.core.ids import sha256_hex
from firewall.core.work import MoveApproval, Plain, Record

_SETTLED = {
    ApprovalStatus.EXPIRED: ("approval_expired", "this approval has expired"),
    ApprovalStatus.CANCELLED: ("approval_decided", "this approval was withdrawn"),
}


def settled(approval: Approval) -> ApprovalError:
    """Return the error for deciding what is no longer pending: `approval_expired` or `approval_decided`."""
    usual = ("approval_decided", f"this approval was already decided: it is {approval.status.value}")
    code, public = _SETTLED.get(approval.status, usual)
    return ApprovalError(public, code=code)


def is_running(approval: Approval) -> bool:
    """Tell whether a form is under way for an approval that waits."""
    return approval.status is ApprovalStatus.PENDING and any(run.state is FormState.BEGUN for run in approval.runs)


def running() -> ApprovalError:
    """Return the error for deciding while a form is under way."""
    return ApprovalError("what was to be done first is under way: look again in a moment", code="form_running")


def by_person(kind: str, approval: Approval, by: Approver, data: Mapping[str, Plain], **private: object) -> Record:
    """Record what somebody did about an approval; his name and role are sealed with `private`."""
    who = {"name": by.name, "role": by.role}
    return Record(
        kind=kind, data=data, person=by.name, principal=by.name, approval=approval.id, private=who | private
    )


def begun(approval: Approval, form: Form, by: Approver, *, number: int) -> Record:
    """Record that an approver has a form run: both digests are bound by his word."""
    return by_person(
        "form.begun",
        approval,
        by,
        {
            "digest": approval.digest,
            "form": sha256_hex(form.request.encode()),
            "number": number,
            "before": form.before,
            "requester": approval.principal,
            "via": by.via,
        },
        line=form.line,
        request=form.request,
    )


def ended(approval: Approval, *, state: FormState, status: int, note: str, judged: int) -> Record:
    """Record what became of a form; `judged` is the entry of its own verdict, -1 where it has none."""
    return Record(
        kind="form.ended",
        data={"state": state.value, "status": status, "note": note, "judged": judged, "digest": approval.digest},
        person=approval.subject.owner if approval.subject else "",
        approval=approval.id,
    )


def opened(approval: Approval, principal: str, subject: Subject, *, led: str = "") -> Record:
    """Record that a call waits for people; `led`: SHA-256 of what is kept of the conversation behind it."""
    return Record(
        kind="approval.opened",
        data={
            "digest": approval.digest,
            "environment": approval.environment,
            "effects": approval.effects,
            "token": approval.token,
            "expires_at": approval.expires_at,
            "people": approval.obligations.people,
            **({"conversation": led} if led else {}),
        },
        person=subject.owner,
        principal=principal,
        approval=approval.id,
        private={
            "agent": subject.agent,
            "owner": subject.owner,
            "session": subject.session,
            "tool": subject.tool,
            "row": subject.row,
            **({"rows": [subject.row, *subject.also]} if subject.also else {}),
            "group": approval.obligations.groups,
            "obligations": approval.obligations.text(),
            "actions": [
                {"operation": view.operation, "resource": view.resource, "summary": view.summary}
                for view in subject.actions
            ],
        },
    )


def viewed(approval_id: str, by: str, *, beside: str = "") -> Record:
    """Record that a signed-in person was shown an approval; `beside`: with parts of this earlier one."""
    return Record(
        kind="approval.viewed",
        data={"compared": beside} if beside else {},
        person=by,
        principal=by,
        approval=approval_id,
        private={"name": by},
    )


def voted(
    approval: Approval,
    vote: Vote,
    by: Approver,
    *,
    move: MoveApproval,
    after: Tally,
    is_last: bool,
    authored: bool = False,
) -> Record:
    """Record somebody's vote, and what it made of the approval; `authored`: he wrote it as a form."""
    return by_person(
        "approval.voted",
        approval,
        by,
        {
            "decision": move.become.value,
            "digest": approval.digest,
            "requester": approval.principal,
            "via": by.via,
            "auth": by.auth,
            "self_approved": move.self_approved,
            "votes": after.given,
            "asked": after.asked,
            "decides": is_last,
            **({"authored": True} if authored else {}),
            **({"together": vote.together} if vote.together > 1 else {}),
            **({"after_form": move.rebind} if move.rebind else {}),
            **({"uses": move.uses, "use_before": move.use_before} if is_last and move.uses > 1 else {}),
        },
        reason=move.reason,
        groups=vote.groups,
    )


def broken(approval: Approval, by: Approver, before: Tally, reason: str) -> Record:
    """Record that somebody approves alone what would need more, why, and what is passed over."""
    return by_person(
        "glass.broken",
        approval,
        by,
        {
            "digest": approval.digest,
            "requester": approval.principal,
            "environment": approval.environment,
            "effects": approval.effects,
            "via": by.via,
            "auth": by.auth,
            "votes": before.given,
            "asked": before.asked,
        },
        reason=reason,
        obligations=approval.obligations.text(),
        missing=before.needed,
    )


def reviewed(approval: Approval, use: GlassUse, by: Approver, *, finding: Finding, note: str) -> Record:
    """Record what another person found of a use of break-glass."""
    return by_person(
        "glass.reviewed",
        approval,
        by,
        {"finding": finding.value, "digest": approval.digest, "broken_by": use.by, "via": by.via},
        note=note,
    )


def conversation_read(approval: Approval, by: Approver, *, sha256: str) -> Record:
    """Record that somebody is about to be shown the conversation behind an approval; its hash says which."""
    return by_person("audit.read", approval, by, {"what": "conversation", "conversation": sha256})


def moved(kind: str, approval: Approval, *, why: str) -> Record:
    """Record any other move: `approval.expired`, `approval.cancelled`, `approval.consumed`."""
    return Record(
        kind=kind,
        data={
            "why": why,
            "digest": approval.digest,
            "requester": approval.principal,
            "environment": approval.environment,
        },
        person=approval.subject.owner if approval.subject else "",
        approval=approval.id,
    )


def used(approval: Approval) -> Record:
    """Record one use of a repeat permit that is not its last."""
    return Record(
        kind="approval.used",
        data={
            "digest": approval.digest,
            "requester": approval.principal,
            "environment": approval.environment,
            "use": approval.used + 1,
            "uses": approval.uses,
        },
        person=approval.subject.owner if approval.subject else "",
        approval=approval.id,
    )


def withdrawn(approval: Approval, by: Approver) -> Record:
    """Record that somebody who may decide took an approval back."""
    return by_person(
        "approval.cancelled",
        approval,
        by,
        {
            "why": "withdrawn",
            "digest": approval.digest,
            "requester": approval.principal,
            "environment": approval.environment,
            "used": approval.used,
            "via": by.via,
        },
    )


def too_many(principal: str, owner: str, *, token: str, most: int, limit: str) -> Record:
    """Record that a requester has too many calls waiting."""
    return Record(
        kind="limit.hit",
        data={"limit": limit, "most": most, "token": token},
        person=owner,
        principal=principal,
    )
