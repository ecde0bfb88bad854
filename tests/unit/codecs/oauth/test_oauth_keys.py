"""Sets of keys: those that verify signatures, of a size that anybody may trust."""

import json

import pytest

from firewall.codecs.oauth.compact import read
from firewall.codecs.oauth.keys import MOST_BYTES, MOST_KEYS, fitting, keys_of
from firewall.core.errors import ProtocolError
from tests.support.signing import ec_signer, ed_signer, rsa_signer, token

RSA, EC, ED = rsa_signer(), ec_signer(), ed_signer()


def ids(*rows: object) -> list[str]:
    """Return the ids of the keys that are used."""
    return [one.id for one in keys_of(json.dumps({"keys": list(rows)}).encode())]


def test_keys_that_verify_are_used() -> None:
    """RSA, P-256 and Ed25519; members that nobody knows do no harm."""
    assert ids(RSA.jwk, EC.jwk, ED.jwk | {"x5t": "abc"}) == ["rsa-1", "ec-1", "ed-1"]


@pytest.mark.parametrize(
    "row",
    [
        RSA.jwk | {"use": "enc"},
        RSA.jwk | {"key_ops": ["encrypt"]},
        RSA.jwk | {"key_ops": "verify"},
        RSA.jwk | {"d": "AQAB"},
        RSA.jwk | {"n": 65537},
        RSA.jwk | {"n": "AQAB"},
        RSA.jwk | {"n": "A" * 100_000},
        RSA.jwk | {"e": "A" * 4000},
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "empty"},
        EC.jwk | {"x": "AAAA"},
        EC.jwk | {"crv": "secp256k1"},
        ED.jwk | {"crv": "X25519"},
        {"kty": ["RSA"]},
        "no key",
        rsa_signer("short", 1024).jwk,
    ],
)
def test_other_keys_are_left_out(row: object) -> None:
    """Keys for something else, private ones, shared ones, broken and short ones verify nothing; others stay."""
    assert ids(row, ED.jwk) == ["ed-1"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[' + b",".join([b"{}"] * (MOST_KEYS + 1)) + b"]}",
        b" " * (MOST_BYTES + 1),
    ],
)
def test_what_is_no_set_is_refused(raw: bytes) -> None:
    """Too large, unreadable in one way only, or no set: an error of the issuer's, not of the token's."""
    with pytest.raises(ProtocolError) as caught:
        keys_of(raw)
    assert (caught.value.code, caught.value.status) == ("oauth_keys_invalid", 502)


def test_a_token_without_an_id_fits_the_only_key_of_its_kind() -> None:
    """With two keys of a kind nobody guesses."""
    found = read(token(RSA, kid=None))
    one = keys_of(json.dumps({"keys": [RSA.jwk, EC.jwk]}).encode())
    two = keys_of(json.dumps({"keys": [RSA.jwk, rsa_signer("rsa-2").jwk]}).encode())
    assert [key.id for key in fitting(one, found)] == ["rsa-1"]
    assert fitting(two, found) == ()
