"""`/approve/{id}` and `/status/{id}`: one approval, for whoever may decide it, and for the requester's own user.

Whoever looks is recorded before anything is shown.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.channels.port import Trouble
from firewall.approvals.glass import Glass
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.approvals.wanted import size_of
from firewall.console.api.approvals import id_of, standing_of
from firewall.console.approving.around import THREADED_CHARS, Around
from firewall.console.approving.comparing import Compared
from firewall.console.approving.conversation import ABSENT, Talk
from firewall.console.approving.page import page
from firewall.console.approving.texts import whole
from firewall.console.asking import Asker
from firewall.console.auth import Access, may_name
from firewall.console.pages import PASSKEY_SCRIPT, Pages
from firewall.console.proving.stepping import Ways
from firewall.console.rows import Row
from firewall.console.sessions import Session
from firewall.console.shape import rfc3339, status_of, summary_of
from firewall.console.words import STATUS_WORDS
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.errors import ApprovalError, FirewallError
from firewall.core.ids import is_id
from firewall.core.ports import Clock


@dataclass(frozen=True, slots=True)
class _Looking:
    """What a page says beside the approval itself, for whoever looks."""

    seen: Approver
    """As he will stand once he has tapped, where he can."""
    taps: bool
    glass: int
    """How long the reason is at least with which he may approve alone; 0: he may not."""
    decided_by: str
    forms: Mapping[str, object]
    talk: Talk
    review: str
    """Of the break-glass that approved it: `open`, or what was found; empty: none."""
    troubles: Sequence[Trouble]
    """What channels could not tell of it."""
    reads_log: bool
    """The page may lead to what the log has of it."""


class ApprovalPages:
    """The handlers that show one approval."""

    def __init__(
        self,
        pages: Pages,
        *,
        approvals: Approvals,
        clock: Clock,
        around: Around,
        ways: Ways,
        glass: Glass | None,
    ) -> None:
        self._pages = pages
        self._approvals = approvals
        self._clock = clock
        self._around = around
        self._stepping = ways.stepping
        self._passkey_origin = ways.origin
        self._glass = glass

    def rows(self) -> tuple[Row, ...]:
        """Return their routes."""
        return (
            Row("GET", "/approve/{id}", Access.PAGE, self.approval),
            Row("GET", "/approve/{id}/whole/{part}", Access.PAGE, self.whole),
            Row("GET", "/status/{id}", Access.PAGE, self.status),
        )

    async def approval(self, request: Request, asker: Asker) -> Response:
        """Show one approval to signed-in people, and record that they saw it."""
        approval_id = request.path_params["id"]
        if asker.who is None or asker.session is None:
            return self._pages.sign_in_form(f"/approve/{approval_id}")
        return await self.show(approval_id, asker.who, asker.session)

    async def whole(self, request: Request, asker: Asker) -> Response:
        """Return one text of a call as it was intercepted, as a file; the reading is an entry first.

        Raises: ApprovalError `approval_unknown`, `text_unknown` (404); StoreError.
        """
        if asker.who is None or asker.session is None:
            return self._pages.sign_in_form(f"/approve/{request.path_params['id']}")
        return await whole_text(self._approvals, request, asker.who)

    async def status(self, request: Request, asker: Asker) -> Response:
        """Show the requester's own user how an approval stands; nothing is decided there, by nobody.

        Raises: ApprovalError `approval_unknown` (404), also for somebody else's.
        """
        approval_id = request.path_params["id"]
        if asker.who is None or asker.session is None:
            return self._pages.sign_in_form(f"/status/{approval_id}")
        approval = await self._approvals.current(approval_id) if is_id(approval_id, "apr") else None
        subject = approval.subject if approval is not None else None
        if approval is None or subject is None or not asker.who.is_called(subject.owner):
            raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
        await self._approvals.viewed(approval_id, by=asker.who.name)
        title, text = STATUS_WORDS[status_of(approval, self._clock.now_us())]
        return self._pages.html(
            "status.html",
            asker.session,
            id=approval.id,
            title=title,
            text=text,
            summary=summary_of(approval),
            agent=subject.agent,
            reason=approval.reason,
            standing=self._approvals.standing(approval),
            until=rfc3339(approval.expires_at) if approval.status is ApprovalStatus.PENDING else "",
        )

    async def show_by_link(
        self, approval_id: str, who: Approver, code: str, *, said: FirewallError | None = None
    ) -> Response:
        """Show one approval to whom a personal link for it names; forms of the page carry the link's code.

        Raises: ApprovalError `approval_unknown`; StoreError.
        """
        return await self.show(approval_id, who, None, said=said, code=code)

    async def show(
        self,
        approval_id: str,
        who: Approver,
        session: Session | None,
        *,
        said: FirewallError | None = None,
        code: str = "",
        led: Talk = ABSENT,
        wish: str = "",
    ) -> Response:
        """Show one approval; `said`: what went wrong, `led`: what led to it, `wish`: a form as it was typed.

        Raises: ApprovalError `approval_unknown`; StoreError.
        """
        if not is_id(approval_id, "apr"):
            raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
        approval = await self._approvals.current(approval_id)
        may_decide = self._approvals.may_decide(approval, who) is None
        # A long text takes a while, and other calls must not wait for somebody who reads one.
        is_long = size_of(approval.subject) > THREADED_CHARS
        beside = await self._around.compared(approval) if session is not None else None
        await self._approvals.viewed(
            approval_id, by=who.name, may_decide=may_decide, beside=beside.id if beside else ""
        )
        looking = self._looking(approval, who, session, led=led, wish=wish)
        render = partial(self._rendered, approval, looking, session, said=said, compared=beside, code=code)
        return await asyncio.to_thread(render) if is_long else render()

    def _rendered(
        self,
        approval: Approval,
        looking: _Looking,
        session: Session | None,
        *,
        said: FirewallError | None,
        compared: Compared | None,
        code: str,
    ) -> Response:
        """Return the page; a thread may do it."""
        shown = page(
            approval,
            now_us=self._clock.now_us(),
            standing=standing_of(self._approvals, approval, looking.seen),
            decided_by=looking.decided_by,
            production=self._approvals.rules.production,
        )
        needs_script = (looking.taps or looking.glass) and shown.course.is_pending
        return self._pages.html(
            "approval.html",
            session,
            status=said.status if said else 200,
            script=PASSKEY_SCRIPT if needs_script else "",
            page=shown,
            compared=compared,
            talk=looking.talk,
            forms=looking.forms,
            review=looking.review,
            troubles=[(one, rfc3339(one.again_at)) for one in looking.troubles],
            said=said.public if said else "",
            is_mistyped=said is not None and said.code.startswith("typed_"),
            origin=self._passkey_origin if looking.taps else "",
            glass=looking.glass,
            glass_origin=self._passkey_origin,
            link_code=code,
            reads_log=looking.reads_log,
        )

    def _looking(
        self, approval: Approval, who: Approver, session: Session | None, *, led: Talk, wish: str
    ) -> _Looking:
        """Return what is known of whoever looks. Raises: StoreError."""
        taps = approval.obligations.auth == "passkey" and self._stepping is not None and self._stepping.can(who)
        is_own = self._approvals.was_decided_by(approval, who.name)
        return _Looking(
            seen=self._stepping.tapping(who) if taps and self._stepping is not None else who,
            taps=taps,
            glass=self._breaking(approval, who) if session is not None else 0,
            decided_by="you" if is_own else self._approvals.decider(approval),
            forms=self._forms(approval, who if session is not None else None, wish),
            talk=self._around.talk(approval, who) if session is not None and led is ABSENT else led,
            review=self._around.reviewed(approval),
            troubles=self._around.troubles(approval.id) if session is not None else (),
            reads_log=session is not None and may_name(who),
        )

    def _breaking(self, approval: Approval, who: Approver) -> int:
        """Return how long the reason is at least with which somebody may approve alone; 0: he may not."""
        if self._glass is None or self._glass.rules is None or self._stepping is None:
            return 0
        if approval.status is not ApprovalStatus.PENDING or not self._stepping.can(who):
            return 0
        is_barred = self._glass.refusal(approval, self._stepping.tapping(who)) is not None
        return 0 if is_barred else self._glass.rules.min_reason

    def _forms(self, approval: Approval, who: Approver | None, wish: str) -> Mapping[str, object]:
        """Return what the page says of other forms of a call; None: whoever came by a link edits nothing."""
        return {
            "edit": self._around.editable(approval, who) if who is not None else None,
            "wish": wish,
            "edited": approval.subject.edited if approval.subject else "",
            "instead": approval.instead,
        }


async def whole_text(approvals: Approvals, request: Request, who: Approver) -> Response:
    """Return the text of a call that an address names; hidden characters are as they came.

    Raises: ApprovalError `approval_unknown`, `text_unknown` (404); StoreError.
    """
    approval, part = await approvals.current(id_of(request)), str(request.path_params["part"])
    is_number = part.isascii() and part.isdigit() and len(part) < 4
    text = whole(approval.subject, int(part) if is_number else -1)
    await approvals.viewed(approval.id, by=who.name, may_decide=approvals.may_decide(approval, who) is None)
    headers = {"content-disposition": f'attachment; filename="{approval.id}-{int(part)}.txt"'}
    return Response(text.encode("utf-8", "surrogatepass"), media_type="text/plain; charset=utf-8", headers=headers)
