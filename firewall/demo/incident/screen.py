"""What the play shows: labelled lines, ASCII only, colours only for a terminal that wants them."""

import os
import textwrap
from collections.abc import Mapping
from typing import TextIO

from firewall.approvals.text import visible

WIDTH = 100
"""Columns of a line, the label included; longer words are cut."""
_LABEL = 9
_COLOURS = {"bad": "31", "good": "32", "wait": "33", "title": "1"}


def is_coloured(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether colours are wanted: a terminal, and nobody said no (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


class Screen:
    """Writes the play's lines to one stream."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_coloured = is_coloured(stream, environ)

    def title(self, text: str) -> None:
        """Begin a part."""
        self._write(self._painted(_plain(text), "title"))

    def blank(self) -> None:
        """Leave a line empty."""
        self._write("")

    def line(self, label: str, text: str, tone: str = "") -> None:
        """Write a labelled text, wrapped under its label; `tone` is bad, good, wait or nothing."""
        rows = textwrap.wrap(_plain(text), WIDTH - _LABEL - 3, break_on_hyphens=False) or [""]
        for number, row in enumerate(rows):
            head = self._painted(f"{label:{_LABEL}}", tone) if number == 0 else " " * _LABEL
            self._write(f"  {head} {row}".rstrip())

    def _painted(self, text: str, tone: str) -> str:
        code = _COLOURS.get(tone, "")
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._is_coloured else text

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def _plain(text: str) -> str:
    """Spell out what a terminal would act on, and what is not ASCII."""
    return visible(text, keep="").encode("ascii", "backslashreplace").decode()
