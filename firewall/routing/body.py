"""A provider's body on its way in: decoded within bounds, and searched for the key that it must not echo."""

import zlib
from collections.abc import Sequence

from firewall.core.errors import UpstreamError, UpstreamFault

MASK = b"[redacted]"
_FREE_BYTES = 1 << 20
_RATIO = 200
"""Beyond the first mebibyte, how much may come out of a byte: text packs to a tenth, a bomb to a thousandth."""
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
        self._fed = 0
        self._given = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what `chunk` decodes to.

        Raises: UpstreamError malformed.
        """
        out = bytearray()
        self._fed += len(chunk)
        most = min(self._left, max(_FREE_BYTES, _RATIO * self._fed) - self._given)
        while chunk:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(47)
                self._members += 1
            try:
                out += self._inflate.decompress(chunk, most + 1 - len(out))
            except zlib.error as error:
                raise _malformed("the provider's compressed answer is broken") from error
            if len(out) > most or self._members > _MEMBERS:
                raise _malformed("the provider's compressed answer is too large")
            chunk = self._inflate.unused_data or self._inflate.unconsumed_tail
        self._left -= len(out)
        self._given += len(out)
        return bytes(out)

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises: UpstreamError malformed.
        """
        if not self._inflate.eof:
            raise _malformed("the provider's compressed answer is cut off")


class Scrubber:
    """Replaces a secret in all its forms wherever it is cut; bytes wait only while they could be its beginning."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        """`forms`: the spellings of one secret, none empty."""
        self._forms = tuple(forms)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on."""
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        for form in self._forms:
            chunk = chunk.replace(form, MASK)
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
        """Return where the earliest form begins that may go on in the next chunk."""
        start = len(chunk)
        if chunk:  # every event ends in a line break, every answer in a brace: no key has one
            last = chunk[-1]
            for form in self._forms:
                if last in form:
                    start = min(start, self._begin_of(form, chunk))
        return start

    def _begin_of(self, form: bytes, chunk: bytes) -> int:
        first = form[:1]
        at = chunk.find(first, max(0, len(chunk) - len(form) + 1))
        while at >= 0:
            if form.startswith(chunk[at:]):
                return at
            at = chunk.find(first, at + 1)
        return len(chunk)


def scrub(text: str, forms: Sequence[bytes]) -> str:
    """Return `text` without a secret in any of its forms."""
    raw = text.encode("utf-8", "surrogateescape")
    for form in forms:
        raw = raw.replace(form, MASK)
    return raw.decode("utf-8", "surrogateescape")


def _malformed(public: str) -> UpstreamError:
    return UpstreamError(public, fault=UpstreamFault.MALFORMED)
