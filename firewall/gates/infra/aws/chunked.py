"""Bodies in `aws-chunked` encoding: decoded, every chunk's signature and the trailer's verified.

Written after "Signature calculations for the Authorization header: transferring payload in multiple chunks" and
"… including trailing headers" of the S3 API reference; their examples are our test vectors. Pure.
"""

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firewall.gates.infra.aws.sigv4 import EMPTY_HASH, SignatureError, Signed, is_same

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS = frozenset({SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER})
_SIGNED_HEAD = re.compile(rb"([0-9a-f]{1,8});chunk-signature=([0-9a-f]{64})")
_PLAIN_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})")
_TRAILER = re.compile(rb"([a-z0-9-]{1,60}):([A-Za-z0-9+/=_-]{1,200})")
_HEAD_BYTES = 120
_TRAILERS = 8
_CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}
_TOLD_ON = frozenset({"x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme"})
"""Checksums that would take a second a body here: told on in the head of the request, where S3 verifies them."""


class ChunkError(SignatureError):
    """A body that is not what its signatures or checksums say."""

    code = "chunk_refused"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body without its framing."""

    body: bytes
    trailers: tuple[tuple[str, str], ...] = ()
    """Checksums of the body, as the head of the request would name them."""


def decode(data: bytes, kind: str, *, signed: Signed, key: bytes, announced: frozenset[str]) -> Decoded:
    """Decode a body of `kind`; `announced` are the names in `x-amz-trailer`.

    Raises: ChunkError.
    """
    walk = _Walk(data, signed=signed, key=key, is_signed=kind != UNSIGNED_TRAILER)
    pieces: list[bytes] = []
    while piece := walk.chunk():
        pieces.append(piece)
    body = b"".join(pieces)
    trailers = walk.trailers() if kind != SIGNED else walk.end()
    if {name for name, _ in trailers} != announced:
        raise ChunkError("the trailer holds other fields than `x-amz-trailer` says")
    for name, value in trailers:
        _verify(name, value, body)
    return Decoded(body, trailers)


def _verify(name: str, value: str, body: bytes) -> None:
    made = _CHECKSUMS.get(name)
    if made is not None and value != base64.b64encode(made(body)).decode("ascii"):
        raise ChunkError(f"`{name}` does not fit the body")
    if made is None and name not in _TOLD_ON:
        raise ChunkError(f"`{name}` is no checksum that is known here")


class _Walk:
    """Goes through a body once, each signature resting on the one before."""

    def __init__(self, data: bytes, *, signed: Signed, key: bytes, is_signed: bool) -> None:
        self._data = data
        self._at = 0
        self._signed = signed
        self._key = key
        self._is_signed = is_signed
        self._last = signed.signature

    def chunk(self) -> bytes:
        """Return the next chunk; empty: it was the last one.

        Raises: ChunkError.
        """
        line = self._line()
        found = (_SIGNED_HEAD if self._is_signed else _PLAIN_HEAD).fullmatch(line)
        if found is None:
            raise ChunkError("a chunk's head cannot be read")
        size = int(found[1], 16)
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise ChunkError("a chunk is cut off")
        self._at += size
        if self._is_signed:
            self._follow("PAYLOAD", f"{EMPTY_HASH}\n{hashlib.sha256(piece).hexdigest()}", found[2])
        if size:
            self._expect(b"\r\n")
        return piece

    def end(self) -> tuple[tuple[str, str], ...]:
        """Take the end of a body without trailer. Raises: ChunkError."""
        self._expect(b"\r\n")
        self._finish()
        return ()

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Take the trailer and its signature. Raises: ChunkError."""
        found: list[tuple[str, str]] = []
        signature = b""
        while line := self._line():
            fitting = _TRAILER.fullmatch(line)
            if fitting is None or signature or len(found) > _TRAILERS:
                raise ChunkError("the trailer cannot be read")
            if fitting[1] == b"x-amz-trailer-signature":
                signature = fitting[2]
            else:
                found.append((fitting[1].decode("ascii"), fitting[2].decode("ascii")))
        self._finish()
        if self._is_signed:
            text = "".join(f"{name}:{value}\n" for name, value in found)
            self._follow("TRAILER", hashlib.sha256(text.encode("ascii")).hexdigest(), signature)
        elif signature:
            raise ChunkError("a trailer that says it is not signed has a signature")
        return tuple(found)

    def _follow(self, what: str, hashes: str, given: bytes) -> None:
        text = f"AWS4-HMAC-SHA256-{what}\n{self._signed.at}\n{self._signed.scope}\n{self._last}\n{hashes}"
        self._last = hmac.digest(self._key, text.encode("ascii"), "sha256").hex()
        if not is_same(self._last, given.decode("ascii")):
            raise ChunkError("the signature of a chunk or of the trailer does not fit")

    def _line(self) -> bytes:
        end = self._data.find(b"\r\n", self._at, self._at + _HEAD_BYTES + 200)
        if end < 0:
            raise ChunkError("the body is cut off")
        line = self._data[self._at : end]
        self._at = end + 2
        return line

    def _expect(self, what: bytes) -> None:
        if self._data[self._at : self._at + len(what)] != what:
            raise ChunkError("a chunk does not end where it says")
        self._at += len(what)

    def _finish(self) -> None:
        if self._at != len(self._data):
            raise ChunkError("something follows the end of the body")
