"""Beside the decision on an approval: opening what led to a call, and asking for another form of it.

The same for the forms of its page and for the JSON API: one permission, one entry, one way in.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from firewall.approvals.service import Approvals
from firewall.console.api.approvals import Editor, Runner, id_of
from firewall.console.approving.around import Around
from firewall.console.approving.conversation import talk
from firewall.console.approving.showing import ApprovalPages
from firewall.console.asking import Asker, Doorman, SignedOutError, read_form, read_json
from firewall.console.auth import Access
from firewall.console.rows import Row
from firewall.console.shape import row
from firewall.core.errors import ApprovalError, LimitError
from firewall.core.ports import Clock


class Beside:
    """The handlers of these forms."""

    def __init__(
        self,
        shown: ApprovalPages,
        *,
        approvals: Approvals,
        doorman: Doorman,
        runner: Runner,
        around: Around,
        clock: Clock,
    ) -> None:
        self._shown = shown
        self._approvals = approvals
        self._doorman = doorman
        self._runner = runner
        self._around = around
        self._clock = clock

    def rows(self) -> tuple[Row, ...]:
        """Return their routes."""
        return (
            Row("POST", "/approve/{id}/conversation", Access.FORM, self.conversation, needs=Access.LOG),
            Row("POST", "/approve/{id}/edit", Access.FORM, self.edit, needs=Access.DECIDER),
            Row("GET", "/api/approvals/{id}/conversation", Access.LOG, self.offered),
            Row("POST", "/api/approvals/{id}/conversation", Access.LOG, self.read),
            Row("POST", "/api/approvals/{id}/edit", Access.DECIDER, self.propose),
        )

    async def conversation(self, request: Request, asker: Asker) -> Response:
        """Show an approval with what led to it, to whoever may read that; the reading is an entry first.

        Raises: ApprovalError `approval_unknown` (404), `conversation_refused` (403).
        """
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        self._doorman.demand_csrf(asker.session, (await read_form(request)).get("csrf", ""))
        approval_id = id_of(request)
        kept = await self._approvals.conversations.read(self._approvals.get(approval_id), asker.who)
        return await self._shown.show(approval_id, asker.who, asker.session, led=talk(kept))

    async def edit(self, request: Request, asker: Asker) -> Response:
        """Deny a call with another form of it, and go on to the form's own page, where it is answered.

        Raises: ApprovalError `approval_unknown`, `edit_unknown` (404).
        """
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        approval_id, text = id_of(request), fields.get("text", "").replace("\r\n", "\n")
        try:
            found = await self._editor.propose(approval_id, text, by=asker.who)
        except (ApprovalError, LimitError) as error:
            if error.code == "approval_unknown":
                raise
            return await self._shown.show(approval_id, asker.who, asker.session, said=error, wish=text)
        return RedirectResponse(f"/approve/{found.id}", 303)

    async def offered(self, request: Request, asker: Asker) -> Response:
        """Say whether what led to an approval can be opened: `{"id", "state"}`; nothing is opened."""
        approval, who = self._approvals.get(id_of(request)), asker.known
        return JSONResponse({"id": approval.id, "state": self._around.talk(approval, who).state})

    async def read(self, request: Request, asker: Asker) -> Response:
        """Return what led to an approval, to whoever may read that; the reading is an entry first.

        Raises: ApprovalError `approval_unknown`, `conversation_unknown` (404), `conversation_refused` (403).
        """
        approval = self._approvals.get(id_of(request))
        kept = await self._approvals.conversations.read(approval, asker.known)
        return JSONResponse({"id": approval.id, **asdict(talk(kept))})

    async def propose(self, request: Request, asker: Asker) -> Response:
        """Deny a call with another form of it: `{"text"}` -> the form's approval, or the denied one.

        `edits` names the call that was denied; where the policy permits the form without people, it is that one.
        Raises: ApprovalError `approval_unknown`, `edit_unknown` (404), `edit_invalid` (400), `edit_same`,
        `edit_refused` (409) and others of `Edits`; LimitError.
        """
        who, approval_id = asker.known, id_of(request)
        fields = await read_json(request, {"text": str}, required=("text",))
        found = await self._editor.propose(approval_id, str(fields["text"]), by=who)
        address, tally = self._approvals.rules.address(found.id), self._approvals.counter().of(found)
        shown = row(found, now_us=self._clock.now_us(), address=address, tally=tally)
        return JSONResponse({**shown, "edits": approval_id, "instead": found.instead})

    @property
    def _editor(self) -> Editor:
        if self._runner.editor is None:
            raise ApprovalError("no call can be edited here", code="edit_unknown", status=404)
        return self._runner.editor
