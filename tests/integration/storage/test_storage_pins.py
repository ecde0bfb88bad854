"""Pins at rest: one approved and one that waits for each name, and a yes only to what was read."""

import sqlite3
from dataclasses import replace

import pytest

from firewall.core.pins import Pin, PinState
from firewall.core.work import ApprovePin, ForgetPin, PutPin, Unmet
from firewall.storage.sqlite.pins import listing, pin
from firewall.storage.sqlite.schema import create_tables

ONE = Pin("notes", "read", PinState.APPROVED, "https://notes", "d1", "{}", at=1)
TWO = replace(ONE, state=PinState.WAITING, digest="d2", why="changed", at=2)


@pytest.fixture
def store() -> sqlite3.Connection:
    """A database with our tables."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(connection)
    return connection


def test_what_is_put_is_listed_and_replaced(store: sqlite3.Connection) -> None:
    """A definition of one state takes the place of the one before it; the other state's stays."""
    for one in (ONE, TWO, replace(TWO, digest="d3")):
        assert pin(store, PutPin(one), 0) is None
    assert listing(store) == [ONE, replace(TWO, digest="d3")]


def test_a_yes_is_for_what_was_read(store: sqlite3.Connection) -> None:
    """Another digest is unmet and changes nothing; the right one takes the approved one's place."""
    for one in (ONE, TWO):
        pin(store, PutPin(one), 0)
    assert pin(store, ApprovePin("notes", "read", "d9", "per_1", 5), 3) == Unmet(3, "moved_on", found="read")
    assert listing(store) == [ONE, TWO]
    assert pin(store, ApprovePin("notes", "read", "d2", "per_1", 5), 0) is None
    assert listing(store) == [replace(ONE, digest="d2", at=5, by="per_1")]


def test_what_waits_can_be_dropped(store: sqlite3.Connection) -> None:
    """Dropping forgets what waits and nothing else, and may be repeated."""
    for one in (ONE, TWO):
        pin(store, PutPin(one), 0)
    for _ in range(2):
        assert pin(store, ForgetPin("notes", "read"), 0) is None
    assert listing(store) == [ONE]
