"""What of an approval may be told on channels: pure.

INVARIANT: nothing but ids, the environment, effects, names of operations and times leaves here; no argument, no
resource and no person's name, so that no channel can leak one.
"""

from firewall.approvals.people import groups_of
from firewall.core.approval import Approval
from firewall.core.demand import ANYBODY
from firewall.core.notice import Notice


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
