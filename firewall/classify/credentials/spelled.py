r"""Texts as they read behind JSON's escapes: `\u0067hp_…` and `a\/b` are what a parser makes of them.

Only signs that may stand in a credential are read; quotes, backslashes and controls stay as they are written, so
what breaks a value still does. Escapes of JSON within JSON count as well, up to three deep.
"""

import re
from array import array
from bisect import bisect_right

_BEFORE = rb"(?:\\{8}|\\{4}|\\{2}|\\)"
"""What stands before an escaped sign: one backslash, doubled each time it was written within JSON once more."""
_SLASH = re.compile(_BEFORE + rb"/")
_CODE = re.compile(_BEFORE + rb"u00([2-7][0-9A-Fa-f])")
_ESCAPE = re.compile(_BEFORE + rb"(?:u00([2-7][0-9A-Fa-f])|/)")
_MARKS = re.compile(rb"\\(?:/|u00)")
_STAYS = frozenset(b'"\\\x7f')
_SIGNS = {b"%02x" % code: bytes((code,)) for code in range(0x20, 0x80) if code not in _STAYS}


class Plain:
    """One text without such escapes, and where each of its bytes stands in the text as written."""

    __slots__ = ("_at", "_moved", "_written", "data")

    def __init__(self, written: bytes) -> None:
        self._written = written
        self._at: array[int] | None = None
        self._moved = array("q")
        simple = written.find(b"\\\\/") < 0  # as nearly all that escape slashes write them: no pattern is needed
        slashes = written.replace(b"\\/", b"/") if simple else _SLASH.sub(b"/", written)
        plain = _CODE.sub(_sign, slashes)
        self.data = written if plain == written else plain
        """The text; the very bytes where there was nothing to read."""

    def _mapped(self) -> "array[int]":
        """Note where bytes went; only for who found something, since many escapes make it long."""
        at, end, size = array("q"), 0, 0
        for found in _ESCAPE.finditer(self._written):
            code = found.group(1)
            if code and code.lower() not in _SIGNS:
                continue
            size += found.start() - end + 1
            end = found.end()
            at.append(size)
            self._moved.append(end - size)
        return at

    def written(self, place: int) -> int:
        """Return where as written what stands before `place` ends, and so what stands at it begins."""
        if self._at is None:
            self._at = self._mapped()
        found = bisect_right(self._at, place)
        return place + (self._moved[found - 1] if found else 0)


def has_escapes(written: bytes) -> bool:
    """Tell whether a text may hold such an escape; quick, for most have no backslash at all."""
    return written.find(b"\\") >= 0 and _MARKS.search(written) is not None


def _sign(found: "re.Match[bytes]") -> bytes:
    return _SIGNS.get(found[1].lower(), found[0])
