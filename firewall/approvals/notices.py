"""What of an approval may be told on channels: pure.

INVARIANT: nothing but ids, the environment, effects, names of operations and times leaves here; no argument and no
resource, so that no channel can leak one; and no person's name but that of whoever broke the glass, so that
somebody in whose name it was done learns of it.
"""

from firewall.approvals.channels.wording import named, operations, place, quoted
from firewall.approvals.people import groups_of
from firewall.core.approval import Approval
from firewall.core.demand import ANYBODY
from firewall.core.notice import Alert, Notice


def _asked(approval: Approval) -> tuple[str, ...]:
    """Return the groups that may answer, those of later stages as well; none where any approver may."""
    groups = groups_of(approval)
    return () if ANYBODY in groups else tuple(sorted(groups))


def notice_of(approval: Approval, address: str) -> Notice:
    """Return what channels are told."""
    views = approval.subject.actions if approval.subject else ()
    return Notice(
        id=approval.id,
        address=address,
        environment=approval.environment,
        effects=approval.effects,
        operations=tuple(dict.fromkeys(view.operation for view in views)),
        groups=_asked(approval),
        opened_at=approval.opened_at,
        expires_at=approval.expires_at,
        may_be_answered_outside=approval.obligations.auth == "link",
    )


def glass_alert(approval: Approval, name: str, *, address: str, is_new: bool) -> Alert:
    """Return what everybody is told of a use of break-glass; `name`: whose, empty where he is no longer listed.

    `address`: where it is reviewed. `is_new`: it was used just now; else it still waits for a review.
    """
    notice = notice_of(approval, address)
    who = quoted(name) if name else "somebody who has left"
    effects = ", ".join(map(named, notice.effects)) or "unknown"
    what = f"{operations(notice)} in {place(notice)} ({effects})"
    said = (
        f"{who} broke the glass for {what}"
        if is_new
        else f"nobody has reviewed that {who} broke the glass for {what}"
    )
    return Alert(
        kind="break_glass",
        text=f"{said}. Somebody else reviews it: {address}",
        facts={
            "event": "broken" if is_new else "unreviewed",
            "id": approval.id,
            "address": address,
            "environment": approval.environment,
        },
        groups=notice.groups,
        is_for_all=True,
    )
