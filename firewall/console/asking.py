"""One request, read once: body, form, cookie, credential; and the checks that each route's row demands.

INVARIANT: `Doorman.admit` runs before every handler and is the only place where a request becomes somebody.
INVARIANT: a session ends with the account and the passphrase of when it began, also where it begins as these end.
INVARIANT: a body that came slowly is nobody's whose session or token has ended by its last byte.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from starlette.requests import Request

from firewall.approvals.people import Approver, Auth
from firewall.console.auth import ROLES, Access, Authenticator, agent_token_present, needing
from firewall.console.cookies import cookie_of
from firewall.console.multipart import boundary_of, fields_of
from firewall.console.origin import Places
from firewall.console.sessions import Begun, Cookies, Session, Sessions
from firewall.console.throttle import Refusals, Throttle, source_of
from firewall.core.errors import AuthError, FirewallError, LimitError, ProtocolError
from firewall.core.ports import Sequencer
from firewall.core.strict_json import loads_object
from firewall.core.work import Plain, Record, Unit

MAX_BODY_BYTES = 64 * 1024
MAX_NAME_CHARS = 100
MAX_FIELDS = 24
"""Of a form."""
BODY_S = 15.0
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD"})


class ForbiddenError(FirewallError):
    """Known or not, this one may not do this."""

    code = "forbidden"
    status = 403


class SignedOutError(FirewallError):
    """A page that needs a session, asked without one."""

    code = "signed_out"
    status = 401


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as far as the route wanted to know."""

    who: Approver | None
    session: Session | None
    source: str

    @property
    def known(self) -> Approver:
        """Who asks, on a route that wants somebody. Raises: AuthError: the route's row forgot to."""
        if self.who is None:
            raise AuthError(detail="route without a credential")
        return self.who


