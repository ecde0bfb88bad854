"""Single keys from a terminal, for as long as a block lasts."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager


class Keys:
    """A terminal that hands out keys as they are pressed; without one, no key is ever pressed."""

    def __init__(self, source: int | None) -> None:
        self._source = source

    def pressed(self, *, within_s: float) -> str:
        """Return the key that is pressed within that time, in lower case; otherwise nothing."""
        if self._source is None:
            select.select([], [], [], within_s)
            return ""
        ready, _, _ = select.select([self._source], [], [], within_s)
        return os.read(self._source, 1).decode("ascii", "replace").lower() if ready else ""


@contextmanager
def keys(*, is_wanted: bool) -> Iterator[Keys]:
    """Read keys without return and without showing them; the terminal is as before afterwards.

    Ctrl-C keeps its meaning. Where no key is wanted, standard input is left alone.
    """
    if not is_wanted:
        yield Keys(None)
        return
    source = sys.stdin.fileno()
    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source, termios.TCSANOW)
        yield Keys(source)
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
