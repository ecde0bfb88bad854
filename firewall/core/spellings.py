"""The forms in which a secret can stand in text: as it is, escaped, in hex, in base64 wherever a group begins.

Pure. What is compressed, encrypted, split or spelled otherwise is not found.
"""

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

_ESCAPE = re.compile(rb"%[0-9A-F]{2}")
_LEAST = 12
"""Shorter secrets are looked for as they are alone: their encoded middles are too short to mean anything."""
_LONG = b"t" * 20
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_MASK = bytes(ord("t" if char in _WORD else " ") for char in range(256))


def spellings_of(secret: bytes) -> tuple[bytes, ...]:
    """Return the forms of a secret, itself first; each is long enough to be found by itself."""
    if len(secret) < _LEAST:
        return (secret,)
    quoted = quote(secret, safe="").encode()
    escaped = _escaped(secret)
    slashed = escaped.replace(b"/", b"\\/")
    forms = [
        secret,
        quoted,
        _ESCAPE.sub(lambda found: found[0].lower(), quoted),
        quote(secret).encode(),
        # JSON, and JSON within JSON, by writers that escape slashes and by those that do not.
        *(escaped, _escaped(escaped), _escaped(_escaped(escaped))),
        *(slashed, _escaped(slashed), _escaped(_escaped(slashed))),
        json.dumps(_text(secret), ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"),
        secret.hex().encode(),
        secret.hex().upper().encode(),
    ]
    for shift in range(3):
        middle = _middle(secret, shift)
        forms += [middle, middle.replace(b"+", b"-").replace(b"/", b"_")]
    return tuple(dict.fromkeys(forms))


def holds(data: bytes, forms: Iterable[bytes]) -> bool:
    """Tell whether one of some forms stands in `data`.

    `find`, because `in` first tries to read what it is given as a number, and writes an error that nobody reads.
    """
    for form in forms:  # noqa: SIM110 - a generator costs more than the search
        if data.find(form) >= 0:
            return True
    return False


def has_long_run(data: bytes) -> bool:
    """Tell whether 20 letters, digits, `_` or `-` stand in a row; what has no such run holds nothing with one."""
    return data.translate(_MASK).find(_LONG) >= 0


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _escaped(raw: bytes) -> bytes:
    """Return bytes as they stand within a string of JSON."""
    return json.dumps(_text(raw))[1:-1].encode()


def _middle(secret: bytes, shift: int) -> bytes:
    """Return what base64 always holds of a secret that begins `shift` bytes behind a group's begin."""
    coded = base64.b64encode(b"\0" * shift + secret).rstrip(b"=")
    begin = (0, 2, 3)[shift]
    # The last character holds bits of what follows unless the group is whole.
    end = len(coded) if (len(secret) + shift) % 3 == 0 else len(coded) - 1
    return coded[begin:end]
