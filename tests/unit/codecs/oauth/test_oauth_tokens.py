"""Access tokens: read one way, verified by public keys, held against what they must say."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.oauth.claims import Claims, Expected, ExpiredError, check
from firewall.codecs.oauth.compact import MOST_CHARS, looks_signed, read
from firewall.codecs.oauth.keys import fitting, keys_of, signed_by
from firewall.core.errors import AuthError
from tests.support import signing
from tests.support.signing import ISSUER, NOW_S, RESOURCE, claims, ec_signer, ed_signer, rsa_signer, signed, token

RSA, EC, ED = rsa_signer(), ec_signer(), ed_signer()
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA", "Ed25519"})


def verified(text: str, *, plain_jwt: bool = False, others: tuple[str, ...] = (), now_s: float = NOW_S) -> Claims:
    """Check a token against all three keys, at the address of all servers."""
    found = read(text)
    if found.algorithm not in ALGORITHMS:
        raise AuthError(detail="algorithm")
    held = fitting(keys_of(signing.keys(RSA, EC, ED)), found)
    if not any(signed_by(found, key) for key in held):
        raise AuthError(detail="signature")
    expected = Expected(ISSUER, plain_jwt=plain_jwt, other_audiences=frozenset(others))
    return check(found, expected, resources=frozenset({f"{RESOURCE}/mcp"}), now_s=now_s)


@pytest.mark.parametrize("signer", [RSA, EC, ED, replace(ED, algorithm="Ed25519")], ids=lambda one: one.algorithm)
def test_good_tokens_are_verified(signer: signing.Signer) -> None:
    """A token that an issuer's key signed says who, for which client and until when."""
    found = verified(token(signer))
    assert (found.subject, found.client, found.scopes) == ("user-1", "claude", frozenset({"mcp:use"}))
    assert found.expires_s == NOW_S + 600


