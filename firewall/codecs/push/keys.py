"""The keys that a browser names for its subscription (Push API, `PushSubscription.getKey`). Pure."""

import base64
import binascii
from dataclasses import dataclass, field

from firewall.codecs.push.message import AUTH_BYTES, KEY_BYTES, public_key
from firewall.core.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Keys:
    """What encrypts for one browser."""

    receiver: bytes = field(repr=False)
    auth: bytes = field(repr=False)


def keys_of(receiver: str, auth: str) -> Keys:
    """Return the keys that a browser names, in base64url. Raises: ProtocolError `push_keys_invalid`."""
    try:
        keys = Keys(_bytes(receiver, KEY_BYTES), _bytes(auth, AUTH_BYTES))
        public_key(keys.receiver)
    except ValueError as error:
        raise ProtocolError(
            "the keys of this browser's subscription cannot be read", code="push_keys_invalid"
        ) from error
    return keys


def _bytes(text: str, length: int) -> bytes:
    if not text.isascii() or len(text) > 2 * length:
        raise ValueError("no key")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no key") from error
    if len(raw) != length:
        raise ValueError("no key")
    return raw
