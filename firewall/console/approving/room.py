"""The room's routes, and what they are built from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firewall.approvals.channels.port import Health, Trouble
from firewall.approvals.glass import Glass
from firewall.approvals.service import Approvals
from firewall.console.api.approvals import Runner
from firewall.console.approving.around import Around
from firewall.console.approving.batching import Batches
from firewall.console.approving.beside import Beside
from firewall.console.approving.deciding import Decisions
from firewall.console.approving.queue import Queue
from firewall.console.approving.showing import ApprovalPages
from firewall.console.approving.waiting import Waiting
from firewall.console.asking import Doorman
from firewall.console.pages import Pages
from firewall.console.proving.stepping import Ways
from firewall.console.pushing.room import PushDesk
from firewall.console.rooms import Frame
from firewall.console.rows import Row
from firewall.core.ports import Clock


def untroubled(_approval_id: str) -> Sequence[Trouble]:
    """Tell that nothing failed, where nobody is told of anything."""
    return ()


@dataclass(frozen=True, slots=True)
class Approving:
    """What the room is given."""

    approvals: Approvals
    clock: Clock
    runner: Runner
    """Runs what could be done first, or instead of a call."""
    channels: Callable[[], Sequence[Health]]
    """How notification channels fare."""
    ways: Ways
    glass: Glass | None
    """Approves alone, where somebody is named for it."""
    push: PushDesk | None = None
    """Browsers may be told while their page is closed."""
    troubles: Callable[[str], Sequence[Trouble]] = untroubled
    """What notification channels could not tell of an approval."""

    @property
    def around(self) -> Around:
        """What knows what stands around an approval."""
        return Around(
            self.approvals, clock=self.clock, runner=self.runner, glass=self.glass, troubles=self.troubles
        )

    def calls(self, pages: Pages) -> ApprovalPages:
        """Return the pages that show one approval."""
        return ApprovalPages(
            pages,
            approvals=self.approvals,
            clock=self.clock,
            around=self.around,
            ways=self.ways,
            glass=self.glass,
        )

    def rows(self, pages: Pages, doorman: Doorman, calls: ApprovalPages) -> tuple[Row, ...]:
        """Return every route of the room."""
        approvals, runner, glass = self.approvals, self.runner, self.glass
        decisions = Decisions(
            calls,
            approvals=approvals,
            doorman=doorman,
            runner=runner,
            stepping=self.ways.stepping,
            glass=glass,
        )
        queue = Queue(
            pages, approvals=approvals, clock=self.clock, channels=self.channels, glass=glass, push=self.push
        )
        return (
            *queue.rows(),
            *calls.rows(),
            *decisions.rows(),
            *Waiting(approvals).rows(),
            *Beside(
                calls, approvals=approvals, doorman=doorman, runner=runner, around=self.around, clock=self.clock
            ).rows(),
            *Batches(approvals, self.clock).rows(Frame(pages, doorman)),
        )
