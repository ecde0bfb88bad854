"""`/console/reviews` and `/api/reviews`: uses of break-glass, and what another person says of them.

Reading what was sealed is an entry first; a review is one by itself.

INVARIANT: a card whose call was not opened has no form: it leads to itself, opened alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from firewall.approvals.people import Approver
from firewall.approvals.reviewing import MIN_NOTE, Reviews
from firewall.approvals.service import Approvals
from firewall.console.asking import Asker, read_json
from firewall.console.auth import Access
from firewall.console.marked import spell_out
from firewall.console.paging import paged, skip_of
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.shape import rfc3339, summary_of
from firewall.console.tokens.words import ago
from firewall.core.approval import Approval
from firewall.core.errors import ApprovalError, FirewallError, ProtocolError
from firewall.core.glass import Finding, GlassUse
from firewall.core.ids import is_id
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Record, Unit

PATH, API = "/console/reviews", "/api/reviews"
OPEN, CLOSED = 50, 20
"""Shown on the page."""
TOO_LONG = "This call is too long to be opened in a list: its own page shows it"


@dataclass(frozen=True, slots=True)
class Card:
    """One use as it is shown."""

    id: str
    opened: bool
    """The call was read; else neither its sentence nor who asked is known here."""
    headline: str
    environment: str
    effects: tuple[str, ...]
    requester: str
    by: str
    at: str
    ago: str
    reason: str
    asked: str
    """What the rows ask of people."""
    status: str
    """What became of the approval."""
    refusal: str
    """Why whoever looks cannot review it; empty: he can."""
    finding: str
    note: str
    reviewer: str
    reviewed_at: str


class ReviewRoom:
    """The room of the page and its JSON."""

    tab = Tab(PATH, "Reviews", Access.LOG)

    def __init__(self, reviews: Reviews, approvals: Approvals, *, sequencer: Sequencer, clock: Clock) -> None:
        self._reviews = reviews
        self._approvals = approvals
        self._sequencer = sequencer
        self._clock = clock

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            return await self._page(frame, visitor, skip=skip_of(request), only=_open_in(request))

        async def change(request: Request, visitor: Visitor, fields: Fields) -> Response:
            try:
                await self._review(request, fields, visitor.who)
            except ApprovalError as error:
                return await self._page(frame, visitor, error, only=_open_in(request))
            return RedirectResponse(PATH, 303)

        return (
            frame.page(PATH, show, self.tab.needs),
            frame.form(f"{PATH}/{{id}}", change, self.tab.needs),
            Row("GET", API, Access.LOG, self._listing),
            Row("POST", f"{API}/{{id}}", Access.LOG, self._answer),
        )

    async def _page(
        self,
        frame: Frame,
        visitor: Visitor,
        error: FirewallError | None = None,
        *,
        skip: int = 0,
        only: str = "",
    ) -> Response:
        """Return the page; `skip`: how many of the newest reviews are left out; `only`: the one that is shown.

        Raises: ApprovalError `review_unknown` (404): `only` has none; StoreError.
        """
        await self._read(visitor.who)
        waiting, closed = self._alone(only) if only else (self._reviews.open(OPEN), self._closed(skip))
        shown = (*waiting, *closed[:CLOSED])
        calls = {only: self._whole(only)} if only else self._approvals.each(one.approval for one in shown)
        return frame.html(
            "reviews.html",
            visitor,
            self.tab,
            status=error.status if error else 200,
            said=error.public if error else "",
            open=[self._card(one, visitor.who, calls[one.approval]) for one in waiting],
            count=self._reviews.count(),
            closed=[self._card(one, visitor.who, calls[one.approval]) for one in closed[:CLOSED]],
            only=only,
            earlier=skip + CLOSED if len(closed) > CLOSED else 0,
            is_newest=not skip,
            findings=[one.value for one in Finding],
            min_note=MIN_NOTE,
        )

    def _closed(self, skip: int) -> Sequence[GlassUse]:
        return self._reviews.closed(CLOSED + 1, skip)

    def _alone(self, approval_id: str) -> tuple[Sequence[GlassUse], Sequence[GlassUse]]:
        """Return one use, among those that wait or those that were reviewed. Raises: ApprovalError 404."""
        use = self._reviews.of(approval_id) if is_id(approval_id, "apr") else None
        if use is None:
            raise _unknown()
        return ((use,), ()) if use.is_open else ((), (use,))

    def _whole(self, approval_id: str) -> tuple[Approval, bool]:
        """Return one call opened, however long it is: nothing is opened beside it."""
        return self._approvals.get(approval_id), True

    async def _listing(self, request: Request, asker: Asker) -> Response:
        """List uses: those that wait, oldest first; with `?status=reviewed` the others, newest first.

        OPEN at a time; where there are others a `Link` leads on, with `?skip=N`.
        """
        who, status = asker.known, request.query_params.get("status", "open")
        if status not in ("open", "reviewed"):
            raise ProtocolError("`status` is `open` or `reviewed`", code="status_invalid")
        skip = skip_of(request)
        await self._read(who)
        read = self._reviews.open if status == "open" else self._reviews.closed
        found = read(OPEN + 1, skip)
        calls = self._approvals.each(one.approval for one in found[:OPEN])
        rows = [self._row(one, who, calls[one.approval]) for one in found[:OPEN]]
        return paged(request, rows, {"skip": str(skip + OPEN)} if len(found) > OPEN else {})

    async def _answer(self, request: Request, asker: Asker) -> Response:
        """Review a use: `{"finding": "justified"|"unjustified", "note"}`."""
        who = asker.known
        wish = await read_json(request, {"finding": str, "note": str}, required=("finding", "note"))
        use = await self._review(request, {name: str(value) for name, value in wish.items()}, who)
        return JSONResponse(self._row(use, who, self._whole(use.approval)))

    async def _review(self, request: Request, fields: Mapping[str, str], who: Approver) -> GlassUse:
        approval_id = str(request.path_params["id"])
        if not is_id(approval_id, "apr"):
            raise _unknown()
        try:
            finding = Finding(fields.get("finding", ""))
        except ValueError as error:
            raise ProtocolError("`finding` is `justified` or `unjustified`", code="finding_invalid") from error
        return await self._reviews.review(approval_id, finding, by=who, note=fields.get("note", ""))

    async def _read(self, who: Approver) -> None:
        """Record a look before anything is shown. Raises: StoreError."""
        record = Record(
            kind="audit.read",
            data={"what": "reviews"},
            person=who.name,
            principal=who.name,
            private={"name": who.name},
        )
        await self._sequencer.submit(Unit(records=(record,)))

    def _card(self, use: GlassUse, who: Approver, call: tuple[Approval, bool]) -> Card:
        approval, is_opened = call
        subject, refusal = approval.subject, self._reviews.refusal(use, approval, who)
        return Card(
            id=approval.id,
            opened=is_opened,
            headline=spell_out(summary_of(approval)) if is_opened else TOO_LONG,
            environment=spell_out(approval.environment),
            effects=approval.effects,
            requester=spell_out(f"{subject.agent} for {subject.owner}") if subject else "",
            by=self._named(use.by),
            at=rfc3339(use.at),
            ago=ago(use.at, self._clock.now_us()),
            reason=spell_out(use.reason) or "no longer readable",
            asked=spell_out(approval.obligations.text()),
            status=approval.status.value,
            refusal=refusal.public if refusal else "",
            finding=use.finding.value if use.finding else "",
            note=spell_out(use.note),
            reviewer=self._named(use.reviewer) if use.reviewer else "",
            reviewed_at=rfc3339(use.reviewed_at),
        )

    def _row(self, use: GlassUse, who: Approver, call: tuple[Approval, bool]) -> dict[str, object]:
        approval, is_opened = call
        shown = self._card(use, who, call)
        return {
            "id": shown.id,
            "opened": shown.opened,
            "status": "open" if use.is_open else "reviewed",
            "by": shown.by,
            "at": shown.at,
            "reason": use.reason,
            "summary": summary_of(approval) if is_opened else TOO_LONG,
            "environment": shown.environment,
            "effects": list(shown.effects),
            "approval": shown.status,
            "may_review": use.is_open and shown.opened and not shown.refusal,
            "finding": shown.finding,
            "note": use.note,
            "reviewer": shown.reviewer,
            "reviewed_at": shown.reviewed_at,
        }

    def _named(self, pseudonym: str) -> str:
        """Return the name of an account that is still listed, else the log's pseudonym."""
        person = self._approvals.counter().called(pseudonym)
        return person.name if person is not None else pseudonym


def _open_in(request: Request) -> str:
    """Return whose card is to be opened alone, as `?open=` says; empty: none."""
    return request.query_params.get("open", "")


def _unknown() -> ApprovalError:
    return ApprovalError("there is no such review", code="review_unknown", status=404)
