"""Passkeys and links at rest: what was revoked, spent or out of time never comes back; nobody inherits any."""

import sqlite3
from dataclasses import replace

import pytest

from firewall.core.proofs import Link, LinkUse, Passkey
from firewall.core.work import (
    EndLink,
    EndPasskey,
    EndPerson,
    PutLink,
    PutPasskey,
    PutPerson,
    Unmet,
    UseLink,
    UsePasskey,
)
from firewall.sequencer.reading import ProofLookup
from firewall.storage.sqlite import people
from firewall.storage.sqlite.proofs import prove
from firewall.storage.sqlite.schema import create_tables

KEY = Passkey("pky_1", "alice", b"c1", b"public", 4, "phone", backed_up=True, created_at=1, used_at=0)
LINK = Link("lnk_1", b"f1", LinkUse.DECIDE, "alice", "apr_1", "d" * 64, 1, 100)


@pytest.fixture
def store() -> sqlite3.Connection:
    """A database with our tables."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(connection)
    return connection


def test_a_passkey_is_stored_used_and_revoked(store: sqlite3.Connection) -> None:
    """Its counter moves from where it was seen, once; revoked, it is gone and its credential with it."""
    rows = ProofLookup(store)
    assert prove(store, PutPasskey(KEY, 2), 0) is None
    assert rows.passkey(b"c1") == KEY
    assert prove(store, UsePasskey("pky_1", 4, 5, 9), 0) is None
    assert prove(store, UsePasskey("pky_1", 4, 6, 9), 3) == Unmet(3, "moved_on", found="pky_1")
    assert rows.passkeys("alice") == [replace(KEY, sign_count=5, used_at=9)]
    assert prove(store, EndPasskey("pky_1", 10), 0) is None
    assert prove(store, EndPasskey("pky_1", 11), 0) == Unmet(0, "unknown", found="pky_1")
    assert prove(store, UsePasskey("pky_1", 5, 6, 12), 0) == Unmet(0, "moved_on", found="pky_1")
    assert rows.passkey(b"c1") is None
    assert prove(store, PutPasskey(replace(KEY, id="pky_2"), 2), 1) == Unmet(1, "exists", found="pky_2")


def test_a_person_has_a_bounded_number_of_passkeys(store: sqlite3.Connection) -> None:
    """The limit counts live ones of the same person alone."""
    for number in range(2):
        one = replace(KEY, id=f"pky_{number}", credential=bytes([number]), created_at=number)
        assert prove(store, PutPasskey(one, 2), 0) is None
    third = PutPasskey(replace(KEY, id="pky_9", credential=b"c9", created_at=9), 2)
    assert prove(store, third, 0) == Unmet(0, "full", found="alice")
    other = replace(KEY, id="pky_8", credential=b"c8", person="bob", created_at=8)
    assert prove(store, PutPasskey(other, 2), 0) is None
    assert prove(store, EndPasskey("pky_0", 5), 0) is None
    assert prove(store, third, 0) is None
    rows = ProofLookup(store)
    assert [one.id for one in rows.passkeys()] == ["pky_1", "pky_8", "pky_9"]
    assert [one.id for one in rows.passkeys("bob")] == ["pky_8"]


def test_a_link_is_spent_once_and_in_time(store: sqlite3.Connection) -> None:
    """Used, revoked or late: the step is unmet and the link is not there."""
    rows = ProofLookup(store)
    for number in range(3):
        one = replace(LINK, id=f"lnk_{number}", fingerprint=bytes([number]), created_at=number)
        assert prove(store, PutLink(one), 0) is None
    assert [one.id for one in rows.links(50)] == ["lnk_2", "lnk_1", "lnk_0"]
    assert prove(store, UseLink("lnk_0", 50), 0) is None
    assert prove(store, UseLink("lnk_0", 51), 0) == Unmet(0, "moved_on", found="lnk_0")
    assert prove(store, EndLink("lnk_0", 51), 0) == Unmet(0, "unknown", found="lnk_0")
    assert prove(store, EndLink("lnk_1", 51), 0) is None
    assert prove(store, UseLink("lnk_1", 52), 0) == Unmet(0, "moved_on", found="lnk_1")
    assert prove(store, UseLink("lnk_2", 100), 0) == Unmet(0, "moved_on", found="lnk_2")
    assert [rows.link(bytes([number])) is None for number in range(3)] == [True, True, False]
    assert rows.links(100) == []


def test_who_is_removed_leaves_no_passkey_and_no_link(store: sqlite3.Connection) -> None:
    """Somebody of the same name, added later, starts without them; others keep theirs."""
    for name in ("alice", "bob"):
        people.put_person(store, PutPerson(name, "approver", (), "hash", 1))
        prove(store, PutPasskey(replace(KEY, id=f"pky_{name}", person=name, credential=name.encode()), 9), 0)
        prove(store, PutLink(replace(LINK, id=f"lnk_{name}", person=name, fingerprint=name.encode())), 0)
    assert people.end_person(store, EndPerson("alice", 20), 0) is None
    people.put_person(store, PutPerson("alice", "admin", (), "hash", 30))
    rows = ProofLookup(store)
    assert [one.id for one in rows.passkeys()] == ["pky_bob"]
    assert [one.id for one in rows.links(40)] == ["lnk_bob"]
    assert people.end_person(store, EndPerson("zoe", 20), 2) == Unmet(2, "unknown", found="zoe")
