"""`/console/`: what waits, which of it is of one kind, and what was settled lately."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.batches import batches_in
from firewall.approvals.channels.port import Health
from firewall.approvals.glass import Glass
from firewall.approvals.people import ROLES
from firewall.approvals.service import Approvals
from firewall.console.approving.card import card
from firewall.console.approving.waiting import SCRIPT, TOLD, UNDER_WAY_US
from firewall.console.asking import Asker
from firewall.console.auth import Access, may_name
from firewall.console.pages import Pages
from firewall.console.pushing.room import PUSHING, PushDesk
from firewall.console.rows import Row
from firewall.core.ids import is_id
from firewall.core.ports import Clock

_QUEUE = 50
"""Calls on one page of the queue."""
_LATELY = 10


class Queue:
    """The handler of the queue."""

    def __init__(
        self,
        pages: Pages,
        *,
        approvals: Approvals,
        clock: Clock,
        channels: Callable[[], Sequence[Health]],
        glass: Glass | None,
        push: PushDesk | None = None,
    ) -> None:
        """`channels` tells how notification channels fare; `glass`: whose uses wait for a review.

        `push`: browsers may be told while their page is closed.
        """
        self._pages = pages
        self._approvals = approvals
        self._clock = clock
        self._channels = channels
        self._glass = glass
        self._push = push

    def rows(self) -> tuple[Row, ...]:
        """Return its routes."""
        return (
            Row("GET", "/", Access.PAGE, self.queue),
            Row("GET", "/console/", Access.PAGE, self.queue),
        )

    async def queue(self, request: Request, asker: Asker) -> Response:
        """Show what waits, to signed-in people."""
        if asker.who is None or asker.session is None:
            return self._pages.sign_in_form(request.url.path)
        now = self._clock.now_us()
        after = request.query_params.get("after", "")
        waiting, is_more = self._approvals.waiting(_QUEUE, after if is_id(after, "apr") else "")
        count, newest = self._approvals.waits(TOLD)
        counter = self._approvals.counter()
        cards = [
            card(
                one,
                now_us=now,
                is_own=bool(one.subject and asker.who.is_called(one.subject.owner)),
                production=self._approvals.rules.production,
                tally=counter.of(one),
            )
            for one in waiting
        ]
        done = [
            (card(one, now_us=now, is_own=False, production=self._approvals.rules.production), one.status.value)
            for one in self._approvals.settled(_LATELY)
        ]
        failing = [one for one in self._channels() if one.last_failure]
        shown = {one.id: one for one in cards}
        batches = [(shown[one.id], count) for one, count in batches_in(waiting)] if asker.who.role in ROLES else []
        offer = self._push.offer(asker.who) if self._push is not None else None
        return self._pages.html(
            "queue.html",
            asker.session,
            headers={"content-security-policy": PUSHING} if offer else {},
            push=offer,
            script=SCRIPT,
            here="/console/",
            cards=cards,
            batches=batches,
            count=max(count, len(cards)),
            newest=newest,
            since=max(now - UNDER_WAY_US, 0),
            is_first=not after,
            older=waiting[-1].id if is_more else "",
            done=done,
            failing=failing,
            reviews=self._glass.unreviewed() if self._glass and may_name(asker.who) else 0,
        )