class Doorman:
    """Turns a request into somebody, or refuses it."""

    def __init__(
        self,
        *,
        places: Places,
        sessions: Sessions,
        authenticator: Authenticator,
        sequencer: Sequencer,
        throttle: Throttle,
        refusals: Refusals,
    ) -> None:
        self._places = places
        self._sessions = sessions
        self._authenticator = authenticator
        self._sequencer = sequencer
        self._throttle = throttle
        self._refusals = refusals
        self._checking = asyncio.Semaphore(2)

    async def admit(self, request: Request, access: Access, needs: Access | None = None) -> Asker:
        """Check a request against its route's row; `needs`: whose roles may have a page or form.

        Raises: ForbiddenError, SignedOutError, AuthError, LimitError.
        """
        if agent_token_present(request.scope["headers"], request.scope.get("query_string", b"")):
            raise ForbiddenError("an agent's token is worth nothing here", code="agent_token_refused")
        source = source_of(request.client.host if request.client else "")
        if access is Access.PUBLIC:
            return Asker(None, None, source)
        if access is Access.SIGN_IN:
            self._demand_same_origin(request)
            return Asker(None, None, source)
        if access in (Access.PAGE, Access.FORM):
            return self._browser(request, access, source, needs)
        return await self._api(request, access, source)

    def session_of(self, request: Request) -> tuple[Session, Approver] | None:
        """Return the live session of a request and its person, who may have been removed meanwhile."""
        session = self._sessions.find(cookie_of(request, self._sessions.cookie_name))
        if session is None:
            return None
        person = self._person_of(session)
        if person is None:
            return None
        # What began a session proves no decision of its own: only a tap or a link for that very decision does.
        auth: Auth = session.begun if session.begun in ("passphrase", "oidc") else "session"
        return session, replace(person, auth=auth, proof_at=session.proof_at)

    def still(self, session: Session, needs: Access) -> bool:
        """Tell whether a session has not ended and its person's role is still enough; asking keeps neither."""
        person = self._person_of(session) if self._sessions.is_live(session) else None
        return person is not None and person.role in ROLES[needs]

    def lasts(self, request: Request, asker: Asker, needs: Access) -> bool:
        """Tell whether whoever was admitted to an API route with this request would be admitted now."""
        if asker.session is not None:
            return self.still(asker.session, needs)
        _, _, text = request.headers.get("authorization", "").partition(" ")
        who = self._authenticator.token(text.strip())
        return who is not None and who.role in ROLES[needs]

    def demand_lasting(self, request: Request, asker: Asker, access: Access, needs: Access | None) -> None:
        """Refuse what was admitted once, and would not be now. Raises: SignedOutError, AuthError."""
        if asker.who is None:
            return
        if access in (Access.PAGE, Access.FORM):
            if asker.session is None or not self.still(asker.session, needs or Access.READER):
                raise SignedOutError("sign in first")
        elif not self.lasts(request, asker, access):
            raise AuthError(detail="token or session ended while its request came")

    def person(self, name: str) -> Approver | None:
        """Return somebody who may sign in."""
        return self._authenticator.person(name)

    def mark(self, name: str) -> str:
        """Return what a session of somebody who begins to show who he is will be held to: `Session.account`."""
        return self._authenticator.mark(name)

    def sign_out(self, name: str) -> None:
        """End somebody's sessions: whoever comes under the same name is another."""
        self._sessions.end_of(name)

    def demand_csrf(self, session: Session, given: str) -> None:
        """Refuse a form or call that does not carry its session's token.

        Raises: ForbiddenError `csrf_refused`.
        """
        if not session.accepts(given):
            raise ForbiddenError("this form is too old, open the page again", code="csrf_refused")

    async def sign_in(
        self, name: str, passphrase: str, *, request: Request, source: str
    ) -> tuple[Session, Cookies]:
        """Verify a passphrase and begin a session; return it and its cookies.

        Raises: LimitError when tried too often; AuthError, counted; the same for every wrong reason; StoreError.
        """
        name = name.strip()[:MAX_NAME_CHARS]
        await self.admit_try(name, source)
        async with self._checking:
            account = self.mark(name)
            person = await asyncio.to_thread(self._authenticator.passphrase, name, passphrase)
        if person is None or account != self.mark(name):  # what was checked may be the passphrase of before
            await self._refusals.note(source, "passphrase")
            raise WrongPassphraseError
        self._throttle.succeeded(name, source)
        return await self.begin(
            person.name, "passphrase", request=request, proof_at=person.proof_at, account=account
        )

    async def admit_try(self, name: str, source: str, way: str = "source") -> None:
        """Take one try at a secret from the buckets of a name (none: empty) and a source at one way to sign in.

        Raises: LimitError, counted; StoreError.
        """
        retry_after_s = self._throttle.admit(name, source, way)
        if retry_after_s:
            await self.refuse(source, "throttled")
            raise LimitError(
                "too many tries, wait a little", retry_after_s=retry_after_s, code="sign_in_throttled"
            )

    def proved(self, source: str, way: str) -> None:
        """Forgive a source the tries at one way: it had what is asked for there."""
        self._throttle.succeeded("", source, way)

    async def refuse(self, source: str, what: str) -> None:
        """Count a refused sign-in. Raises: StoreError."""
        await self._refusals.note(source, what)

    async def begin(
        self, name: str, begun: Begun, *, request: Request, proof_at: int, account: str, passkey: str = ""
    ) -> tuple[Session, Cookies]:
        """Begin a session for somebody who just proved who he is, and record it.

        `proof_at`: `Approver.proof_at`; `account`: `mark` of him from before his proof was waited for.
        Raises: SignedOutError: his account or his passphrase is another by now; StoreError. Then there is none.
        """
        if not account or account != self.mark(name):
            raise SignedOutError("your account was changed meanwhile: sign in again")
        old = cookie_of(request, self._sessions.cookie_name)
        session, cookies = self._sessions.start(
            name, begun=begun, passkey=passkey, proof_at=proof_at, account=account, instead_of=old
        )
        data: dict[str, Plain] = {"via": begun, **({"passkey": passkey} if passkey else {})}
        record = Record(kind="approver.signed_in", data=data, person=name, principal=name)
        try:
            await self._sequencer.submit(Unit(records=(record,)))
        except BaseException:
            self._sessions.end(cookies.shows)
            raise
        return session, cookies

    def _person_of(self, session: Session) -> Approver | None:
        """Return whose session it still is; None, and it ends: he was removed, or has another passphrase."""
        person = self._authenticator.person(session.name)
        if person is None or self.mark(session.name) != session.account:
            self._sessions.drop(session)
            return None
        return person

    def _browser(self, request: Request, access: Access, source: str, needs: Access | None) -> Asker:
        if access is Access.FORM:
            self._demand_same_origin(request)
        found = self.session_of(request)
        if found is None:
            if access is Access.FORM:
                raise SignedOutError("you were signed out, so nothing was changed; sign in and do it again")
            return Asker(None, None, source)
        session, person = found
        if access is Access.FORM:
            self._demand_strict(request, session)
        if needs is not None:
            _demand_role(person, needs)
        return Asker(person, session, source)

    async def _api(self, request: Request, access: Access, source: str) -> Asker:
        who, session = await self._credential(request, source)
        if session is not None and request.method not in _SAFE:
            self._demand_same_origin(request)
            self._demand_strict(request, session)
            self.demand_csrf(session, request.headers.get(CSRF_HEADER, ""))
        _demand_role(who, access)
        return Asker(who, session, source)

    async def _credential(self, request: Request, source: str) -> tuple[Approver, Session | None]:
        given = request.headers.get("authorization")
        if given is None:
            found = self.session_of(request)
            if found is None:
                raise AuthError(detail="neither token nor session")
            return found[1], found[0]
        scheme, _, text = given.partition(" ")
        who = self._authenticator.token(text.strip()) if scheme.lower() == "bearer" else None
        if who is None:
            await self._refusals.note(source, "token")
            raise AuthError(detail="token refused")
        return who, None

    def _demand_strict(self, request: Request, session: Session) -> None:
        if not self._sessions.may_change(session, cookie_of(request, self._sessions.strict_cookie_name)):
            raise ForbiddenError(
                "open the page again and sign in to change anything", code="strict_cookie_missing"
            )

    def _demand_same_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if not self._places.is_same_origin(origin, request.headers.get("sec-fetch-site")):
            raise ForbiddenError("this did not come from our own page", code="origin_refused")


