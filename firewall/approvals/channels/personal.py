"""Mail to each of a few people alone, with a link of his own where one decides.

INVARIANT: a personal link is in one mail, to the one address of its person, which no other account has: never in a
message of any other channel, never in a mail that somebody else gets as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firewall.approvals.channels.mail import Mail
from firewall.approvals.channels.port import Inviter, Mailbox, NotDeliveredError, failure_of
from firewall.core.notice import Message, Notice, Opened, Reminded

MAX_UNDER_WAY = 1_000
"""Messages that reached some and not all, of which it is known whom."""


@dataclass(slots=True)
class _Round:
    """One message on its way to everybody."""

    message: Message
    reached: set[str] = field(default_factory=set)


class PersonalMail:
    """Writes to everybody alone; a try that reached some is gone on with at the others."""

    def __init__(self, *, mail: Mail, boxes: Callable[[], Sequence[Mailbox]], inviter: Inviter) -> None:
        self._mail = mail
        self._boxes = boxes
        self._inviter = inviter
        self._rounds: dict[str, _Round] = {}
        """By the id of the approval."""

    async def send(self, message: Message) -> None:
        """Write to everybody who was not reached yet. Raises: NotDeliveredError, FirewallError."""
        if not isinstance(message, Opened | Reminded) or not message.notice.may_be_answered_outside:
            await self._mail.send(message)
            return
        boxes = tuple(self._boxes())
        if not boxes:
            raise NotDeliveredError("no_recipient")
        under_way = self._under_way(message, message.notice)
        failure: NotDeliveredError | None = None
        for box in boxes:
            if box.person in under_way.reached:
                continue
            try:
                await self._write(message, message.notice, box)
            except Exception as error:  # noqa: BLE001 - one whom no mail reaches keeps it from no other
                failure = failure_of(error)
            else:
                under_way.reached.add(box.person)
        if failure is not None:
            raise failure
        self._rounds.pop(message.notice.id, None)

    async def aclose(self) -> None:
        """Let go of what the mail keeps open."""
        await self._mail.aclose()

    async def _write(self, message: Message, notice: Notice, box: Mailbox) -> None:
        """Write to one person. Raises: NotDeliveredError, FirewallError."""
        invitation = await self._inviter.invited(box.person, notice.id)
        if invitation is None:
            await self._mail.hand_in(message, (box.address,))
            return
        try:
            await self._mail.hand_in(message, (box.address,), link=invitation.address.reveal())
        except BaseException:
            # FAIL-CLOSED: a mail whose handing in failed may be anywhere; the next try brings another link.
            await self._inviter.withdrawn(invitation)
            raise

    def _under_way(self, message: Message, notice: Notice) -> _Round:
        known = self._rounds.get(notice.id)
        if known is not None and known.message is message:
            return known
        if len(self._rounds) >= MAX_UNDER_WAY:
            self._rounds.pop(next(iter(self._rounds)))
        self._rounds[notice.id] = _Round(message)
        return self._rounds[notice.id]
