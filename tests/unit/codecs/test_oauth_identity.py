"""What an OpenID provider says about a person: one honest token, and every wrong one."""

import json

import pytest

from firewall.codecs.oauth.compact import read
from firewall.codecs.oauth.identity import LONGEST_S, OLDEST_S, SKEW_S, Identity, id_token_of, identity_of
from firewall.core.errors import AuthError, ProtocolError
from tests.support.signing import ISSUER, NOW_S, ec_signer, token

GOOD: dict[str, object] = {
    "iss": ISSUER,
    "sub": "248289761001",
    "aud": "stayhand",
    "nonce": "n-1",
    "exp": NOW_S + 300,
    "iat": NOW_S,
    "email": "Alice@Example.com",
    "email_verified": True,
}


def _identity(changes: dict[str, object], *, typ: str | None = "JWT") -> Identity:
    said = {name: value for name, value in (GOOD | changes).items() if value is not None}
    signed = read(token(ec_signer(), said, typ=typ))
    return identity_of(signed, issuer=ISSUER, client="stayhand", nonce="n-1", now_s=NOW_S)


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({}, "alice@example.com"),
        ({"aud": ["stayhand"], "azp": "stayhand"}, "alice@example.com"),
        ({"email_verified": False}, ""),
        ({"email_verified": None}, ""),
        ({"email_verified": "true"}, ""),
        ({"email": None}, ""),
        ({"email": "alice@example.com@evil.test"}, ""),
        ({"email": "alic\u0435@example.com"}, ""),
        ({"email": "a" * 250 + "@x.de"}, ""),
        ({"iat": NOW_S + SKEW_S}, "alice@example.com"),
        ({"exp": NOW_S + 10 * LONGEST_S}, "alice@example.com"),
    ],
)
def test_an_honest_token_says_who_it_is_about(changes: dict[str, object], email: str) -> None:
    """An address counts where the provider says that it is verified, spelled plainly."""
    assert _identity(changes) == Identity("248289761001", email)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.test"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "another"}, "somebody else"),
        ({"aud": ["stayhand", "another"]}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"azp": "another"}, "somebody else"),
        ({"nonce": "n-2"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"nonce": ["n-1"]}, "another login"),
        ({"exp": NOW_S}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "no time"),
        ({"iat": None}, "not issued just now"),
        ({"iat": True}, "no time"),
        ({"iat": NOW_S + SKEW_S + 1}, "not issued just now"),
        ({"iat": NOW_S - OLDEST_S - 1}, "not issued just now"),
        ({"nbf": NOW_S + SKEW_S + 1}, "not issued just now"),
        ({"sub": None}, "`sub`"),
        ({"sub": ""}, "`sub`"),
        ({"sub": "x" * 256}, "`sub`"),
        ({"sub": "a\nb"}, "`sub`"),
        ({"sub": 7}, "`sub`"),
    ],
)
def test_any_other_token_is_refused(changes: dict[str, object], why: str) -> None:
    """Each with its reason for our own log, and one code for everybody."""
    with pytest.raises(AuthError) as refused:
        _identity(changes)
    assert why in refused.value.detail


def test_an_access_token_is_no_id_token() -> None:
    """What was made for our agents' gate signs no person in."""
    with pytest.raises(AuthError):
        _identity({}, typ="at+jwt")
    assert _identity({}, typ=None).subject


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"id_token": 7}', b'{"id_token": ""}', b'{"id_token":"a","id_token":"b"}']
)
def test_an_answer_without_an_id_token_is_refused(raw: bytes) -> None:
    """So is one that says two."""
    with pytest.raises(ProtocolError) as refused:
        id_token_of(raw)
    assert (refused.value.code, refused.value.side) == ("oauth_answer_invalid", "upstream")


def test_an_id_token_is_taken_out_of_its_answer() -> None:
    """Beside whatever else stands there."""
    assert id_token_of(json.dumps({"access_token": "x", "id_token": "a.b.c"}).encode()) == "a.b.c"
