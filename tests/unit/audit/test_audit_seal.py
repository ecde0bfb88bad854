"""Sealing, the keystore, and erasure that leaves nothing to read."""

import os
import sqlite3
from pathlib import Path

import pytest

from audit import AuditError, Draft, Kind, decode, encode
from audit.seal import Keystore, identity, identity_of, parse_kek, passing_key, read_kek, write_kek

KEK = bytes(range(32))


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    """A new keystore."""
    return Keystore.create(tmp_path / "keystore.db", KEK)


def test_what_is_sealed_opens_again_after_a_restart(tmp_path: Path, keystore: Keystore) -> None:
    """The key comes back from the file, by subject and by id."""
    key = keystore.key_for("alice")
    sealed = key.seal(b"identity", b"the argument")
    keystore.close()
    again = Keystore(tmp_path / "keystore.db", KEK)
    assert again.key_for("alice").id == key.id
    found = again.find(key.id)
    assert found is not None
    assert found.open(b"identity", sealed) == b"the argument"
    again.close()


def test_a_sealed_part_belongs_to_its_entry(keystore: Keystore) -> None:
    """It opens for the entry it was sealed for, read back from the log, and for no other."""
    key = keystore.key_for("alice")
    draft = Draft(Kind.TOOL_JUDGED, "prn", 5, {}, "apr", key.id)
    sealed = key.seal(identity_of(draft), b"x")
    entry = decode(encode(Draft(draft.kind, draft.principal, draft.at, {}, "apr", key.id, sealed), 3))
    assert key.open(identity_of(entry), sealed) == b"x"
    for other in (
        Draft(Kind.TOOL_RELEASED, "prn", 5, {}, "apr", key.id),
        Draft(Kind.TOOL_JUDGED, "prn2", 5, {}, "apr", key.id),
        Draft(Kind.TOOL_JUDGED, "prn", 6, {}, "apr", key.id),
        Draft(Kind.TOOL_JUDGED, "prn", 5, {}, "", key.id),
        Draft(Kind.TOOL_JUDGED, "prn", 5, {}, "apr", "sub_other"),
    ):
        with pytest.raises(AuditError, match="does not open"):
            key.open(identity_of(other), sealed)


def test_identity_takes_the_subject_of_an_unsealed_draft() -> None:
    """Before sealing a draft has no subject yet: it is given beside it, and the identity is the same."""
    bare, full = Draft(Kind.TOOL_JUDGED, "p", 5), Draft(Kind.TOOL_JUDGED, "p", 5, subject="sub_1")
    assert identity_of(bare, "sub_1") == identity_of(full)


@pytest.mark.parametrize("name", ["prn_1", "", "zoë", "日本\n3:x"])
def test_identity_counts_bytes(name: str) -> None:
    """Every field stands behind its length in bytes, whatever its characters."""
    fields = ("tool.judged", "5", name, "apr", "sub_1")
    expected = b"stayhand sealed v1\n" + b"".join(
        b"%d:%b\n" % (len(field.encode()), field.encode()) for field in fields
    )
    assert identity_of(Draft(Kind.TOOL_JUDGED, name, 5, {}, "apr", "sub_1")) == expected
    assert identity("tool.judged", 5, principal=name, approval="apr", subject="sub_1") == expected


def test_identity_cannot_be_shifted() -> None:
    """Lengths stand before fields: moving a character from one field to the next changes the identity."""
    assert identity_of(Draft(Kind.TOOL_JUDGED, "ab", 5, {}, "c")) != identity_of(
        Draft(Kind.TOOL_JUDGED, "a", 5, {}, "bc")
    )
    assert identity_of(Draft(Kind.TOOL_JUDGED, "a\n1:b", 5)) != identity_of(
        Draft(Kind.TOOL_JUDGED, "a", 5, {}, "b")
    )


@pytest.mark.parametrize("bad", [b"", b"short", bytes(12), bytes(40)])
def test_garbage_does_not_open(keystore: Keystore, bad: bytes) -> None:
    """Too short, or not by this key: an AuditError."""
    with pytest.raises(AuditError, match="does not open"):
        keystore.key_for("alice").open(b"", bad)


