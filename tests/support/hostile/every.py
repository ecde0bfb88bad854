"""Every hostile input, by reader."""

from collections.abc import Iterator

from tests.support.hostile import contents, programs, queries, requests, shells
from tests.support.hostile.case import Hostile


def cases() -> Iterator[Hostile]:
    """Yield every case of every reader."""
    for part in (shells, queries, programs, requests, contents):
        yield from part.cases()
