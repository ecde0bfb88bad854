r"""Texts as they read behind JSON's escapes: `\u0067hp_…` and `a\/b` are what a parser makes of them.

Only signs that may stand in a credential are read; quotes, backslashes and controls stay as they are written, so
what breaks a value still does. Escapes of JSON within JSON count as well, up to three deep.
"""

import re
from bisect import bisect_right

_ESCAPE = re.compile(rb"(?<!\\)\\{1,8}(?:u00([2-7][0-9A-Fa-f])|/)")
_STAYS = b'"\\\x7f'


class Plain:
    """One text without such escapes, and where each of its bytes stands in the text as written."""

    __slots__ = ("_at", "_moved", "data")

    def __init__(self, written: bytes) -> None:
        out: list[bytes] = []
        self._at: list[int] = []
        self._moved: list[int] = []
        end = size = 0
        for found in _ESCAPE.finditer(written):
            code = found.group(1)
            sign = bytes([int(code, 16)]) if code else b"/"
            if sign in _STAYS:
                continue
            begin = found.start()
            out += (written[end:begin], sign)
            size += begin - end + 1
            end = found.end()
            self._at.append(size)
            self._moved.append(end - size)
        out.append(written[end:])
        self.data = b"".join(out) if self._at else written
        """The text; the very bytes where there was nothing to read."""

    def written(self, place: int) -> int:
        """Return where as written what stands before `place` ends, and so what stands at it begins."""
        found = bisect_right(self._at, place)
        return place + (self._moved[found - 1] if found else 0)


def has_escapes(written: bytes) -> bool:
    """Tell whether a text may hold such an escape; quick."""
    return b"\\u00" in written or b"\\/" in written
