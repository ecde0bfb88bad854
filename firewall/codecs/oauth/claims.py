"""What an access token says, held against what it must say (RFC 9068, section 4; RFC 8707).

INVARIANT: a token that was issued for anybody else as well, or that is bound to a key that nobody shows here, is
refused. Expiry is told apart, and only of tokens whose signature was verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.codecs.oauth.compact import Compact
from firewall.core.errors import AuthError

LONGEST_S = 24 * 3600
"""No token of ours lives longer, and none of others here."""
_SKEW_S = 60
"""How far the issuer's clock may be ahead."""
_MOST_CHARS = 512
_ACCESS = "at+jwt"
_PLAIN = frozenset({"", "jwt", _ACCESS})


class ExpiredError(AuthError):
    """A good token whose time is over: everyday, and nobody's guess."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What tokens of an issuer must say."""

    issuer: str
    plain_jwt: bool = False
    """`typ` may be `JWT`, or missing."""
    other_audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    issuer: str
    subject: str
    client: str
    scopes: frozenset[str]
    expires_s: int
    """Unix seconds."""
    all: Mapping[str, object]


def check(token: Compact, expected: Expected, *, resources: frozenset[str], now_s: float) -> Claims:
    """Return what a token of which the signature was verified says. `resources`: what we are called where it came.

    Raises: AuthError; ExpiredError.
    """
    said = token.claims
    if not (token.kind in _PLAIN if expected.plain_jwt else token.kind == _ACCESS):
        raise AuthError(detail="no access token by its `typ`")
    if said.get("iss") != expected.issuer:
        raise AuthError(detail="another issuer")
    if "cnf" in said:
        raise AuthError(detail="a token that is bound to a key, shown without")
    _check_audience(said.get("aud"), resources, expected.other_audiences)
    expires = _instant(said, "exp")
    issued, begins = _instant(said, "iat"), _instant(said, "nbf", otherwise=0)
    if max(issued, begins) > now_s + _SKEW_S:
        raise AuthError(detail="not valid yet")
    ends = min(expires, issued + LONGEST_S)
    if ends <= now_s:
        raise ExpiredError(detail="expired")
    return Claims(
        issuer=expected.issuer,
        subject=_name(said, "sub"),
        client=_name(said, "client_id" if "client_id" in said else "azp"),
        scopes=scopes_of(said),
        expires_s=int(ends),
        all=said,
    )


def scopes_of(said: Mapping[str, object]) -> frozenset[str]:
    """Return the scopes: `scope`, or `scp` as some write it. Raises: AuthError for what is neither."""
    found = said.get("scope", said.get("scp", ""))
    if isinstance(found, str):
        return frozenset(found.split())
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return frozenset(found)
    raise AuthError(detail="scopes that cannot be read")


def _check_audience(found: object, resources: frozenset[str], others: frozenset[str]) -> None:
    audiences = [found] if isinstance(found, str) else found
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise AuthError(detail="no audience")
    if not resources & set(audiences):
        raise AuthError(detail="issued for somebody else")
    if set(audiences) - resources - others:
        raise AuthError(detail="issued for somebody else as well")


def _instant(said: Mapping[str, object], name: str, *, otherwise: float | None = None) -> float:
    """Return a NumericDate. Raises: AuthError where it is missing or none."""
    found = said.get(name, otherwise)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < 1 << 40:
        raise AuthError(detail=f"`{name}` is no time")
    return found


def _name(said: Mapping[str, object], name: str) -> str:
    found = said.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _MOST_CHARS or not found.isprintable():
        raise AuthError(detail=f"`{name}` is missing, or no name")
    return found
