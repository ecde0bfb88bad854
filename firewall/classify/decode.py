"""Literals that hide other text: base64, hex, printf escapes, gzip; decoded at most three levels deep."""

import base64
import binascii
import zlib

MAX_DECODED_CHARS = 64 * 1024


def from_base64(text: str) -> bytes | None:
    """Decode base64 text; None when it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def from_base32(text: str) -> bytes | None:
    """Decode base32 text; None when it is none."""
    try:
        return base64.b32decode("".join(text.split()))
    except (binascii.Error, ValueError):
        return None


def from_hex(text: str) -> bytes | None:
    """Decode hexadecimal text; None when it is none."""
    try:
        return bytes.fromhex("".join(text.split()).removeprefix("0x"))
    except ValueError:
        return None


def inflate(data: bytes) -> bytes | None:
    """Unpack gzip or zlib data up to a bound; None when it is neither or larger."""
    try:
        engine = zlib.decompressobj(47)
        found = engine.decompress(data, MAX_DECODED_CHARS)
    except zlib.error:
        return None
    return None if engine.unconsumed_tail else found


def as_text(data: bytes | None) -> str | None:
    """Return decoded bytes as text; None when they are none or too long."""
    if data is None or len(data) > MAX_DECODED_CHARS:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