def test_sealing_twice_gives_different_bytes(keystore: Keystore) -> None:
    """Nonces are fresh, so equal texts cannot be recognised."""
    key = keystore.key_for("alice")
    assert key.seal(b"i", b"same") != key.seal(b"i", b"same")


def test_erasure_is_final(tmp_path: Path, keystore: Keystore) -> None:
    """After erasing, no process that opens the keystore finds the key, and a new key has a new id."""
    key = keystore.key_for("alice")
    other = keystore.key_for("bob")
    assert keystore.erase("alice") == key.id
    assert keystore.find(key.id) is None
    assert keystore.erase("alice") == ""
    fresh = keystore.key_for("alice")
    assert fresh.id != key.id
    keystore.close()
    again = Keystore(tmp_path / "keystore.db", KEK)
    assert again.find(key.id) is None
    assert again.find(other.id) is not None
    again.close()


def test_erasure_leaves_no_trace_in_the_file(tmp_path: Path, keystore: Keystore) -> None:
    """80: Neither id nor wrapped key of the erased subject is left in the keystore's bytes."""
    key_id = keystore.key_for("alice").id
    raw = sqlite3.connect(tmp_path / "keystore.db")
    (wrapped,) = raw.execute("SELECT wrapped FROM subject_keys").fetchone()
    raw.close()
    assert wrapped in (tmp_path / "keystore.db").read_bytes()
    keystore.erase("alice")
    keystore.close()
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert wrapped not in left
    assert key_id.encode() not in left


def test_another_process_forgets_what_was_erased(tmp_path: Path, keystore: Keystore) -> None:
    """A key that another process holds is gone with its next look at the file; one that stays is found."""
    second = Keystore(tmp_path / "keystore.db", KEK)
    key, other = second.key_for("alice"), second.key_for("bob")
    second.look_again()
    assert keystore.erase("alice") == key.id
    second.look_again()
    assert second.find(key.id) is None
    assert second.key_for("alice").id != key.id
    assert second.key_for("bob").id == other.id
    second.close()
    keystore.close()


def test_a_key_is_erased_by_its_id(keystore: Keystore) -> None:
    """Whoever knows the id alone erases as well; a second time there is nothing, and others stay."""
    key, other = keystore.key_for("alice"), keystore.key_for("bob")
    assert keystore.erase_key(key.id)
    assert not keystore.erase_key(key.id)
    assert keystore.find(key.id) is None
    assert keystore.key_for("alice").id != key.id
    assert keystore.find(other.id) is not None
    keystore.close()


def test_the_keystore_names_nobody(tmp_path: Path, keystore: Keystore) -> None:
    """A stolen keystore file without its key does not say whose keys it holds."""
    keystore.key_for("alice@example.com")
    keystore.close()
    assert b"alice" not in (tmp_path / "keystore.db").read_bytes()


def test_pseudonyms_are_stable_and_private(keystore: Keystore) -> None:
    """The same name under the same key is the same id; another subject's differs; the name is not in it."""
    alice, bob = keystore.key_for("alice"), keystore.key_for("bob")
    name = alice.pseudonym("prn_", "alice/coder")
    assert name == alice.pseudonym("prn_", "alice/coder")
    assert name != bob.pseudonym("prn_", "alice/coder")
    assert name.startswith("prn_")
    assert len(name) == 36
    keystore.close()


def test_keys_do_not_show_themselves(keystore: Keystore) -> None:
    """A key's repr is its id."""
    key = keystore.key_for("alice")
    assert repr(key) == f"SubjectKey({key.id})"
    keystore.close()


def test_a_missing_keystore_is_an_error_and_stays_missing(tmp_path: Path) -> None:
    """Opening never creates: a keystore that is gone closes the gates."""
    with pytest.raises(AuditError, match="there is no keystore"):
        Keystore(tmp_path / "none.db", KEK)
    assert not (tmp_path / "none.db").exists()


