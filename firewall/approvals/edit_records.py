"""The entries of forms that approvers write in place of calls: begun, then refused, or the call was edited. Pure.

`edit.begun` is durable before anything is asked about the form; `approval.edited` or `edit.refused` names it.
Not sealed are digests, codes and pseudonymous ids alone.
"""

from firewall.approvals.people import Approver
from firewall.approvals.records import by_person
from firewall.core.approval import Approval
from firewall.core.ids import sha256_hex
from firewall.core.work import Record


def begun(approval: Approval, by: Approver, *, form: str) -> Record:
    """Record that somebody is about to have a form judged; `form`: as the agent would be told."""
    return by_person(
        "edit.begun",
        approval,
        by,
        {
            "digest": approval.digest,
            "form": sha256_hex(form.encode()),
            "requester": approval.principal,
            "via": by.via,
        },
        form=form,
    )


def refused(
    approval: Approval, by: Approver, *, entry: int, code: str, edited: str = "", reason: str = ""
) -> Record:
    """Record that nothing came of a form: the call waits on, or was answered by somebody else meanwhile.

    `entry`: the number of `edit.begun`; `edited`: the form's digest, `reason`: its verdict's; empty: none.
    """
    return by_person(
        "edit.refused",
        approval,
        by,
        {
            "begun": entry,
            "why": code,
            "digest": approval.digest,
            "edited": edited,
            "reason": reason,
            "requester": approval.principal,
            "via": by.via,
        },
    )


def edited(approval: Approval, by: Approver, *, digest: str, instead: str, form: str, entry: int = -1) -> Record:
    """Record that somebody would have another form in place of a call; it is denied in the same commit.

    `entry`: the number of `edit.begun`; -1: there is none.
    """
    return by_person(
        "approval.edited",
        approval,
        by,
        {
            "digest": approval.digest,
            "edited": digest,
            "instead": instead,
            "requester": approval.principal,
            "via": by.via,
            **({"begun": entry} if entry >= 0 else {}),
        },
        form=form,
    )


def too_many(approval: Approval, by: Approver, *, most: int) -> Record:
    """Record that somebody had too many forms judged within an hour."""
    return by_person("limit.hit", approval, by, {"limit": "edits", "most": most})
