"""A provider's body on its way in: decoded within bounds, and searched for the key that it must not echo."""

import zlib

from firewall.core.errors import UpstreamError, UpstreamFault

MASK = b"[redacted]"
_MEMBERS = 16
"""A compressed body may have several members (RFC 1952 2.2); thousands of empty ones only cost time."""


class Decoder:
    """Undoes one content coding although `identity` was asked for; bounded against bombs."""

    def __init__(self, coding: str, *, limit: int) -> None:
        """`limit`: how many decoded bytes may come out in all.

        Raises: UpstreamError malformed for a coding that was not asked for and is not known.
        """
        if coding not in {"gzip", "x-gzip", "deflate"}:
            raise _malformed(f"the provider answered in an encoding that was not asked for: `{coding[:20]}`")
        self._inflate = zlib.decompressobj(47)
        self._members = 1
        self._left = limit

    def feed(self, chunk: bytes) -> bytes:
        """Return what `chunk` decodes to.

        Raises: UpstreamError malformed.
        """
        out = bytearray()
        while chunk:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(47)
                self._members += 1
            try:
                out += self._inflate.decompress(chunk, self._left + 1 - len(out))
            except zlib.error as error:
                raise _malformed("the provider's compressed answer is broken") from error
            if len(out) > self._left or self._members > _MEMBERS:
                raise _malformed("the provider's compressed answer is too large")
            chunk = self._inflate.unused_data or self._inflate.unconsumed_tail
        self._left -= len(out)
        return bytes(out)

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises: UpstreamError malformed.
        """
        if not self._inflate.eof:
            raise _malformed("the provider's compressed answer is cut off")


class Scrubber:
    """Replaces a secret wherever it is cut; bytes wait only while they could be the secret's beginning."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on."""
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        if self._secret in chunk:
            chunk = chunk.replace(self._secret, MASK)
        start = self._beginning(chunk)
        if start < len(chunk):
            self._held = chunk[start:]
            return chunk[:start]
        return chunk

    def finish(self) -> bytes:
        """Return what still waited: the end came before it became the secret."""
        held, self._held = self._held, b""
        return held

    def _beginning(self, chunk: bytes) -> int:
        if not chunk or chunk[-1] not in self._secret:  # every event ends in a line break, no key has one
            return len(chunk)
        first = self._secret[:1]
        at = chunk.find(first, max(0, len(chunk) - len(self._secret) + 1))
        while at >= 0:
            if self._secret.startswith(chunk[at:]):
                return at
            at = chunk.find(first, at + 1)
        return len(chunk)


def scrub(text: str, secret: str) -> str:
    """Return `text` without `secret`."""
    return text.replace(secret, MASK.decode("ascii")) if secret else text


def _malformed(public: str) -> UpstreamError:
    return UpstreamError(public, fault=UpstreamFault.MALFORMED)
