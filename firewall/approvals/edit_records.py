"""The entries of forms that approvers write in place of calls: begun, then refused, or the call was edited. Pure.

`edit.begun` is durable before anything is asked about the form; `approval.edited` or `edit.refused` names it.
Not sealed are digests, codes and pseudonymous ids alone.
"""

from firewall.approvals.people import Approver
from firewall.core.approval import Approval
from firewall.core.ids import sha256_hex
from firewall.core.work import Record


def begun(approval: Approval, by: Approver, *, form: str) -> Record:
    """Record that somebody is about to have a form judged; `form`: as the agent would be told."""
    return Record(
        kind="edit.begun",
        data={
            "digest": approval.digest,
            "form": sha256_hex(form.encode()),
            "requester": approval.principal,
            "via": by.via,
        },
        person=by.name,
        principal=by.name,
        approval=approval.id,
        private={"name": by.name, "role": by.role, "form": form},
    )


def refused(
    approval: Approval, by: Approver, *, entry: int, code: str, edited: str = "", reason: str = ""
) -> Record:
    """Record that nothing came of a form: the call waits on, or was answered by somebody else meanwhile.

    `entry`: the number of `edit.begun`; `edited`: the form's digest, `reason`: its verdict's; empty: none.
    """
    return Record(
        kind="edit.refused",
        data={
            "begun": entry,
            "why": code,
            "digest": approval.digest,
            "edited": edited,
            "reason": reason,
            "requester": approval.principal,
            "via": by.via,
        },
        person=by.name,
        principal=by.name,
        approval=approval.id,
        private={"name": by.name, "role": by.role},
    )


def edited(approval: Approval, by: Approver, *, digest: str, instead: str, form: str, entry: int = -1) -> Record:
    """Record that somebody would have another form in place of a call; it is denied in the same commit.

    `entry`: the number of `edit.begun`; -1: there is none.
    """
    return Record(
        kind="approval.edited",
        data={
            "digest": approval.digest,
            "edited": digest,
            "instead": instead,
            "requester": approval.principal,
            "via": by.via,
            **({"begun": entry} if entry >= 0 else {}),
        },
        person=by.name,
        principal=by.name,
        approval=approval.id,
        private={"name": by.name, "role": by.role, "form": form},
    )


def too_many(approval: Approval, by: Approver, *, most: int) -> Record:
    """Record that somebody had too many forms judged within an hour."""
    return Record(
        kind="limit.hit",
        data={"limit": "edits", "most": most},
        person=by.name,
        principal=by.name,
        approval=approval.id,
        private={"name": by.name, "role": by.role},
    )
