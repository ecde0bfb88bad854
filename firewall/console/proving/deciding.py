"""Personal links that decide one approval without a session, where a policy row says `auth=link`.

The code stands behind `#`, which browsers send to nobody; the script puts it into a form, or it is pasted. One
form shows the call, a second one decides it. INVARIANT: GET and HEAD know no code: whatever opens links sees
nothing and decides nothing. INVARIANT: the link is used up by the commit that holds the vote, or not at all.
INVARIANT: a link that is wrong, used, revoked, too old or for what waits no more gets one and the same answer.
"""

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.people import Approver, refusal_of
from firewall.approvals.service import Approvals
from firewall.console.approving.showing import ApprovalPages
from firewall.console.asking import Asker, Doorman, read_form
from firewall.console.pages import PASSKEY_SCRIPT, Pages
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.errors import ApprovalError, FirewallError, LimitError, ProtocolError
from firewall.core.proofs import Link, LinkUse
from firewall.tokens.links import LinkError, Links

PATH = "/decide"
_WAY = "decision_link"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a good code stands for."""

    link: Link
    approval: Approval
    who: Approver
    code: str


class DecisionLinks:
    """The handlers of personal links that decide."""

    def __init__(
        self, *, links: Links, approvals: Approvals, doorman: Doorman, pages: Pages, calls: ApprovalPages
    ) -> None:
        """`calls`: shows the call that a link is for."""
        self._links = links
        self._approvals = approvals
        self._doorman = doorman
        self._pages = pages
        self._calls = calls

    async def show(self, _request: Request, _asker: Asker) -> Response:
        """Show the form for a code; the same for every code, and for none."""
        return self._form()

    async def answer(self, request: Request, asker: Asker) -> Response:
        """Show the call that a code is for, or decide it where the form says how."""
        fields = await read_form(request)
        try:
            await self._doorman.admit_try("", asker.source, _WAY)
            shown = await self._shown(fields.get("code", "").strip())
            self._doorman.proved(asker.source, _WAY)
            if "decision" not in fields:
                return await self._calls.show_by_link(shown.approval.id, shown.who, shown.code)
            return await self._decide(shown, fields)
        except LimitError as error:
            return self._form(error, {"retry-after": str(error.retry_after_s)})
        except LinkError as error:
            await self._doorman.refuse(asker.source, "link")
            return self._form(error)

    async def _shown(self, code: str) -> _Shown:
        """Find what a code is for; this changes nothing. Raises: LinkError; StoreError."""
        link = self._links.look(code, LinkUse.DECIDE)
        person = self._doorman.person(link.person)
        try:
            approval = await self._approvals.current(link.approval)
        except ApprovalError as error:
            raise LinkError from error
        if person is None or approval.status is not ApprovalStatus.PENDING or approval.digest != link.digest:
            raise LinkError
        rules = self._approvals.rules
        refusal = refusal_of(approval, person, solo=rules.solo, production=rules.production)
        if refusal is not None and refusal.code == "approver_not_permitted":
            raise LinkError  # he lost the role or the group since, and is shown nothing any more
        return _Shown(link, approval, replace(person, via="link", auth="link"), code)

    async def _decide(self, shown: _Shown, fields: dict[str, str]) -> Response:
        """Vote and use the link up. Raises: LinkError; ProtocolError; StoreError."""
        try:
            decision = Decision(fields["decision"])
        except ValueError as error:
            raise ProtocolError("say approve or deny", code="decision_invalid") from error
        try:
            now = await self._approvals.decide(
                shown.approval.id,
                decision,
                by=shown.who,
                reason=fields.get("reason", ""),
                typed=fields.get("typed") or None,
                spending=self._links.spending(shown.link),
            )
        except ApprovalError as error:
            if error.code == "proof_spent":
                raise LinkError from error
            return await self._calls.show_by_link(shown.approval.id, shown.who, shown.code, said=error)
        done = f"Your vote is in: this call is {now.status.value}"
        if now.status is ApprovalStatus.PENDING:
            done = f"Your vote is in, and others have to agree: {self._approvals.standing(now)}"
        return self._form(done=done)

    def _form(
        self, error: FirewallError | None = None, headers: dict[str, str] | None = None, *, done: str = ""
    ) -> Response:
        return self._pages.html(
            "decide.html",
            None,
            script="" if done else PASSKEY_SCRIPT,
            status=error.status if error else 200,
            headers=headers,
            error=error.public if error else "",
            done=done,
        )
