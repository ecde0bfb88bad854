"""The browser's side: sign in, queue, one approval, decide. Works without JavaScript.

GET and HEAD change nothing but the log; a decision is a POST from our own page, by a session, with its CSRF token.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from firewall.approvals.batches import batches_in
from firewall.approvals.channels.port import Health
from firewall.approvals.glass import Glass
from firewall.approvals.people import ROLES, Approver
from firewall.approvals.service import Approvals
from firewall.approvals.text import visible
from firewall.approvals.wanted import size_of
from firewall.codecs.passkeys.ceremony import PasskeyError
from firewall.console.api import Runner, standing_of
from firewall.console.asking import (
    Asker,
    Doorman,
    SignedOutError,
    WrongPassphraseError,
    read_form,
)
from firewall.console.auth import may_name
from firewall.console.conversation import ABSENT, Talk, unopened
from firewall.console.differing import Compared, compared
from firewall.console.page import STATUS_WORDS, card, page
from firewall.console.proving.stepping import FIELD, GLASS, Ways, answer_in, said_in
from firewall.console.rows import POLICY, Tab
from firewall.console.sessions import Cookies, Session, Sessions, with_cookies
from firewall.console.shape import rfc3339, status_of, summary_of
from firewall.console.telling import SCRIPT, TOLD, UNDER_WAY_US
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.errors import ApprovalError, FirewallError, LimitError
from firewall.core.ids import is_id
from firewall.core.ports import Clock
from firewall.guard.editing import Editable

_OWN_PATH = re.compile(
    r"/(?:approve|status)/apr_[0-9A-Za-z]{22}|/console/(?!oidc)(?:[a-z]{1,32}(?:/[0-9A-Za-z_-]{1,80}){0,3})?"
)
_STYLE = files("firewall.console").joinpath("static/console.css").read_bytes()
_SCRIPT = files("firewall.console").joinpath("static/passkey.js").read_bytes()
_QUEUE = 50
"""Calls on one page of the queue."""
_LATELY = 10
WITHDRAW = "withdraw"
"""What the page calls taking an approval back."""
PASSKEY_SCRIPT = "passkey.js"
SCRIPTED = f"{POLICY}; script-src 'self'; connect-src 'self'"
"""The policy of pages with a script of ours, and of no others."""
THREADED_CHARS = 20_000
"""Longer calls are rendered in a thread."""


def own_path(text: str) -> str:
    """Return where to go after signing in: one of our own pages, whatever was asked for."""
    return text if _OWN_PATH.fullmatch(text) else "/console/"


class Pages:
    """The handlers of the browser's routes."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        doorman: Doorman,
        sessions: Sessions,
        clock: Clock,
        channels: Callable[[], Sequence[Health]],
        runner: Runner,
        ways: Ways,
        tabs: Sequence[Tab] = (),
        glass: Glass | None = None,
    ) -> None:
        self._glass = glass
        self._tabs = tabs
        self._stepping = ways.stepping
        self._passkey_origin = ways.origin
        self._provider = ways.provider
        self._approvals = approvals
        self._runner = runner
        self._doorman = doorman
        self._sessions = sessions
        self._clock = clock
        self._channels = channels
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("firewall.console", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_finalize,
        )
        self._templates.filters["moment"] = _moment
        self._templates.filters["prose"] = _prose
        self._templates.filters["coded"] = _coded
        self._templates.filters["called"] = _called

    def load(self) -> None:
        """Compile every template, which a page that needs one before does itself; a thread may do it."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    async def style(self, _request: Request, _asker: Asker) -> Response:
        """Serve the one stylesheet."""
        return Response(_STYLE, media_type="text/css", headers={"cache-control": "public, max-age=300"})

    async def script(self, _request: Request, _asker: Asker) -> Response:
        """Serve the one script: for passkeys, and for codes behind `#`."""
        return Response(_SCRIPT, media_type="text/javascript", headers={"cache-control": "public, max-age=300"})

    async def queue(self, request: Request, asker: Asker) -> Response:
        """Show what waits, to signed-in people."""
        if asker.who is None or asker.session is None:
            return self.sign_in_form(request.url.path)
        now = self._clock.now_us()
        after = request.query_params.get("after", "")
        waiting, is_more = self._approvals.waiting(_QUEUE, after if is_id(after, "apr") else "")
        count, newest = self._approvals.waits(TOLD)
        counter = self._approvals.counter()
        cards = [
            card(
                one,
                now_us=now,
                is_own=bool(one.subject and asker.who.is_called(one.subject.owner)),
                production=self._approvals.rules.production,
                tally=counter.of(one),
            )
            for one in waiting
        ]
        done = [
            (card(one, now_us=now, is_own=False, production=self._approvals.rules.production), one.status.value)
            for one in self._approvals.settled(_LATELY)
        ]
        failing = [one for one in self._channels() if one.last_failure]
        shown = {one.id: one for one in cards}
        batches = [(shown[one.id], count) for one, count in batches_in(waiting)] if asker.who.role in ROLES else []
        return self.html(
            "queue.html",
            asker.session,
            script=SCRIPT,
            here="/console/",
            cards=cards,
            batches=batches,
            count=max(count, len(cards)),
            newest=newest,
            since=max(now - UNDER_WAY_US, 0),
            is_first=not after,
            older=waiting[-1].id if is_more else "",
            done=done,
            failing=failing,
            reviews=self._glass.unreviewed() if self._glass and may_name(asker.who) else 0,
        )

    async def approval(self, request: Request, asker: Asker) -> Response:
        """Show one approval to signed-in people, and record that they saw it."""
        approval_id = request.path_params["id"]
        if asker.who is None or asker.session is None:
            return self.sign_in_form(f"/approve/{approval_id}")
        return await self.show(approval_id, asker.who, asker.session)

    def _talk(self, approval: Approval, who: Approver) -> Talk:
        return unopened(self._approvals.conversations.standing(approval, who))

    def _forms(self, approval: Approval, who: Approver | None, wish: str) -> Mapping[str, object]:
        """Return what the page says of other forms of a call; None: whoever came by a link edits nothing."""
        return {
            "edit": self._editable(approval, who) if who is not None else None,
            "wish": wish,
            "edited": approval.subject.edited if approval.subject else "",
            "instead": approval.instead,
        }

    def _editable(self, approval: Approval, who: Approver) -> Editable | None:
        """Return what somebody may edit of a call; None: nothing, or it is not his to."""
        try:
            self._approvals.edits.demand_may(approval, who)
        except ApprovalError:
            return None
        return self._runner.editor.editable(approval) if self._runner.editor is not None else None

    async def status(self, request: Request, asker: Asker) -> Response:
        """Show the requester's own user how an approval stands; nothing is decided there, by nobody.

        Raises: ApprovalError `approval_unknown` (404), also for somebody else's.
        """
        approval_id = request.path_params["id"]
        if asker.who is None or asker.session is None:
            return self.sign_in_form(f"/status/{approval_id}")
        approval = await self._approvals.current(approval_id) if is_id(approval_id, "apr") else None
        subject = approval.subject if approval is not None else None
        if approval is None or subject is None or not asker.who.is_called(subject.owner):
            raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
        await self._approvals.viewed(approval_id, by=asker.who.name)
        title, text = STATUS_WORDS[status_of(approval, self._clock.now_us())]
        return self.html(
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

    async def decide(self, request: Request, asker: Asker) -> Response:
        """Record a decision; whoever comes second sees what was decided."""
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        approval_id = request.path_params["id"]
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        try:
            who = await self._proven(approval_id, fields, asker.who, asker.session)
        except PasskeyError as error:
            await self._doorman.refuse(asker.source, error.code)
            return await self.show(approval_id, asker.who, asker.session, said=error)
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
            return await self.show(approval_id, asker.who, asker.session, said=error)
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
            return await self.show(approval_id, who, session, said=error)
        return RedirectResponse(f"/approve/{approval_id}", 303)

    async def sign_in(self, request: Request, asker: Asker) -> Response:
        """Begin a session and go back to the page that was asked for."""
        fields = await read_form(request)
        back = own_path(fields.get("next", ""))
        try:
            _, cookies = await self._doorman.sign_in(
                fields.get("name", ""),
                fields.get("passphrase", "").strip(),
                request=request,
                source=asker.source,
            )
        except (WrongPassphraseError, LimitError) as error:
            return self.sign_in_form(back, error)
        return with_cookies(RedirectResponse(back, 303), self._sessions.headers(cookies))

    async def sign_out(self, request: Request, asker: Asker) -> Response:
        """End the session."""
        if asker.session is not None:
            self._doorman.demand_csrf(asker.session, (await read_form(request)).get("csrf", ""))
            self._sessions.end(request.cookies.get(self._sessions.cookie_name, ""))
        return with_cookies(RedirectResponse("/console/", 303), self._sessions.headers(Cookies()))

    def sign_in_form(self, back: str, error: FirewallError | None = None) -> Response:
        """Return the sign-in page: the same for every approval, whether it exists or not."""
        headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, LimitError) else {}
        return self.html(
            "signin.html",
            None,
            status=error.status if error else 200,
            headers=headers,
            script=PASSKEY_SCRIPT if self._passkey_origin else "",
            back=own_path(back),
            error=error.public if error else "",
            origin=self._passkey_origin,
            provider=self._provider,
        )

    def problem(self, request: Request, error: FirewallError) -> Response:
        """Return an error as a page; somebody signed out gets the sign-in form."""
        if isinstance(error, SignedOutError):
            return self.sign_in_form(request.url.path, error)
        headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, LimitError) else {}
        # An agent's token in a request makes it an agent's: the browser's session is not looked at beside it.
        found = None if error.code == "agent_token_refused" else self._doorman.session_of(request)
        session = found[0] if found else None
        return self.html(
            "message.html", session, status=error.status, headers=headers, title=error.public, code=error.code
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
        beside = await self._beside(approval) if session is not None else None
        await self._approvals.viewed(
            approval_id, by=who.name, may_decide=may_decide, beside=beside.id if beside else ""
        )
        taps = approval.obligations.auth == "passkey" and self._stepping is not None and self._stepping.can(who)
        seen = self._stepping.tapping(who) if taps and self._stepping is not None else who
        glass = self._breaking(approval, who) if session is not None else 0
        is_own = self._approvals.was_decided_by(approval, who.name)
        decided_by = "you" if is_own else self._approvals.decider(approval)
        forms = self._forms(approval, who if session is not None else None, wish)
        talk = self._talk(approval, who) if session is not None and led is ABSENT else led

        def render() -> Response:
            shown = page(
                approval,
                now_us=self._clock.now_us(),
                standing=standing_of(self._approvals, approval, seen),
                decided_by=decided_by,
                production=self._approvals.rules.production,
            )
            status = said.status if said else 200
            return self.html(
                "approval.html",
                session,
                status=status,
                script=PASSKEY_SCRIPT if (taps or glass) and shown.course.is_pending else "",
                page=shown,
                compared=beside,
                talk=talk,
                forms=forms,
                said=said.public if said else "",
                origin=self._passkey_origin if taps else "",
                glass=glass,
                glass_origin=self._passkey_origin,
                link_code=code,
            )

        return await asyncio.to_thread(render) if is_long else render()

    def _breaking(self, approval: Approval, who: Approver) -> int:
        """Return how long the reason is at least with which somebody may approve alone; 0: he may not."""
        if self._glass is None or self._glass.rules is None or self._stepping is None:
            return 0
        if approval.status is not ApprovalStatus.PENDING or not self._stepping.can(who):
            return 0
        is_barred = self._glass.refusal(approval, self._stepping.tapping(who)) is not None
        return 0 if is_barred else self._glass.rules.min_reason

    async def _beside(self, approval: Approval) -> Compared | None:
        """Return how an approval differs from the last of its kind, before the entry that says what is shown."""
        earlier = self._approvals.earlier(approval)
        compare = partial(compared, approval, earlier, now_us=self._clock.now_us())
        is_long = any(size_of(one.subject) > THREADED_CHARS for one in (approval, *earlier))
        return await asyncio.to_thread(compare) if is_long else compare()

    def _tabs_of(self, session: Session | None) -> Sequence[Tab]:
        person = self._doorman.person(session.name) if session is not None else None
        return [tab for tab in self._tabs if tab.is_for(person.role)] if person is not None else ()

    def html(
        self,
        name: str,
        session: Session | None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        script: str = "",
        here: str = "",
        **context: object,
    ) -> Response:
        """Return a page of a template, for a session or for nobody.

        `script`: the one script that it loads, `/console/NAME.js`; `here`: the path of the tab that it is under.
        """
        has_passkeys = bool(self._passkey_origin)
        body = self._templates.get_template(name).render(
            session=session,
            script=script,
            here=here,
            tabs=self._tabs_of(session),
            has_passkeys=has_passkeys,
            **context,
        )
        policy = {"content-security-policy": SCRIPTED} if script else {}
        return HTMLResponse(body, status, headers={**policy, **(headers or {})})


def _finalize(value: object) -> object:
    # Every string on a page goes through here, so that none with a hidden character can be forgotten.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _prose(text: str) -> Markup:
    """Show a sentence of ours: its first letter large, code between backticks, hidden characters spelled out."""
    plain = visible(text)
    return _coded(plain[:1].upper() + plain[1:])


def _coded(text: str) -> Markup:
    """Show a text of ours: code between backticks, hidden characters spelled out."""
    plain = visible(text)
    parts = plain.split("`")
    if len(parts) % 2 == 0:  # a name with a backtick in it: nothing is guessed
        return escape(plain)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _called(status: str) -> str:
    """Return what a status is called on the approval's own page."""
    return "waiting" if status == ApprovalStatus.PENDING else STATUS_WORDS[ApprovalStatus(status)][0].lower()


def _moment(text: str) -> str:
    return text.replace("T", " ").replace("Z", " UTC")
