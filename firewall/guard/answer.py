"""The guard's answers to a call: go, wait, stop; and who is told of them. Values; nothing here decides."""

from dataclasses import dataclass
from typing import Protocol

from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.effect import Effect
from firewall.core.fast_init import fast_init, maker
from firewall.core.reason import Reason
from firewall.core.verdict import Deny, Verdict
from firewall.guard import handed
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester


@fast_init
@dataclass(frozen=True, slots=True)
class Go:
    """Released: the effect may start."""

    entry: int
    approval: str = ""
    effects: tuple[Effect, ...] = ()
    """What it was judged to do, strictest first."""


go = maker(Go)
"""Makes a release."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Held: people have been asked."""

    entry: int
    approval: Approval
    judgement: Judgement
    standing: str = ""
    """How far people have come where several are asked: `1 of 2, next: dba`."""

    @property
    def stopped(self) -> "Stop":
        """What is answered where nobody waits for people any longer, or yet."""
        unanswered = Deny(Reason.HOLD_ENDED, detail=self.standing)
        return Stop(self.entry, unanswered, self.approval.id, self.judgement.first)


@dataclass(frozen=True, slots=True)
class Stop:
    """Refused; `verdict` says why."""

    entry: int
    verdict: Verdict
    approval: str = ""
    first: tuple[str, ...] = ()
    """What could be done first or instead, so that it can be taken back."""


Answer = Go | Wait | Stop


class Observe(Protocol):
    """Is told of every answer, after it is durable."""

    def __call__(self, judgement: Judgement, requester: Requester, answer: Answer, *, seconds: float) -> None:
        """Take note; must not raise."""
        ...


def unapproved(approval: Approval, approvals: Approvals) -> Deny:
    """Say why an approval that is not approved releases nothing."""
    match approval.status:
        case ApprovalStatus.DENIED:
            return handed.denied(approval.reason, approval.instead)
        case ApprovalStatus.EXPIRED:
            return Deny(Reason.APPROVAL_EXPIRED)
        case ApprovalStatus.CANCELLED:
            return Deny(Reason.APPROVAL_CANCELLED)
        case _:
            return Deny(Reason.HOLD_ENDED, detail=approvals.standing(approval))
