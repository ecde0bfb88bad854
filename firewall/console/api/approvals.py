"""The JSON API for approvers and programs of the control side (DESIGN 6.4)."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.counting import Counter
from firewall.approvals.people import Approver
from firewall.approvals.permits import refusal_of as no_permit_for
from firewall.approvals.service import Approvals
from firewall.console import shape
from firewall.console.asking import Asker, Doorman, demand_still, read_json
from firewall.console.auth import may_name
from firewall.console.cookies import cookie_of
from firewall.console.paging import paged
from firewall.console.sessions import Cookies, Sessions, with_cookies
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError, AuthError, FirewallError, LimitError, ProtocolError
from firewall.core.ids import is_id
from firewall.core.ports import Clock
from firewall.guard.editing import Editable

LONGEST_WAIT_S = 60
_LISTED = 500
_DECISION: Mapping[str, type] = {"decision": str, "reason": str, "typed": str, "first": bool, "form": int}
_PERMIT: Mapping[str, type] = {"uses": int, "minutes": int}


class Runner(Protocol):
    """Runs what could be done first, or instead of a call."""

    @property
    def editor(self) -> "Editor | None":
        """What takes other forms in place of calls, where anything does."""
        ...

    async def run(self, approval_id: str, number: int, *, by: Approver, typed: str | None = None) -> None:
        """Run the form with this number, from 1, and settle the approval as far as the answer goes.

        `typed`: the name of the resource, where the approval asks for it.
        Raises: ApprovalError where it may not begin; StoreError.
        """
        ...


class Editor(Protocol):
    """Makes new questions of calls that approvers edit."""

    def editable(self, approval: Approval) -> Editable | None:
        """Return what may be edited of a call that waits; None: nothing of it."""
        ...

    async def propose(self, approval_id: str, text: str, *, by: Approver) -> Approval:
        """Deny a call with another form of it, and return that form's approval, or the denied one.

        Raises: ApprovalError where it may not be; StoreError.
        """
        ...


class Around(Protocol):
    """Knows what stands around an approval on its page."""

    async def beside(self, approval: Approval, who: Approver) -> shape.Json:
        """Return it: `compared` (with the `id` of the earlier one, or null), `conversation`, `edit`, and more.

        Raises: StoreError.
        """
        ...


class NoRunner:
    """Where nothing can be run."""

    editor: Editor | None = None

    async def run(self, approval_id: str, number: int, *, by: Approver, typed: str | None = None) -> None:
        """Refuse."""
        del approval_id, number, by, typed
        raise ApprovalError("there is no such form that could be run", code="form_unknown", status=404)


class Api:
    """The handlers of `/api/session` and `/api/approvals…`."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        doorman: Doorman,
        sessions: Sessions,
        clock: Clock,
        runner: Runner,
        around: Around,
    ) -> None:
        self._approvals = approvals
        self._runner = runner
        self._around = around
        self._doorman = doorman
        self._sessions = sessions
        self._clock = clock

    async def sign_in(self, request: Request, asker: Asker) -> Response:
        """Begin a session: `{"name", "passphrase"}` -> cookie and `{"csrf"}`."""
        fields = await read_json(request, {"name": str, "passphrase": str}, required=("name", "passphrase"))
        session, cookies = await self._doorman.sign_in(
            str(fields["name"]), str(fields["passphrase"]), request=request, source=asker.source
        )
        return with_cookies(
            JSONResponse({"name": session.name, "csrf": session.csrf}), self._sessions.headers(cookies)
        )

    async def sign_out(self, request: Request, asker: Asker) -> Response:
        """End the session of the request."""
        if asker.session is None:
            raise ProtocolError("there is no session to end", code="no_session")
        self._sessions.end(cookie_of(request, self._sessions.cookie_name))
        return with_cookies(JSONResponse({"ended": True}), self._sessions.headers(Cookies()))

    async def listing(self, request: Request, _asker: Asker) -> Response:
        """List approvals, newest first, of one `?status=` or of all: 500, and 1 MiB of subjects, at most.

        Where more stand behind them a `Link` leads on, with `?after=ID`.
        """
        wanted = request.query_params.get("status")
        if wanted is not None and wanted not in set(ApprovalStatus):
            raise ProtocolError(f"`{wanted[:40]}` is no status", code="status_invalid")
        now = self._clock.now_us()
        counter = self._approvals.counter()
        after = request.query_params.get("after", "")
        found, last = self._approvals.newest(wanted, _LISTED, after)
        rows = [self._row(one, now, counter) for one in found]
        shown = [one for one in rows if wanted is None or one["status"] == wanted]
        return paged(request, shown, {"after": last} if last else {})

    async def one(self, request: Request, asker: Asker) -> Response:
        """Show one approval; `?wait=s` answers as soon as it is decided, at most after LONGEST_WAIT_S."""
        who = asker.known
        approval = await self._approvals.current(id_of(request))
        wait_s = _wait_s(request)
        if wait_s:
            until_us = self._clock.now_us() + wait_s * 1_000_000
            approval = await self._approvals.wait(approval.id, until_us=until_us)
            demand_still(request)
        may_decide = self._approvals.may_decide(approval, who) is None
        beside = await self._around.beside(approval, who)  # before the entry, which says what is shown
        other = beside["compared"]
        compared = str(other["id"]) if isinstance(other, dict) else ""
        await self._approvals.viewed(approval.id, by=who.name, may_decide=may_decide, beside=compared)
        return JSONResponse(self._detail(approval, who) | beside)

    async def decide(self, request: Request, asker: Asker) -> Response:
        """Record a decision: `{"decision": "approve"|"deny", "reason"?, "typed"?, "uses"? with "minutes"}`."""
        who = asker.known
        approval_id = id_of(request)
        fields = await read_json(request, {**_DECISION, **_PERMIT}, required=("decision",))
        try:
            decision = Decision(str(fields["decision"]))
        except ValueError as error:
            raise ProtocolError("`decision` is `approve` or `deny`", code="decision_invalid") from error
        typed = str(fields["typed"]) if "typed" in fields else None
        if "first" in fields:
            await self._run_first(approval_id, decision, fields, who)
            return JSONResponse(self._detail(self._approvals.get(approval_id), who))
        reason = str(fields.get("reason", ""))
        permit = _permit(fields, decision)
        decided = await self._approvals.decide(
            approval_id, decision, by=who, reason=reason, typed=typed, permit=permit
        )
        return JSONResponse(self._row(decided, self._clock.now_us(), self._approvals.counter()))

    async def withdraw(self, request: Request, asker: Asker) -> Response:
        """Take back what waits or was approved, and what is left of a permit."""
        gone = await self._approvals.withdraw(id_of(request), by=asker.known)
        return JSONResponse(self._row(gone, self._clock.now_us(), self._approvals.counter()))

    async def _run_first(
        self, approval_id: str, decision: Decision, fields: Mapping[str, object], who: Approver
    ) -> None:
        """Have a form of the call run: `"first": true`, and which as `"form"` where it is not the only one."""
        if decision is not Decision.APPROVE or fields["first"] is not True:
            raise ProtocolError("`first` is true, and goes with `approve`", code="decision_invalid")
        number = fields.get("form", 1)
        typed = str(fields["typed"]) if "typed" in fields else None
        await self._runner.run(approval_id, number if isinstance(number, int) else 0, by=who, typed=typed)

    def _row(self, approval: Approval, now_us: int, counter: Counter) -> shape.Json:
        address = self._approvals.rules.address(approval.id)
        return shape.row(approval, now_us=now_us, address=address, tally=counter.of(approval))

    def _detail(self, approval: Approval, who: Approver) -> shape.Json:
        return shape.detail(
            approval,
            now_us=self._clock.now_us(),
            address=self._approvals.rules.address(approval.id),
            standing=standing_of(self._approvals, approval, who),
        )


