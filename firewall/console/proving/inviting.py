"""Who gets a personal link: those whose vote by it would count at this moment, and nobody else."""

from dataclasses import replace

from firewall.approvals.channels.port import Invitation
from firewall.approvals.people import Roster
from firewall.approvals.service import Approvals
from firewall.console.proving.deciding import PATH
from firewall.core.approval import ApprovalStatus
from firewall.core.errors import ApprovalError
from firewall.core.secret import Secret
from firewall.tokens.links import Links, UnknownLinkError


class Inviting:
    """The channels' `Inviter`."""

    def __init__(self, *, links: Links, roster: Roster, public_url: str) -> None:
        self._links = links
        self._roster = roster
        self._address = f"{public_url.rstrip('/')}{PATH}"
        self._approvals: Approvals | None = None

    def begin(self, approvals: Approvals) -> None:
        """Say what the links are for; before that nobody gets any."""
        self._approvals = approvals

    async def invited(self, person: str, approval_id: str) -> Invitation | None:
        """As the port says."""
        by = next((one for one in self._roster.everybody() if one.name == person), None)
        if by is None or self._approvals is None:
            return None
        try:
            approval = self._approvals.get(approval_id)
        except ApprovalError:
            return None
        if approval.status is not ApprovalStatus.PENDING:
            return None
        if self._approvals.may_approve(approval, replace(by, via="link", auth="link")) is not None:
            return None
        made = await self._links.for_decision(
            person, approval=approval.id, digest=approval.digest, until_us=approval.expires_at
        )
        return Invitation(made.link.id, Secret(f"{self._address}#{made.secret.reveal()}"))

    async def withdrawn(self, invitation: Invitation) -> None:
        """As the port says; a link that is over is over."""
        try:
            await self._links.revoke(invitation.id, by="delivery")
        except UnknownLinkError:
            return
