"""What the form on an approval's page sends: a vote, a withdrawal, another form to run, and the tap for one."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from firewall.approvals.glass import Glass
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.codecs.passkeys.ceremony import PasskeyError
from firewall.console.api.approvals import Runner
from firewall.console.approving.showing import ApprovalPages
from firewall.console.asking import Asker, Doorman, SignedOutError, demand_still, read_form
from firewall.console.auth import Access
from firewall.console.proving.stepping import FIELD, GLASS, Stepping, answer_in, said_in
from firewall.console.rows import Row
from firewall.console.sessions import Session
from firewall.core.errors import ApprovalError

WITHDRAW = "withdraw"
"""What the page calls taking an approval back."""


class Decisions:
    """The handlers of answers that a session gives."""

    def __init__(
        self,
        shown: ApprovalPages,
        *,
        approvals: Approvals,
        doorman: Doorman,
        runner: Runner,
        stepping: Stepping | None,
        glass: Glass | None,
    ) -> None:
        """`shown`: the page that follows an answer which could not be taken."""
        self._shown = shown
        self._approvals = approvals
        self._doorman = doorman
        self._runner = runner
        self._stepping = stepping
        self._glass = glass

    def rows(self) -> tuple[Row, ...]:
        """Return their routes; taps have one where passkeys work."""
        tap = Row("POST", "/api/approvals/{id}/passkey", Access.FORM, self.tap_options)
        decide = Row("POST", "/approve/{id}", Access.FORM, self.decide)
        return (decide,) if self._stepping is None else (decide, tap)

    async def decide(self, request: Request, asker: Asker) -> Response:
        """Record a decision; whoever comes second sees what was decided."""
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        approval_id = request.path_params["id"]
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        try:
            who = await self._proven(approval_id, fields, asker.who, asker.session)
            demand_still(request)  # a session that ended while its tap was committed answers nothing
        except PasskeyError as error:
            await self._doorman.refuse(asker.source, error.code)
            return await self._shown.show(approval_id, asker.who, asker.session, said=error)
        if "form" in fields and "decision" not in fields:
            typed = fields.get("typed") or None
            return await self._run_first(approval_id, fields["form"], who, asker.session, typed=typed)
        try:
            if fields.get("decision") == WITHDRAW:
                await self._approvals.withdraw(approval_id, by=who)
            elif fields.get("decision") == GLASS and self._glass is not None:
                typed = fields.get("typed") or None
                await self._glass.use(approval_id, by=who, reason=fields.get("reason", ""), typed=typed)
            else:
                decision, permit = answer_in(fields)
                await self._approvals.decide(
                    approval_id,
                    decision,
                    by=who,
                    reason=fields.get("reason", ""),
                    typed=fields.get("typed") or None,
                    permit=permit,
                )
        except ApprovalError as error:
            if error.code == "approval_unknown":
                raise
            return await self._shown.show(approval_id, asker.who, asker.session, said=error)
        return RedirectResponse(f"/approve/{approval_id}", 303)

    async def _proven(
        self, approval_id: str, fields: Mapping[str, str], who: Approver, session: Session
    ) -> Approver:
        """Return somebody with what he showed for this very answer. Raises: PasskeyError; StoreError."""
        credential = fields.get(FIELD, "")
        if not credential or self._stepping is None:
            return who
        approval = self._approvals.get(approval_id)
        return await self._stepping.proven(approval, said_in(fields), credential, who=who, session=session)

    async def tap_options(self, request: Request, asker: Asker) -> Response:
        """Say what a browser is to sign for one answer to one approval."""
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        approval = self._approvals.get(request.path_params["id"])
        if self._stepping is None or not self._stepping.can(asker.who):
            raise ApprovalError("you have no passkey here: add one first", code="passkey_missing")
        options = await self._stepping.options(
            approval, said_in(fields), who=asker.who, session=asker.session, source=asker.source
        )
        return JSONResponse(options)

    async def _run_first(
        self, approval_id: str, form: str, who: Approver, session: Session, *, typed: str | None
    ) -> Response:
        """Have a form of the call run; its outcome stands on the page."""
        number = int(form) if form.isascii() and form.isdigit() and len(form) < 3 else 0
        try:
            await self._runner.run(approval_id, number, by=who, typed=typed)
        except ApprovalError as error:
            if error.code == "approval_unknown":
                raise
            return await self._shown.show(approval_id, who, session, said=error)
        return RedirectResponse(f"/approve/{approval_id}", 303)
