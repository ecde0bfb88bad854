"""What stands around an approval, the same for its page and its JSON; nothing here is recorded or decided.

How it differs from the last of its kind, what may be edited of it, whether what led to it is kept, how many of its
kind wait, whether a use of break-glass was reviewed, and which channels could not tell of it. Each has a bound of
its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from firewall.approvals.batches import MOST_BYTES, of_kind
from firewall.approvals.channels.port import Trouble
from firewall.approvals.glass import Glass
from firewall.approvals.people import ROLES, Approver
from firewall.approvals.service import Approvals
from firewall.approvals.wanted import size_of
from firewall.console.api.approvals import Runner
from firewall.console.approving.comparing import Compared, compared
from firewall.console.approving.conversation import Talk, unopened
from firewall.console.shape import Json, rfc3339
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.errors import ApprovalError
from firewall.core.ports import Clock
from firewall.guard.editing import Editable

THREADED_CHARS = 20_000
"""Longer calls are compared and rendered in a thread."""


@dataclass(frozen=True, slots=True)
class Alike:
    """What waits of the kind of an approval and may be answered by somebody on one page."""

    found: tuple[Approval, ...] = ()
    """Oldest first."""
    more: int = 0
    """Others of the kind, for which the page has no room."""
    unopened: int = 0
    """Others of the same run, place and effects that are too long for the page, of the kind or not."""


class Around:
    """Works out what stands around an approval for whoever looks."""

    def __init__(
        self,
        approvals: Approvals,
        *,
        clock: Clock,
        runner: Runner,
        glass: Glass | None,
        troubles: Callable[[str], Sequence[Trouble]],
    ) -> None:
        """`troubles`: what channels could not tell of an approval."""
        self.troubles = troubles
        self._approvals = approvals
        self._clock = clock
        self._runner = runner
        self._glass = glass

    async def compared(self, approval: Approval) -> Compared | None:
        """Return how an approval differs from the last of its kind; None: there is none. Raises: StoreError."""
        earlier = self._approvals.earlier(approval)
        compare = partial(compared, approval, earlier, now_us=self._clock.now_us())
        is_long = any(size_of(one.subject) > THREADED_CHARS for one in (approval, *earlier))
        return await asyncio.to_thread(compare) if is_long else compare()

    def talk(self, approval: Approval, who: Approver) -> Talk:
        """Return what is said of the conversation before somebody opened it. Raises: StoreError."""
        return unopened(self._approvals.conversations.standing(approval, who))

    def editable(self, approval: Approval, who: Approver) -> Editable | None:
        """Return what somebody may edit of a call; None: nothing, or it is not his to."""
        try:
            self._approvals.edits.demand_may(approval, who)
        except ApprovalError:
            return None
        return self._runner.editor.editable(approval) if self._runner.editor is not None else None

    def alike(self, approval: Approval, who: Approver) -> Alike:
        """Return what of a kind somebody could answer on one page, this one among them, if he answers any."""
        if who.role not in ROLES or approval.status is not ApprovalStatus.PENDING:
            return Alike()
        return waiting_alike(self._approvals, approval, who)

    def reviewed(self, approval: Approval) -> str:
        """Return `open`, or what a review found of the break-glass that approved it; empty: there was none."""
        use = self._glass.use_of(approval.id) if approval.glass and self._glass is not None else None
        if use is None:
            return ""
        return use.finding.value if use.finding is not None else "open"

    async def beside(self, approval: Approval, who: Approver) -> Json:
        """Return all of it as JSON. Raises: StoreError."""
        other, editable = await self.compared(approval), self.editable(approval, who)
        alike = self.alike(approval, who)
        return {
            "compared": _compared(other) if other is not None else None,
            "conversation": self.talk(approval, who).state,
            "edit": asdict(editable) if editable is not None else None,
            "alike": self._offered(alike, approval.id) if len(alike.found) > 1 else None,
            "review": self.reviewed(approval),
            "channels": [_trouble(one) for one in self.troubles(approval.id)],
        }

    def _offered(self, alike: Alike, approval_id: str) -> Json:
        return {
            "waiting": len(alike.found),
            "address": self._approvals.rules.batch_address(approval_id),
            "more": alike.more,
            "unopened": alike.unopened,
        }


def waiting_alike(approvals: Approvals, first: Approval, who: Approver) -> Alike:
    """Return what waits of the kind of an approval and may be answered by somebody, as much as one page shows.

    What is long is not opened for it. Raises: StoreError.
    """
    counter = approvals.counter()
    waiting, unopened = approvals.alike(first, MOST_BYTES)
    found, more = of_kind(first, waiting, lambda one: counter.refusal(one, who) is None)
    return Alike(tuple(found), more, unopened)


def _trouble(one: Trouble) -> Json:
    return {
        "channel": one.channel,
        "about": one.about,
        "failure": one.failure,
        "tries": one.tries,
        "again_at": rfc3339(one.again_at),
    }


def _compared(other: Compared) -> Json:
    return {
        "id": other.id,
        "status": other.status,
        "opened_at": other.at,
        "of_kind": other.count,
        "looked_at": other.looked,
        "changes": [{"what": what, "before": before, "now": now} for what, before, now in other.changes],
        "only_now": list(other.new_lines),
        "only_then": list(other.gone_lines),
        "more_lines": other.more,
    }
