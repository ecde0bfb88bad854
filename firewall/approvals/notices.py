"""What of an approval may be told on channels: pure.

INVARIANT: nothing but ids, the environment, effects, names of operations and times leaves here; no argument, no
resource and no person's name, so that no channel can leak one.
"""

from firewall.core.approval import Approval
from firewall.core.notice import Notice


def notice_of(approval: Approval, address: str) -> Notice:
    """Return what channels are told."""
    views = approval.subject.actions if approval.subject else ()
    return Notice(
        id=approval.id,
        address=address,
        environment=approval.environment,
        effects=approval.effects,
        operations=tuple(dict.fromkeys(view.operation for view in views)),
        groups=(approval.group,) if approval.group else (),
        opened_at=approval.opened_at,
        expires_at=approval.expires_at,
    )
