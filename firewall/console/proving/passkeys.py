"""Passkeys in the browser: sign in with one, register one, see and revoke one's own.

INVARIANT: a passkey is registered only in a session that a passkey or an admin's one-time address began, minutes
ago: whoever learns a passphrase makes no passkey of it.
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from firewall.approvals.people import Approver
from firewall.codecs.passkeys import ceremony
from firewall.codecs.passkeys.ceremony import PasskeyError
from firewall.console.asking import Asker, Doorman, ForbiddenError, SignedOutError, read_form
from firewall.console.pages import PASSKEY_SCRIPT, Pages, own_path
from firewall.console.proving.browsers import Browsers
from firewall.console.proving.challenges import Challenges, Purpose
from firewall.console.sessions import Session, Sessions, with_cookies
from firewall.core.ports import Timer
from firewall.core.proofs import Passkey
from firewall.tokens.passkeys import Passkeys

FRESH_US = 15 * 60 * 1_000_000
PATH = "/console/passkeys"


class PasskeyPages:
    """The handlers of what browsers do with passkeys."""

    def __init__(
        self,
        *,
        passkeys: Passkeys,
        challenges: Challenges,
        browsers: Browsers,
        doorman: Doorman,
        sessions: Sessions,
        pages: Pages,
        clock: Timer,
    ) -> None:
        self._passkeys = passkeys
        self._challenges = challenges
        self._browsers = browsers
        self._doorman = doorman
        self._sessions = sessions
        self._pages = pages
        self._clock = clock

    async def sign_in_options(self, _request: Request, asker: Asker) -> Response:
        """Say what a browser is to sign with any passkey of ours that it has. Raises: LimitError; StoreError."""
        await self._doorman.admit_try("", asker.source, "passkey")
        await self._passkeys.ready()
        key, cookie = self._browsers.begin()
        challenge = self._challenges.issue(Purpose.SIGN_IN, bound=key, source=asker.source)
        answer = JSONResponse(self._passkeys.request(challenge))
        answer.headers.append("set-cookie", cookie)
        return answer

    async def sign_in(self, request: Request, asker: Asker) -> Response:
        """Begin a session for the person whose passkey signed, and go back to the page that was asked for."""
        fields = await read_form(request)
        back = own_path(fields.get("next", ""))
        try:
            used = await self._used(fields.get("credential", ""), self._browsers.known(request))
        except PasskeyError as error:
            await self._doorman.refuse(asker.source, error.code)
            return self._pages.sign_in_form(back, error)
        _, cookies = await self._doorman.begin(
            used.person,
            "passkey",
            request=request,
            proof_at=used.created_at,
            account=self._doorman.mark(used.person),  # `use` has just seen that the passkey is one of this account
            passkey=used.id,
        )
        answered = with_cookies(RedirectResponse(back, 303), self._sessions.headers(cookies))
        answered.headers.append("set-cookie", self._browsers.forget())
        return answered

    async def listing(self, _request: Request, asker: Asker) -> Response:
        """Show a person his own passkeys."""
        if asker.who is None or asker.session is None:
            return self._pages.sign_in_form(PATH)
        rows = [
            {"id": one.id, "label": one.label, "made": _day(one.created_at), "used": _day(one.used_at)}
            for one in self._passkeys.of(asker.who.name)
        ]
        return self._pages.html(
            "passkeys.html",
            asker.session,
            script=PASSKEY_SCRIPT,
            here=PATH,
            rows=rows,
            may_add=self._is_fresh(asker.session),
            origin=self._passkeys.party.origin,
        )

    async def options(self, request: Request, asker: Asker) -> Response:
        """Say what a browser is to make a passkey from."""
        who, session, _ = await self._fields(request, asker)
        self._demand_fresh(session)
        await self._passkeys.ready()
        challenge = self._challenges.issue(Purpose.REGISTER, bound=session.key, source=asker.source)
        return JSONResponse(self._passkeys.creation(who.name, challenge))

    async def register(self, request: Request, asker: Asker) -> Response:
        """Keep the passkey that a browser made."""
        who, session, fields = await self._fields(request, asker)
        self._demand_fresh(session)
        answer = ceremony.read(fields.get("credential", ""))
        challenge = ceremony.challenge_in(answer)
        self._challenges.spend(challenge, Purpose.REGISTER, bound=session.key)
        label = fields.get("label", "")
        await self._passkeys.register(who.name, answer, challenge=challenge, label=label, via=session.begun)
        return RedirectResponse(PATH, 303)

    async def revoke(self, request: Request, asker: Asker) -> Response:
        """Revoke a passkey of one's own; sessions that it began end."""
        who, session, _ = await self._fields(request, asker)
        gone = await self._passkeys.revoke(request.path_params["id"], by=who.name, own=who.name)
        self._sessions.end_of_passkey(gone.id)
        is_out = session.passkey == gone.id
        return RedirectResponse("/console/" if is_out else PATH, 303)

    async def _used(self, credential: str, browser: str) -> Passkey:
        answer = ceremony.read(credential)
        challenge = ceremony.challenge_in(answer)
        self._challenges.spend(challenge, Purpose.SIGN_IN, bound=browser)
        used = await self._passkeys.use(answer, challenge=challenge)
        if self._doorman.person(used.person) is None:
            raise PasskeyError(ceremony.Wrong.UNKNOWN, detail="somebody who may not sign in")
        return used

    async def _fields(self, request: Request, asker: Asker) -> tuple[Approver, Session, dict[str, str]]:
        if asker.who is None or asker.session is None:
            raise SignedOutError("sign in first")
        fields = await read_form(request)
        self._doorman.demand_csrf(asker.session, fields.get("csrf", ""))
        return asker.who, asker.session, fields

    def _is_fresh(self, session: Session) -> bool:
        return session.begun in ("passkey", "link") and session.signed_in.age_us(self._clock) <= FRESH_US

    def _demand_fresh(self, session: Session) -> None:
        if not self._is_fresh(session):
            raise ForbiddenError(
                "sign in again with a passkey, or with a one-time address from an admin, to add a passkey",
                code="passkey_session_refused",
            )


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_us else ""
