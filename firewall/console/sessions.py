"""Browser sessions, kept on the server and named by a signed cookie.

INVARIANT: a session is only ever made by a sign-in and always under a new random id, so no id that somebody
planted becomes a session; signing out or removing the person ends it on the server.
INVARIANT: two cookies make one session. A Lax one shows pages, so that a link from a chat or a mail works; only
together with a Strict one, which no other site's link or form makes a browser send, is anything changed.
Only hashes of ids are kept: reading our memory's dump gives no cookie.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Literal

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.responses import Response

from firewall.core.moments import Moment
from firewall.core.ports import Timer

LIFE_US = 12 * 3600 * 1_000_000
"""A session ends, whatever happens."""
IDLE_US = 2 * 3600 * 1_000_000
"""A session ends when nobody uses it."""
MAX_PER_PERSON = 10
"""The oldest session of a person makes room."""
_SALT = "stayhand-session"
Begun = Literal["passphrase", "passkey", "oidc", "link"]
"""How a session began; `link`: by a one-time address that an admin gave out."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in."""

    key: str
    """Hash of the id."""
    strict_key: str
    """Hash of the second id, which the Strict cookie carries."""
    name: str
    csrf: str
    signed_in: Moment
    seen: Moment
    begun: Begun = "passphrase"
    passkey: str = ""
    """Id of the passkey that began it."""
    proof_at: int = 0
    """When what began it was made: `Approver.proof_at`."""
    account: str = ""
    """`Authenticator.mark` of its person when he began to show what began it."""

    @property
    def signed_in_at(self) -> int:
        """Unix microseconds, to compare with what is stored."""
        return self.signed_in.wall_us

    @property
    def stands_since(self) -> int:
        """An account that was added, or given a passphrase, later than this has ended the session."""
        return self.proof_at if self.begun == "passphrase" else self.signed_in_at

    def accepts(self, csrf: str) -> bool:
        """Tell whether a CSRF token is this session's."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Cookies:
    """The values of a new session's two cookies; empty ones remove them."""

    shows: str = ""
    changes: str = ""


class Sessions:
    """All live sessions of this process."""

    def __init__(self, *, clock: Timer, is_https: bool, secret: bytes | None = None) -> None:
        """`secret` signs cookies; by default a new one, as sessions do not outlive the process anyway."""
        self._clock = clock
        self._is_https = is_https
        self._signer = URLSafeSerializer(
            secret or secrets.token_bytes(32), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._live: dict[str, Session] = {}

    @property
    def cookie_name(self) -> str:
        """The cookie's name; `__Host-` binds it to this host, https and path / where browsers can do that."""
        return "__Host-stayhand" if self._is_https else "stayhand"

    @property
    def strict_cookie_name(self) -> str:
        """The name of the cookie without which nothing is changed."""
        return f"{self.cookie_name}-strict"

    def start(
        self,
        name: str,
        *,
        begun: Begun = "passphrase",
        passkey: str = "",
        proof_at: int = 0,
        account: str = "",
        instead_of: str = "",
    ) -> tuple[Session, Cookies]:
        """Begin a session for somebody who just proved who he is; return it and its cookies.

        `proof_at`: when what he showed was made; `account`: `Session.account`; `instead_of`: the cookie value that
        the request came with; its session ends.
        """
        self.end(instead_of)
        self._make_room(name)
        shows, changes = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = Moment.of(self._clock)
        session = Session(
            key=_hash(shows),
            strict_key=_hash(changes),
            name=name,
            csrf=secrets.token_urlsafe(32),
            signed_in=now,
            seen=now,
            begun=begun,
            passkey=passkey,
            proof_at=proof_at,
            account=account,
        )
        self._live[session.key] = session
        return session, Cookies(self._signer.dumps(shows), self._signer.dumps(changes))

    def may_change(self, session: Session, strict_cookie: str) -> bool:
        """Tell whether the Strict cookie is this session's."""
        return hmac.compare_digest(self._key(strict_cookie), session.strict_key)

    def find(self, cookie: str) -> Session | None:
        """Return the live session that a cookie names."""
        key = self._key(cookie)
        session = self._live.get(key) if key else None
        if session is None:
            return None
        if self._is_over(session):
            del self._live[session.key]
            return None
        session = replace(session, seen=Moment.of(self._clock))
        self._live[session.key] = session
        return session

    def is_live(self, session: Session) -> bool:
        """Tell whether a session still is one; being asked keeps it no longer."""
        found = self._live.get(session.key)
        return found is not None and not self._is_over(found)

    def end(self, cookie: str) -> None:
        """End the session that a cookie names, if any."""
        key = self._key(cookie)
        if key:
            self._live.pop(key, None)

    def drop(self, session: Session) -> None:
        """End this one."""
        self._live.pop(session.key, None)

    def end_of(self, name: str) -> None:
        """End every session of a person."""
        for session in [one for one in self._live.values() if one.name == name]:
            del self._live[session.key]

    def end_of_passkey(self, passkey: str) -> None:
        """End every session that a passkey began."""
        for session in [one for one in self._live.values() if passkey and one.passkey == passkey]:
            del self._live[session.key]

    def headers(self, cookies: Cookies) -> tuple[str, str]:
        """Return the two Set-Cookie headers."""
        return (
            self._header(self.cookie_name, cookies.shows, "Lax"),
            self._header(self.strict_cookie_name, cookies.changes, "Strict"),
        )

    def _header(self, name: str, value: str, same_site: str) -> str:
        parts = [f"{name}={value}", "Path=/", "HttpOnly", f"SameSite={same_site}"]
        parts.append(f"Max-Age={LIFE_US // 1_000_000 if value else 0}")
        if self._is_https:
            parts.append("Secure")
        return "; ".join(parts)

    def _key(self, cookie: str) -> str:
        if not cookie:
            return ""
        try:
            session_id: object = self._signer.loads(cookie)
        except BadSignature:
            return ""
        return _hash(session_id) if isinstance(session_id, str) else ""

    def _is_over(self, session: Session) -> bool:
        return session.signed_in.age_us(self._clock) > LIFE_US or session.seen.age_us(self._clock) > IDLE_US

    def _make_room(self, name: str) -> None:
        own = sorted((one for one in self._live.values() if one.name == name), key=_last_seen)
        for session in own[: max(0, len(own) - MAX_PER_PERSON + 1)]:
            del self._live[session.key]


def with_cookies(response: Response, headers: tuple[str, str]) -> Response:
    """Return a response with both Set-Cookie headers."""
    for header in headers:
        response.headers.append("set-cookie", header)
    return response


def _last_seen(session: Session) -> int:
    return session.seen.elapsed_us


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
