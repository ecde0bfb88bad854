"""A message for one browser, encrypted so that its push service cannot read it (RFC 8291 over RFC 8188).

The sender's key and the salt are arguments: both are made anew for every message by whoever sends it, since a key
and a nonce that are used twice give the text away.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES = 65
"""An uncompressed point of P-256."""
AUTH_BYTES = 16
SALT_BYTES = 16
RECORD_BYTES = 4096
"""Of one record; push services take a body of this size (RFC 8030, section 7.2)."""
TAG_BYTES = 16
_LAST = b"\x02"
"""Ends the text of the only record; zeros follow (RFC 8188, section 2)."""


def sealed(
    text: bytes,
    *,
    receiver: bytes,
    auth: bytes,
    sender: ec.EllipticCurvePrivateKey,
    salt: bytes,
    padded: int = 0,
) -> bytes:
    """Return the body of a push message.

    `receiver`, `auth`: the browser's key and secret; `padded`: how long the text is made with zeros, so that its
    length says nothing. Raises: ValueError for a key that is no point, or a text that does not fit.
    """
    room = max(padded, len(text)) + len(_LAST)
    head = len(salt) + 4 + 1 + KEY_BYTES
    if len(salt) != SALT_BYTES or len(auth) != AUTH_BYTES or head + room + TAG_BYTES > RECORD_BYTES:
        raise ValueError("no message of Web Push")
    own = point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), public_key(receiver))
    material = _derived(shared, auth, b"WebPush: info\0" + receiver + own, 32)
    key = _derived(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(material, salt, b"Content-Encoding: nonce\0", 12)
    plain = (text + _LAST).ljust(room, b"\0")
    begin = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own)]) + own
    return begin + AESGCM(key).encrypt(nonce, plain, None)


def public_key(raw: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of an uncompressed point. Raises: ValueError for anything else."""
    if len(raw) != KEY_BYTES or raw[0] != 4:
        raise ValueError("no uncompressed point of P-256")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a key as browsers and push services write it."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=salt, info=info).derive(material)