def standing_of(approvals: Approvals, approval: Approval, who: Approver) -> shape.Standing:
    """Return how far people have come with an approval, and what somebody can do about it."""
    counter = approvals.counter()
    refusal = counter.refusal(approval, who)
    is_open = refusal is None and approval.status is ApprovalStatus.PENDING
    barred = counter.not_approving(approval, who) if is_open else None
    no_permit = no_permit_for(approval, who, approvals.rules.production)
    voters = (*(vote.voter for vote in approval.votes), approval.decided_by) if may_name(who) else ()
    return shape.Standing(counter.of(approval), refusal, barred, no_permit, approvals.called(voters))


def id_of(request: Request) -> str:
    """Return the approval's id of an address. Raises: ApprovalError `approval_unknown` (404)."""
    approval_id = str(request.path_params["id"])
    if not is_id(approval_id, "apr"):
        raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
    return approval_id


def problem(error: FirewallError) -> Response:
    """Return an error as `{"error": {"code", "message"}}`."""
    headers: Mapping[str, str] = {}
    if isinstance(error, LimitError):
        headers = {"retry-after": str(error.retry_after_s)}
    elif isinstance(error, AuthError):
        headers = {"www-authenticate": 'Bearer realm="stayhand"'}
    return JSONResponse(
        {"error": {"code": error.code, "message": error.public}}, error.status, headers=dict(headers)
    )


def _permit(fields: Mapping[str, object], decision: Decision) -> Permit:
    """Return what a decision permits. Raises: ProtocolError `permit_invalid` (400)."""
    uses, minutes = fields.get("uses"), fields.get("minutes")
    if uses is None and minutes is None:
        return ONCE
    if not isinstance(uses, int) or not isinstance(minutes, int) or uses < 2 or decision is not Decision.APPROVE:
        words = "`uses`, at least 2, and `minutes` go together, and with `approve`"
        raise ProtocolError(words, code="permit_invalid")
    return Permit(uses, minutes * 60)


def _wait_s(request: Request) -> int:
    text = request.query_params.get("wait", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ProtocolError("`wait` is a whole number of seconds", code="wait_invalid")
    return min(int(text), LONGEST_WAIT_S)
