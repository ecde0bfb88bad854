"""Values that may be credentials: how random they look, and whether one of our own tokens is meant."""

import math
import re
from collections import Counter
from dataclasses import dataclass

from firewall.core.token import parse

VALUE = re.compile(rb"[A-Za-z0-9_+/.:~-]{8,512}={0,3}")
_DOTTED = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,15}(?:[.:/][A-Za-z_][A-Za-z0-9_]{0,15})+")
_DIGITS = b"0123456789"


@dataclass(frozen=True, slots=True)
class Finding:
    """A credential: which rule says so, and where it stands."""

    rule: str
    start: int
    """Offset of its first byte."""
    end: int
    """Offset behind its last byte."""


def entropy_of(value: bytes) -> float:
    """Return Shannon's entropy in bits a byte."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def is_opaque(value: bytes) -> bool:
    """Tell whether a value in the place of a credential is one: no word, no variable, no path of names."""
    if len(value.translate(None, _DIGITS)) == len(value) and len(value) < 24:
        return False
    return entropy_of(value) >= 2.5 and _DOTTED.fullmatch(value) is None


def is_ours(value: bytes) -> bool:
    """Tell whether a value is a token in our own form, checksum and all."""
    return value.startswith(b"shd_") and parse(value.decode("ascii", "replace")) is not None