FORGED = {
    "no algorithm": signed(lambda _: b"", b'{"alg":"none","typ":"at+jwt"}', json.dumps(claims()).encode()) + "AA",
    "none, in capitals": signed(
        lambda _: b"\0", b'{"alg":"NONE","typ":"at+jwt","kid":"rsa-1"}', json.dumps(claims()).encode()
    ),
    "a public key as a shared secret": signing.with_shared_key(RSA.pem, kid=RSA.kid),
    "a JWK as a shared secret": signing.with_shared_key(json.dumps(RSA.jwk).encode(), kid=RSA.kid),
    "another key under the same id": token(rsa_signer("rsa-1", 2049)),
    "an id that is not there": token(RSA, kid="rsa-2"),
    "the id of another kind of key": token(RSA, kid=EC.kid),
    "an algorithm of another kind": token(RSA, alg="ES256"),
    "an algorithm that its key is not for": token(RSA, alg="PS256"),
    "its own key in the header": token(rsa_signer("mine"), kid=None, jwk=rsa_signer("mine").jwk),
    "its own address of keys": token(rsa_signer("mine"), jku="https://evil.example/keys"),
    "critical extensions": token(RSA, crit=["b64"], b64=False),
    "extensions that are named critical": token(RSA, crit=["exp"]),
    "a token within a token": token(RSA, cty="JWT"),
    "an encrypted one": "a.b.c.d.e",
    "no typ": token(RSA, typ=None),
    "a plain JWT": token(RSA, typ="JWT"),
    "an identity token": token(RSA, typ="id+jwt"),
    "another issuer": token(RSA, claims(iss="https://evil.example")),
    "an issuer with a slash more": token(RSA, claims(iss=f"{ISSUER}/")),
    "issued for another": token(RSA, claims(aud="https://other.example")),
    "issued for a longer name": token(RSA, claims(aud=f"{RESOURCE}/mcp.evil.example")),
    "issued for two": token(RSA, claims(aud=[f"{RESOURCE}/mcp", "https://other.example"])),
    "issued for nobody": token(RSA, claims(aud=None)),
    "issued for no text": token(RSA, claims(aud=[{"a": 1}, f"{RESOURCE}/mcp"])),
    "without an end": token(RSA, claims(exp=None)),
    "an end that is no number": token(RSA, claims(exp=str(NOW_S + 600))),
    "an end that is a truth": token(RSA, claims(exp=True)),
    "without a beginning": token(RSA, claims(iat=None)),
    "from the future": token(RSA, claims(iat=NOW_S + 120)),
    "not valid yet": token(RSA, claims(nbf=NOW_S + 120)),
    "bound to a key": token(RSA, claims(cnf={"jkt": "x"})),
    "without a subject": token(RSA, claims(sub=None)),
    "without a client": token(RSA, claims(client_id=None)),
    "a subject that drives a terminal": token(RSA, claims(sub="user\x1b[2J")),
    "scopes that are a number": token(RSA, claims(scope=7)),
    "a claim twice": signed(
        RSA.sign,
        b'{"alg":"RS256","kid":"rsa-1","typ":"at+jwt"}',
        json.dumps(claims()).encode()[:-1] + b',"aud":"https://x.example"}',
    ),
    "a header twice": signed(
        RSA.sign, b'{"alg":"RS256","kid":"rsa-1","typ":"at+jwt","alg":"none"}', json.dumps(claims()).encode()
    ),
    "claims that are a list": signed(RSA.sign, b'{"alg":"RS256","kid":"rsa-1","typ":"at+jwt"}', b"[]"),
    "too long": token(RSA, claims(pad="x" * MOST_CHARS)),
    "nothing signed": ".".join([*token(RSA).split(".")[:2], "AA"]),
    "padding": token(RSA) + "=",
    "a line end": token(RSA) + "\n",
    "no token": "..",
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_forged_tokens_are_refused(text: str) -> None:
    """Every way to sign nothing, to sign with something else, or to mean somebody else ends in one refusal."""
    with pytest.raises(AuthError):
        verified(text)


def test_a_second_spelling_is_refused() -> None:
    """The last character of a signature has bits that mean nothing: only one of its spellings is read."""
    good = token(ED)
    twin = good[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[good[-1]]
    with pytest.raises(AuthError, match="missing"):
        verified(twin)


def test_an_expired_token_is_told_apart() -> None:
    """A genuine token whose time is over is nobody's guess; a forged one that is expired is."""
    with pytest.raises(ExpiredError):
        verified(token(RSA), now_s=NOW_S + 600)
    with pytest.raises(AuthError) as caught:
        verified(token(rsa_signer("rsa-1", 2049)), now_s=NOW_S + 600)
    assert not isinstance(caught.value, ExpiredError)


def test_no_token_lives_longer_than_a_day() -> None:
    """Whatever an issuer writes, a day after it was issued it is over here."""
    old = token(RSA, claims(iat=NOW_S - 90_000, exp=NOW_S + 90_000))
    with pytest.raises(ExpiredError):
        verified(old)
    assert verified(token(RSA, claims(exp=NOW_S + 10**6))).expires_s == NOW_S - 10 + 86_400


def test_what_is_configured_is_let_through() -> None:
    """A plain JWT and another audience beside ours, where the configuration says so."""
    beside = claims(aud=["account", f"{RESOURCE}/mcp"])
    assert verified(token(RSA, typ="JWT"), plain_jwt=True).subject == "user-1"
    assert verified(token(RSA, typ=None), plain_jwt=True).subject == "user-1"
    assert verified(token(RSA, beside), others=("account",)).subject == "user-1"
    assert verified(token(RSA, typ="application/AT+JWT")).subject == "user-1"


def test_as_others_write_it() -> None:
    """Okta's `scp`, Keycloak's `azp`, times with fractions."""
    odd = claims(scope=None, scp=["mcp:use", "x"], client_id=None, azp="cli", exp=NOW_S + 0.5)
    found = verified(token(EC, odd))
    assert (found.scopes, found.client) == (frozenset({"mcp:use", "x"}), "cli")


@given(st.text(alphabet="abcAB_-.={}\"' \n", max_size=60))
def test_reading_raises_nothing_else(text: str) -> None:
    """Whatever comes is read, or refused as a bad token."""
    looks_signed(text)
    try:
        read(text)
    except AuthError:
        return


@given(st.integers(min_value=0, max_value=10**4), st.integers(min_value=1, max_value=63))
def test_one_character_changes_everything(place: int, by: int) -> None:
    """A token with one character changed anywhere is refused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    good = token(ED)
    spot = place % len(good)
    old = good[spot]
    new = alphabet[(alphabet.index(old) + by) % 64] if old in alphabet else "A"
    with pytest.raises(AuthError):
        verified(good[:spot] + new + good[spot + 1 :])
