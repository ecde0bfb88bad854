"""Who sends, as push services check it: a JWT that our key signed (VAPID, RFC 8292)."""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firewall.codecs.push.message import point

SEED_BYTES = 48
"""64 bits more than the curve's order, so that no key is likelier than another (FIPS 186-5, A.2.1)."""
LIFE_S = 12 * 3600
"""How long a token serves; push services refuse more than 24 hours (RFC 8292, section 2)."""
_ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
"""Of P-256 (SP 800-186, section 3.2.1.3)."""


def signing_key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key of a seed, always the same. Raises: ValueError for a seed of another length."""
    if len(seed) != SEED_BYTES:
        raise ValueError("no seed of a key")
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def application_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the public key as a page gives it to its browser (`applicationServerKey`)."""
    return spelled(point(key.public_key()))


def authorization(key: ec.EllipticCurvePrivateKey, *, audience: str, subject: str, now_s: int) -> str:
    """Return the Authorization field for a push service.

    `audience`: its origin; `subject`: whom it may write to, a `mailto:` or `https:` address; empty: nobody.
    """
    claims: dict[str, str | int] = {"aud": audience, "exp": now_s + LIFE_S}
    if subject:
        claims["sub"] = subject
    signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
    first, second = decode_dss_signature(key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    signature = spelled(first.to_bytes(32, "big") + second.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={application_key(key)}"


def spelled(raw: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _part(values: dict[str, str] | dict[str, str | int]) -> str:
    return spelled(json.dumps(values, separators=(",", ":")).encode())
