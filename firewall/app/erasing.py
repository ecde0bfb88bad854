"""What erases people, wired."""

from firewall.app.base import Base
from firewall.console.erasing.pages import ErasingPages
from firewall.console.erasing.service import Erasing, Parts
from firewall.console.live.feed import Feed
from firewall.sequencer.erasing import ErasureLookup


def erasing_of(base: Base, feed: Feed) -> ErasingPages:
    """Return what erases people; `feed` has calls in memory."""
    installation = base.installation
    return ErasingPages(
        Erasing(
            Parts(base.tokens, base.people, base.links, base.approvals),
            sequencer=installation.writer,
            rows=ErasureLookup(installation.reader, installation.keystore),
            clock=base.clock,
            is_emptied=lambda: installation.writer.is_emptied,
            configured={one.name: one.email for one in base.settings.approver},
            forget=(feed.forget,),
        )
    )
