"""What authorization servers answer: tokens, registrations, errors, and what comes back with a person's browser.

RFC 6749, RFC 7591, RFC 9207. INVARIANT: no error of ours holds a token, a code or a secret.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl

from firewall.core import strict_json
from firewall.core.errors import ProtocolError
from firewall.core.secret import Secret

_MOST_TOKEN_CHARS = 8192
_MOST_QUERY_CHARS = 16_384
_MOST_LIFE_S = 365 * 24 * 3600
_TOKEN = re.compile(r"[\x21-\x7e]+")
_WORDS = frozenset(
    {
        "access_denied",
        "consent_required",
        "invalid_client",
        "invalid_client_metadata",
        "invalid_grant",
        "invalid_redirect_uri",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)
"""Errors as the specifications name them; others could be anything, also what we sent."""
_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"\\]{0,2048})"')


_OTHER = "another error"


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens that were given to us."""

    access: Secret
    refresh: Secret
    """Empty: none, or the old one stays."""
    life_s: int
    """0: it was not said."""
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """Who we are at an authorization server that registered us."""

    id: str
    secret: Secret
    authentication: str


def issued(raw: bytes) -> Issued:
    """Read a successful answer of a token endpoint. Raises: ProtocolError (upstream)."""
    said = _object(raw)
    if str(said.get("token_type", "")).lower() != "bearer":
        raise _bad("it issues no bearer tokens")
    life = said.get("expires_in", 0)
    if isinstance(life, str) and life.isdigit():
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, int) or life < 0:
        raise _bad("`expires_in` is no number")
    scope = said.get("scope", "")
    return Issued(
        access=_token(said, "access_token"),
        refresh=_token(said, "refresh_token") if said.get("refresh_token") else Secret(""),
        life_s=min(life, _MOST_LIFE_S),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )


def registered(raw: bytes) -> Registered:
    """Read a successful registration. Raises: ProtocolError (upstream)."""
    said = _object(raw)
    client = said.get("client_id")
    if not isinstance(client, str) or not _TOKEN.fullmatch(client) or len(client) > _MOST_TOKEN_CHARS:
        raise _bad("it registers without an id")
    secret = _token(said, "client_secret") if said.get("client_secret") else Secret("")
    authentication = said.get("token_endpoint_auth_method", "")
    return Registered(client, secret, authentication if isinstance(authentication, str) else "")


def error_of(raw: bytes) -> str:
    """Return the word of an error, where it is one that is known; else `another error`."""
    try:
        found = strict_json.loads_object(raw).get("error")
    except ProtocolError:
        return _OTHER
    return found if isinstance(found, str) and found in _WORDS else _OTHER


@dataclass(frozen=True, slots=True)
class Awaited:
    """What an answer through a browser must say."""

    state: str
    issuer: str
    says_issuer: bool
    """The server said that it writes `iss`."""


def code_of(query: str, awaited: Awaited) -> Secret:
    """Return the authorization code of an answer that came with a browser.

    Raises: ProtocolError (client). Nothing is said of an answer that is not for this login or issuer.
    """
    said = _query(query)
    if not hmac.compare_digest(said.get("state", "").encode("utf-8"), awaited.state.encode("ascii")):
        raise _foreign("it belongs to another login")
    issuer = said.get("iss")
    if (issuer is None and awaited.says_issuer) or (issuer is not None and issuer != awaited.issuer):
        raise _foreign("another issuer gave it")
    if "error" in said:
        word = said["error"] if said["error"] in _WORDS else _OTHER
        raise _foreign(f"the login was refused: `{word}`")
    if not _TOKEN.fullmatch(said.get("code", "")):
        raise _foreign("it holds no code")
    return Secret(said["code"])


def challenge_of(fields: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return the parameters of a `WWW-Authenticate: Bearer …`; empty where there is none."""
    for name, value in fields:
        if name.lower() == b"www-authenticate" and value[:6].lower() == b"bearer":
            return MappingProxyType(dict(_PARAMETER.findall(value[6:].decode("latin-1"))))
    return MappingProxyType({})


def _query(query: str) -> dict[str, str]:
    if len(query) > _MOST_QUERY_CHARS:
        raise _foreign("it is too long")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise _foreign("it cannot be read") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise _foreign("it says something twice")
    return dict(pairs)


def _object(raw: bytes) -> dict[str, object]:
    try:
        return strict_json.loads_object(raw, what="answer")
    except ProtocolError as error:
        raise _bad(error.code) from None


def _token(said: Mapping[str, object], name: str) -> Secret:
    found = said.get(name)
    if not isinstance(found, str) or not _TOKEN.fullmatch(found) or len(found) > _MOST_TOKEN_CHARS:
        raise _bad(f"`{name}` is missing, or no token")
    return Secret(found)


def _bad(why: str) -> ProtocolError:
    return ProtocolError(
        f"the authorization server's answer cannot be used: {why}", code="oauth_answer_invalid", side="upstream"
    )


def _foreign(why: str) -> ProtocolError:
    return ProtocolError(f"the answer of the login cannot be used: {why}", code="login_refused")
