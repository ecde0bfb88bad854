"""Text that stands in base64 within other text: where it ends, and what it says.

What is looked at is what begins like encoded text: a guess by its first bytes that costs next to nothing, so that
hashes, keys and pictures are told apart at once.
"""

import binascii
import re
from dataclasses import dataclass

_HEAD = 16
_MOST = 64 << 10
"""A longer text is data."""
_WHOLE = re.compile(rb"[A-Za-z0-9+/_-]{24,65536}={0,2}")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text in base64."""

    text: bytes
    end: int
    """Offset behind its last byte."""


def encoded_at(data: bytes, begin: int) -> Encoded | None:
    """Return the text that stands at `begin` in base64, of either alphabet; None where there is none."""
    try:
        head = binascii.a2b_base64(data[begin : begin + _HEAD].translate(_FROM_URL))
    except binascii.Error:
        return None
    if not head.isascii() or not _is_text(head):
        return None
    whole = _WHOLE.match(data, begin)
    if whole is None or whole.end() - begin >= _MOST:
        return None
    text = _decoded(whole[0])
    return Encoded(text, whole.end()) if _is_text(text) else None


def _decoded(coded: bytes) -> bytes:
    bare = coded.rstrip(b"=").translate(_FROM_URL)
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    except binascii.Error:
        return b""


def _is_text(data: bytes) -> bool:
    return bool(data) and not data.translate(None, _PRINTABLE)
