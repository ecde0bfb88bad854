"""Repeat permits: the exact same call several times within minutes, where one person decides alone. Pure.

INVARIANT: what destroys, changes rights, returns secrets, sends data out or cannot be told, in production or where
nobody knows the place, is approved once at a time; so is whatever several people or several demands agree to, and
whatever is answered without our own session.
"""

from firewall.approvals.people import Approver, may_be_in
from firewall.core.approval import ONCE, Approval, Permit
from firewall.core.effect import GRAVE, Effect
from firewall.core.errors import ApprovalError

MOST_USES = 20
MOST_S = 3600
_ONCE_ONLY = GRAVE | {Effect.SECRET, Effect.EXFIL}
"""What nobody can take back, rights, and what nobody can tell."""
_OUTSIDE = frozenset({"link", "slack"})


def refusal_of(approval: Approval, by: Approver, production: frozenset[str]) -> str:
    """Return why nobody gets a permit for this call from `by`; empty: he may give one."""
    if approval.subject is None:
        return "what this approval is about can no longer be read"
    does = {*approval.effects, *(effect for view in approval.subject.actions for effect in view.effects)}
    if does & _ONCE_ONLY and may_be_in(approval, production):
        return "what cannot be taken back, changes rights or is unknown in production is approved once at a time"
    asked = approval.obligations
    # Joined demands: one person of both groups could meet them alone, and each of them is still a say of its own.
    if len(asked.demands) > 1 or asked.people > 1:
        return "what several people agree to is approved once at a time"
    if by.auth in _OUTSIDE:
        return "a link or a click approves once"
    return ""


def demand_permitted(approval: Approval, by: Approver, permit: Permit, production: frozenset[str]) -> None:
    """Refuse a permit that nobody may give.

    Raises: ApprovalError `permit_invalid` (400) or `permit_refused` (403).
    """
    if permit == ONCE:
        return
    if not 2 <= permit.uses <= MOST_USES or not 60 <= permit.within_s <= MOST_S:
        words = f"a permit is for 2 to {MOST_USES} uses within 1 to {MOST_S // 60} minutes"
        raise ApprovalError(words, code="permit_invalid", status=400)
    words = refusal_of(approval, by, production)
    if words:
        raise ApprovalError(words, code="permit_refused", status=403)