def test_create_does_not_overwrite(tmp_path: Path, keystore: Keystore) -> None:
    """An existing keystore is never replaced by an empty one."""
    keystore.close()
    with pytest.raises(AuditError, match="cannot make the keystore"):
        Keystore.create(tmp_path / "keystore.db", KEK)


def test_another_wrapping_key_is_refused(tmp_path: Path, keystore: Keystore) -> None:
    """The wrong key-encryption key is noticed at opening, not at the first unreadable entry."""
    keystore.close()
    with pytest.raises(AuditError, match="wrapped by another key"):
        Keystore(tmp_path / "keystore.db", bytes(32))


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_a_file_that_is_no_keystore_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or foreign file is an AuditError."""
    (tmp_path / "k.db").write_bytes(content)
    with pytest.raises(AuditError, match="keystore"):
        Keystore(tmp_path / "k.db", KEK)


def test_a_damaged_key_is_an_error(tmp_path: Path, keystore: Keystore) -> None:
    """A wrapped key that was changed does not turn into another key."""
    keystore.key_for("alice")
    keystore.close()
    raw = sqlite3.connect(tmp_path / "keystore.db")
    raw.execute("UPDATE subject_keys SET wrapped = zeroblob(60)")
    raw.commit()
    raw.close()
    again = Keystore(tmp_path / "keystore.db", KEK)
    with pytest.raises(AuditError, match="is damaged"):
        again.key_for("alice")
    again.close()


def test_a_keystore_whose_tables_vanish_is_an_error(tmp_path: Path, keystore: Keystore) -> None:
    """Reading, making and erasing keys all fail closed."""
    raw = sqlite3.connect(tmp_path / "keystore.db")
    raw.execute("DROP TABLE subject_keys")
    raw.commit()
    raw.close()
    with pytest.raises(AuditError, match="cannot read"):
        keystore.key_for("alice")
    with pytest.raises(AuditError, match="cannot erase"):
        keystore.erase("alice")
    keystore.close()


def test_a_keystore_that_is_closed_is_not_looked_at(keystore: Keystore) -> None:
    """Whether others erased cannot be told then: an AuditError."""
    keystore.close()
    with pytest.raises(AuditError, match="cannot read"):
        keystore.look_again()


def test_a_keystore_that_cannot_be_written_is_an_error(tmp_path: Path, keystore: Keystore) -> None:
    """A subject without a key cannot be sealed for, so nothing of theirs is recorded half."""
    raw = sqlite3.connect(tmp_path / "keystore.db")
    raw.execute("CREATE TRIGGER no BEFORE INSERT ON subject_keys BEGIN SELECT RAISE(ABORT, 'full'); END")
    raw.commit()
    raw.close()
    with pytest.raises(AuditError, match="cannot write the keystore"):
        keystore.key_for("alice")
    keystore.close()


def test_key_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    """The wrapping key's file has mode 0600, holds 32 random bytes, and is written once."""
    path = tmp_path / "kek"
    write_kek(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_kek(path)) == 32
    with pytest.raises(AuditError, match="cannot write"):
        write_kek(path)


def test_bad_key_files_are_refused_without_showing_them(tmp_path: Path) -> None:
    """Missing, binary or short: an AuditError that does not repeat the content."""
    with pytest.raises(AuditError, match="cannot read"):
        read_kek(tmp_path / "none")
    (tmp_path / "binary").write_bytes(os.urandom(32) + b"\xff")
    with pytest.raises(AuditError, match=r"cannot read|not 32 bytes"):
        read_kek(tmp_path / "binary")
    with pytest.raises(AuditError) as caught:
        parse_kek("c2VjcmV0")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_passing_key_opens_what_it_sealed_and_lies_in_no_keystore(keystore: Keystore) -> None:
    """Each has an id and pseudonyms of its own; nothing that is kept opens what it sealed."""
    one, other = passing_key(), passing_key()
    sealed = one.seal(b"what", b"said")
    assert one.open(b"what", sealed) == b"said"
    with pytest.raises(AuditError):
        other.open(b"what", sealed)
    assert one.id != other.id
    assert one.pseudonym("per_", "olga") != other.pseudonym("per_", "olga")
    assert keystore.find(one.id) is None
