"""A browser's half of Web Push, written from RFC 8188 and RFC 8291 without our code: HKDF by `hmac`."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def b64(raw: bytes) -> str:
    """Return base64url without padding, as `PushSubscription.toJSON` writes keys."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """Return what base64url without padding holds."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def opened(body: bytes, private: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Return the text of a message of one record, padding removed. Raises: ValueError, InvalidTag."""
    salt, record, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, cipher = body[21 : 21 + length], body[21 + length :]
    if length != 65 or len(cipher) > record:
        raise ValueError("not one record of Web Push")
    own = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    material = _hmac(_hmac(auth, shared), b"WebPush: info\x00" + own + sender + b"\x01")
    pseudo = _hmac(salt, material)
    key = _hmac(pseudo, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _hmac(pseudo, b"Content-Encoding: nonce\x00\x01")[:12]
    plain = AESGCM(key).decrypt(nonce, cipher, None).rstrip(b"\x00")
    if plain[-1:] != b"\x02":
        raise ValueError("the last record does not end as one")
    return plain[:-1]


@dataclass
class PushBrowser:
    """What one browser made for one subscription."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def p256dh(self) -> str:
        """Return its key as it is sent to us."""
        return b64(self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def fields(self, origin: str) -> dict[str, str]:
        """Return what its page sends of the subscription."""
        return {"endpoint": f"{origin}/push/{self.token}", "p256dh": self.p256dh, "auth": b64(self.auth)}

    def read(self, body: bytes) -> bytes:
        """Return the text of a message for it."""
        return opened(body, self.private, self.auth)
