"""What an OpenID provider says about a person, held against what it must say (OpenID Connect Core, 3.1.3.7).

INVARIANT: an ID token for another client, another login or another time is refused; an e-mail address that the
provider does not call verified is none.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from firewall.codecs.oauth.compact import Compact
from firewall.core import strict_json
from firewall.core.errors import AuthError, ProtocolError

LONGEST_S = 24 * 3600
OLDEST_S = 600
"""An ID token was made for the login that is ending now."""
SKEW_S = 60
_MOST_CHARS = 255
_MOST_EMAIL_CHARS = 254
_KINDS = frozenset({"", "jwt"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider says."""

    subject: str
    email: str
    """Lower case; empty: none, or not verified."""


def id_token_of(raw: bytes) -> str:
    """Return the ID token in the answer of a token endpoint. Raises: ProtocolError (upstream)."""
    try:
        found = strict_json.loads_object(raw, what="answer").get("id_token")
    except ProtocolError as error:
        raise _bad(error.code) from None
    if not isinstance(found, str) or not found:
        raise _bad("it holds no ID token")
    return found


def identity_of(token: Compact, *, issuer: str, client: str, nonce: str, now_s: float) -> Identity:
    """Return who an ID token is about, whose signature was verified. Raises: AuthError."""
    said = token.claims
    if token.kind not in _KINDS:
        raise AuthError(detail="no ID token by its `typ`")
    if said.get("iss") != issuer:
        raise AuthError(detail="another issuer")
    if said.get("aud") not in (client, [client]) or said.get("azp", client) != client:
        raise AuthError(detail="issued for somebody else, or for somebody else as well")
    given = said.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8"), nonce.encode("ascii")):
        raise AuthError(detail="issued for another login")
    _check_time(said, now_s)
    subject = said.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MOST_CHARS or not subject.isprintable():
        raise AuthError(detail="`sub` is missing, or no name")
    return Identity(subject, _email(said))


def _check_time(said: Mapping[str, object], now_s: float) -> None:
    issued, expires, begins = (_instant(said, name) for name in ("iat", "exp", "nbf"))
    if not issued or max(issued, begins) > now_s + SKEW_S or issued < now_s - OLDEST_S:
        raise AuthError(detail="not issued just now")
    if min(expires, issued + LONGEST_S) <= now_s:
        raise AuthError(detail="expired")


def _instant(said: Mapping[str, object], name: str) -> float:
    found = said.get(name, 0)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < 1 << 40:
        raise AuthError(detail=f"`{name}` is no time")
    return found


def _email(said: Mapping[str, object]) -> str:
    found = said.get("email")
    if said.get("email_verified") is not True or not isinstance(found, str):
        return ""
    is_plain = found.isascii() and found.isprintable() and found.count("@") == 1 and " " not in found
    return found.lower() if is_plain and len(found) <= _MOST_EMAIL_CHARS else ""


def _bad(why: str) -> ProtocolError:
    return ProtocolError(
        f"the OpenID provider's answer cannot be used: {why}", code="oauth_answer_invalid", side="upstream"
    )