def _demand_role(who: Approver, access: Access) -> None:
    if who.role not in ROLES[access]:
        raise ForbiddenError(needing(access, who.role), code="role_refused")


class WrongPassphraseError(FirewallError):
    """A name or a passphrase is wrong; nobody is told which."""

    code = "passphrase_wrong"
    status = 401

    def __init__(self) -> None:
        super().__init__("the name or the passphrase is wrong")


async def read_body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the whole body, at most so many bytes, within BODY_S seconds, of somebody who still may send it.

    Raises: ProtocolError `body_too_large` (413) or `body_timeout` (408); as `demand_lasting`.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise ProtocolError(f"the body is larger than {most} bytes", code="body_too_large", status=413)
                pieces.append(piece)
    except TimeoutError as error:
        raise ProtocolError("the body took too long", code="body_timeout", status=408) from error
    demand_still(request)
    return b"".join(pieces)


def admitted(request: Request, demand: Callable[[], None]) -> None:
    """Note on a request what is demanded again whenever it was waited for."""
    request.state.demand_lasting = demand


def demand_still(request: Request) -> None:
    """Refuse what was admitted before something was waited for, and would not be now: revoked means at once.

    Raises: as `Doorman.demand_lasting`.
    """
    demand: Callable[[], None] | None = getattr(request.state, "demand_lasting", None)
    if demand is not None:
        demand()


async def read_form(request: Request, upload_bytes: int = 0) -> dict[str, str]:
    """Return the fields of a form; a field that stands twice is refused.

    `upload_bytes`: it may have a file, and be so large; 0: neither.
    Raises: ProtocolError `form_invalid` (400), `body_too_large` (413).
    """
    body = await read_body(request, upload_bytes or MAX_BODY_BYTES)
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type) if upload_bytes else b""
    if boundary:
        pairs = fields_of(body, boundary, MAX_FIELDS)
    elif content_type.partition(";")[0].strip() == "application/x-www-form-urlencoded":
        pairs = _encoded(body)
    else:
        raise ProtocolError("a form is expected", code="form_invalid")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProtocolError("the form has a field twice", code="form_invalid")
    return fields


def _encoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise ProtocolError("the form cannot be read", code="form_invalid") from error


async def read_json(
    request: Request, allowed: Mapping[str, type], *, required: tuple[str, ...] = (), most: int = MAX_BODY_BYTES
) -> dict[str, object]:
    """Return a JSON object that has only `allowed` fields of their types.

    Raises: ProtocolError (400; 415 for another content type).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ProtocolError("send application/json", code="content_type_refused", status=415)
    value = loads_object(await read_body(request, most))
    for name, found in value.items():
        if name not in allowed:
            raise ProtocolError(f"`{name[:60]}` is no field here", code="field_unknown")
        if type(found) is not allowed[name]:
            raise ProtocolError(f"`{name}` has the wrong type", code="field_invalid")
    for name in required:
        if name not in value:
            raise ProtocolError(f"`{name}` is missing", code="field_missing")
    return value
