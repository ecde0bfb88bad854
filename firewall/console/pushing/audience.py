"""Whose browsers are told of what: those who may answer at this moment, and nobody who lost that right."""

from collections.abc import Sequence

from firewall.approvals.people import ROLES, Approver, Roster
from firewall.approvals.service import Approvals
from firewall.core.errors import ApprovalError
from firewall.core.notice import Alert, Message
from firewall.core.push import PushBrowser
from firewall.tokens.pushes import Ended, PushError, Pushes

SELF = "stayhand"
"""Who ends what nobody ends by hand."""


class Readers:
    """The push channel's `Audience`."""

    def __init__(self, pushes: Pushes, roster: Roster, groups: Sequence[str] = ()) -> None:
        """`groups`: whose channel it is; empty: everybody's who decides."""
        self._pushes = pushes
        self._roster = roster
        self._groups = frozenset(groups)
        self._approvals: Approvals | None = None

    def begin(self, approvals: Approvals) -> None:
        """Say what they are told of; before that nobody is told of a call."""
        self._approvals = approvals

    async def browsers(self, message: Message) -> Sequence[PushBrowser]:
        """As the port says; a browser whose person decides nothing any more is forgotten."""
        known = self._pushes.listing()
        if not known:
            return ()
        deciding = {one.name: one for one in self._roster.everybody() if one.role in ROLES}
        for browser in known:
            if browser.person not in deciding:
                await self._end(browser, Ended.RIGHT_LOST)
        told = {name for name, one in deciding.items() if self._concerns(message, one)}
        return [browser for browser in known if browser.person in told]

    async def gone(self, browser: PushBrowser) -> None:
        """As the port says."""
        await self._end(browser, Ended.GONE)

    async def _end(self, browser: PushBrowser, why: Ended) -> None:
        try:
            await self._pushes.end(browser.id, why, by=SELF)
        except PushError:  # its owner was faster
            return

    def _concerns(self, message: Message, one: Approver) -> bool:
        if isinstance(message, Alert):
            return self._heeds(message, one)
        return not one.is_away and self._is_here(one) and self._may_answer(message.notice.id, one)

    def _heeds(self, alert: Alert, one: Approver) -> bool:
        more = frozenset(alert.groups if alert.is_for_all else ())
        is_everybodys = not self._groups or (alert.is_for_all and not more)
        return is_everybodys or not (self._groups | more).isdisjoint(one.groups)

    def _is_here(self, one: Approver) -> bool:
        lent = (group for other in one.speaks_for for group in other.groups)
        return not self._groups or not self._groups.isdisjoint((*one.groups, *lent))

    def _may_answer(self, approval_id: str, one: Approver) -> bool:
        if self._approvals is None:
            return False
        try:
            approval = self._approvals.get(approval_id)
        except ApprovalError:
            return False
        return self._approvals.counter().refusal(approval, one) is None
