"""Literals that hide other text: base64, hex, printf escapes, gzip; decoded at most three levels deep."""

import base64
import binascii
import re
import zlib

MAX_DECODED_CHARS = 64 * 1024
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{8,}={0,2}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}\s*){4,})")


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


def hidden_text(text: str) -> str | None:
    """Return what a whole literal hides when it is base64 or hex of printable text."""
    stripped = text.strip()
    if _HEX.fullmatch(stripped):
        found = as_text(from_hex(stripped))
        if found is not None and _is_plain(found):
            return found
    if _BASE64.fullmatch(stripped) and len(stripped) % 4 == 0:
        found = as_text(from_base64(stripped))
        if found is not None and _is_plain(found):
            return found
    return None


def _is_plain(text: str) -> bool:
    return bool(text) and all(char.isprintable() or char in "\t\r\n" for char in text)
