"""Signs access tokens by hand, with cryptography alone: what no library writes has to be tried too."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW_S = 1_790_000_000
ISSUER = "https://login.example.com/acme"
RESOURCE = "https://agents.example.com"


@dataclass(frozen=True)
class Signer:
    """A private key, how it signs, and its public half as a JWK."""

    algorithm: str
    sign: Callable[[bytes], bytes]
    jwk: dict[str, str]
    pem: bytes

    @property
    def kid(self) -> str:
        """Its id."""
        return self.jwk["kid"]


@cache
def rsa_signer(kid: str = "rsa-1", bits: int = 2048) -> Signer:
    """Return a key that signs RS256."""
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)}
    return Signer("RS256", lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()), jwk, _pem(key))


@cache
def ec_signer(kid: str = "ec-1") -> Signer:
    """Return a key that signs ES256."""
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "EC", "kid": kid, "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return Signer("ES256", sign, jwk, _pem(key))


@cache
def ed_signer(kid: str = "ed-1") -> Signer:
    """Return a key that signs EdDSA."""
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return Signer("EdDSA", key.sign, {"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": text(raw)}, _pem(key))


def claims(**changes: object) -> dict[str, object]:
    """Return what a good access token says; None takes a claim away."""
    plain: dict[str, object] = {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": f"{RESOURCE}/mcp",
        "client_id": "claude",
        "exp": NOW_S + 600,
        "iat": NOW_S - 10,
        "jti": "1",
        "scope": "mcp:use",
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def token(signer: Signer, said: dict[str, object] | None = None, **header: object) -> str:
    """Sign claims; `header` changes what the header says, None takes it away."""
    plain: dict[str, object] = {"alg": signer.algorithm, "kid": signer.kid, "typ": "at+jwt"}
    top = {name: value for name, value in (plain | header).items() if value is not None}
    return signed(signer.sign, json.dumps(top).encode(), json.dumps(claims() if said is None else said).encode())


def signed(sign: Callable[[bytes], bytes], header: bytes, body: bytes) -> str:
    """Sign two texts as they are."""
    data = f"{text(header)}.{text(body)}"
    return f"{data}.{text(sign(data.encode()))}"


def with_shared_key(key: bytes, **header: object) -> str:
    """Sign as HS256 with some bytes as the key: the classic of a public key taken for a secret."""
    top = {"alg": "HS256", "typ": "at+jwt", **header}
    return signed(
        lambda data: hmac.new(key, data, hashlib.sha256).digest(),
        json.dumps(top).encode(),
        json.dumps(claims()).encode(),
    )


def keys(*signers: Signer, **more: object) -> bytes:
    """Return the set of keys that an issuer publishes."""
    return json.dumps({"keys": [one.jwk for one in signers], **more}).encode()


def text(raw: bytes) -> str:
    """Write base64url as JOSE does."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int = 0) -> str:
    """Write a number as JOSE does."""
    return text(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
