"""`/console/batch/{id}`: what waits of the kind of one approval, each shown whole, answered with one form.

The form names each approval with the digest that was shown: what changed or came since is not answered by it.
INVARIANT: each has its own vote, digest and entry; one that cannot be answered fails alone, and is told.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.batches import MOST, MOST_BYTES, InBatch, kind_of, refusal_of
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.console.api.approvals import id_of, standing_of
from firewall.console.approving.around import Alike, waiting_alike
from firewall.console.approving.page import page
from firewall.console.approving.parts import Page
from firewall.console.auth import Access
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.shape import summary_of
from firewall.core.approval import Approval, Decision
from firewall.core.errors import ApprovalError, ProtocolError
from firewall.core.ids import is_id
from firewall.core.ports import Clock

PATH = "/console/batch/{id}"
_TAB = Tab("/console/", "Queue", Access.READER)
_MOST_SHOWN = 100 * MOST_BYTES
"""Of a page, for one call: more than a call that is opened here can take, whatever it is made of."""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of one of a batch."""

    id: str
    headline: str
    status: str
    """How it stands now."""
    words: str
    """Why it was not answered; empty: it was."""


class Batches:
    """The handlers of batches."""

    def __init__(self, approvals: Approvals, clock: Clock) -> None:
        self._approvals = approvals
        self._clock = clock

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return their routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            alike = self._found(id_of(request), visitor.who)
            found = alike.found
            for one in found:
                await self._approvals.viewed(one.id, by=visitor.who.name, may_decide=True)
            pages = await asyncio.to_thread(lambda: [self._page(one, visitor.who) for one in found])
            return frame.html(
                "batch.html",
                visitor,
                _TAB,
                id=id_of(request),
                items=pages,
                refusal=self._refusal(found, visitor.who),
                most=MOST,
                more=alike.more,
                unopened=alike.unopened,
            )

        async def answer(request: Request, visitor: Visitor, fields: Fields) -> Response:
            said = await self._answered(id_of(request), fields, visitor.who)
            failed = sum(bool(one.words) for one in said)
            return frame.html(
                "batched.html", visitor, _TAB, status=409 if failed else 200, said=said, failed=failed
            )

        return frame.page(PATH, show, Access.DECIDER), frame.form(PATH, answer, Access.DECIDER)

    def _found(self, approval_id: str, who: Approver) -> Alike:
        """Return what waits of a kind and may be answered by somebody. Raises: ApprovalError."""
        return waiting_alike(self._approvals, self._approvals.get(approval_id), who)

    def _refusal(self, found: Sequence[Approval], who: Approver) -> str:
        """Return why none of these is approved in a batch; empty: they may be."""
        production = self._approvals.rules.production
        return next((words for one in found if (words := refusal_of(one, who, production))), "")

    def _page(self, approval: Approval, who: Approver) -> Page:
        return page(
            approval,
            now_us=self._clock.now_us(),
            standing=standing_of(self._approvals, approval, who),
            decided_by="",
            production=self._approvals.rules.production,
            most=_MOST_SHOWN,
        )

    async def _answered(self, approval_id: str, fields: Mapping[str, str], who: Approver) -> list[Said]:
        """Answer each that the form names, in its order. Raises: ApprovalError; ProtocolError; StoreError."""
        decision = _decision(fields)
        named = {name: digest for name, digest in fields.items() if name.startswith("apr_")}
        if not named or len(named) > MOST or not all(is_id(one, "apr") for one in named):
            raise ProtocolError(f"choose at least one, and at most {MOST}", code="batch_invalid")
        first, said = self._approvals.get(approval_id), []
        for one, digest in named.items():
            batch = InBatch(digest, len(named))
            said.append(
                await self._answer(first, one, decision, who, batch=batch, reason=fields.get("reason", ""))
            )
        return said

    async def _answer(
        self, first: Approval, approval_id: str, decision: Decision, who: Approver, *, batch: InBatch, reason: str
    ) -> Said:
        stands = self._approvals.glance(approval_id)
        if stands is not None and stands[1] > MOST_BYTES:  # no page of a batch showed it
            return Said(
                approval_id, "", stands[0].value, "this is too long for a batch: answer it on its own page"
            )
        try:
            _demand_kind(first, self._approvals.get(approval_id))
            approval = await self._approvals.decide(approval_id, decision, by=who, reason=reason, batch=batch)
        except ApprovalError as error:
            return self._failed(approval_id, error)
        return Said(approval_id, summary_of(approval), approval.status.value, "")

    def _failed(self, approval_id: str, error: ApprovalError) -> Said:
        if error.code == "approval_unknown":
            return Said(approval_id, "", "unknown", error.public)
        approval = self._approvals.get(approval_id)
        return Said(approval_id, summary_of(approval), approval.status.value, error.public)


def _demand_kind(first: Approval, other: Approval) -> None:
    kind = kind_of(first)
    if kind is None or kind_of(other) != kind:
        raise ApprovalError("this is of another kind: answer it by itself", code="batch_other_kind")


def _decision(fields: Mapping[str, str]) -> Decision:
    try:
        return Decision(fields.get("decision", ""))
    except ValueError as error:
        raise ProtocolError("say approve or deny", code="decision_invalid") from error
