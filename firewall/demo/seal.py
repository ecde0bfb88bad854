"""Ids and signatures that the scripted provider makes, and knows again: functions of a seed and of their parts."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from firewall.demo.reading import Json


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes ids and signatures, and knows its own again."""

    key: bytes

    @classmethod
    def of(cls, seed: str) -> "Seal":
        """Return the seal of a provider with this seed."""
        return cls(key=hashlib.sha256(b"scripted provider " + seed.encode()).digest())

    def id(self, *parts: object, length: int = 24) -> str:
        """Return letters and digits that depend on `parts`, `length` of them."""
        digest = self._mac("id", *parts) + self._mac("more", *parts)
        letters = "".join(c for c in base64.b64encode(digest).decode() if c.isalnum())
        return letters[:length]

    def sign(self, *parts: object) -> str:
        """Return a signature over `parts`, as long and opaque as a real one."""
        return base64.b64encode(b"\x12\x40" + self._mac("signature", *parts) + self._mac("tail", *parts)).decode()

    def fits(self, signature: str, *parts: object) -> bool:
        """Tell whether `signature` is ours over exactly `parts`."""
        return hmac.compare_digest(signature.encode(), self.sign(*parts).encode())

    def wrap(self, payload: Json) -> str:
        """Return `payload` sealed against change, opaque to look at."""
        body = json.dumps(payload, sort_keys=True).encode()
        return base64.urlsafe_b64encode(self._mac("wrap", body.decode()) + body).decode()

    def unwrap(self, sealed: str) -> Json | None:
        """Return what `wrap` sealed, or None when one character changed."""
        try:
            raw = base64.urlsafe_b64decode(sealed.encode())
            body = raw[32:].decode()
        except ValueError:
            return None
        if not hmac.compare_digest(raw[:32], self._mac("wrap", body)):
            return None
        loaded: Json = json.loads(body)
        return loaded if self.wrap(loaded) == sealed else None

    def _mac(self, *parts: object) -> bytes:
        return hmac.new(self.key, json.dumps([str(part) for part in parts]).encode(), hashlib.sha256).digest()
