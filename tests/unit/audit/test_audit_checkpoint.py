"""Signed notes and checkpoints against the ecosystem's published examples."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature

from audit import AuditError, Checkpoint, SigningKey, VerifierKey, parse_note, verify_note

# golang.org/x/mod/sumdb/note, the package's own example.
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = (
    b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETER_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

KEY = SigningKey("log.test/a", bytes(range(32)))
OTHER = SigningKey("log.test/b", bytes(32))
HEAD = Checkpoint("log.test/a", 5, bytes(range(32)))
NOTE = KEY.sign(HEAD)


def test_keys_of_the_go_example_are_read() -> None:
    """Go's published signing key yields Go's published verifier key, and both are written back as they were."""
    signer = SigningKey.parse(PETER_PRIVATE + "\n")
    assert str(signer.verifier) == PETER_PUBLIC
    assert signer.private_text() == PETER_PRIVATE + "\n"
    assert str(VerifierKey.parse(PETER_PUBLIC)) == PETER_PUBLIC


def test_signature_of_the_go_example_verifies() -> None:
    """Key id and signature are what Go's published note carries."""
    key = VerifierKey.parse(PETER_PUBLIC)
    raw = base64.b64decode(PETER_SIGNATURE)
    assert raw[:4] == key.key_id
    key.public.verify(raw[4:], PETER_TEXT)
    with pytest.raises(InvalidSignature):
        key.public.verify(raw[4:], PETER_TEXT + b" ")


def test_a_checkpoint_has_the_form_of_the_spec() -> None:
    """Origin, size, root, blank line, one em dash line with the key's name."""
    lines = NOTE.decode().split("\n")
    assert lines[:4] == ["log.test/a", "5", base64.b64encode(bytes(range(32))).decode(), ""]
    assert lines[4].startswith("— log.test/a ")
    assert lines[5:] == [""]


def test_a_signed_checkpoint_verifies() -> None:
    """What was signed comes back, under any list of keys that has the right one."""
    assert verify_note(NOTE, [OTHER.verifier, KEY.verifier]) == HEAD


def test_unknown_signatures_are_ignored_unless_alone() -> None:
    """A cosignature does not hurt a witness's note, and may not stand in the log."""
    line = OTHER.sign(HEAD).decode().split("\n\n")[1]
    both = NOTE + line.encode()
    assert verify_note(both, [KEY.verifier]) == HEAD
    with pytest.raises(AuditError, match="not pinned"):
        verify_note(both, [KEY.verifier], alone=True)


def test_a_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    """One bad signature of a pinned key outweighs a good one of another."""
    line = OTHER.sign(Checkpoint("log.test/a", 6, bytes(32))).decode().split("\n\n")[1]
    with pytest.raises(AuditError, match=r"signature of `log\.test/b"):
        verify_note(NOTE + line.encode(), [KEY.verifier, OTHER.verifier])


def test_a_note_of_strangers_is_refused() -> None:
    """Not signed by a pinned key: the text means nothing."""
    with pytest.raises(AuditError, match="not signed by a pinned key"):
        verify_note(NOTE, [OTHER.verifier])


def test_every_one_bit_change_of_a_note_is_refused() -> None:
    """There is no second spelling of a note: no stray base64 bits, no other dash, no leading zero."""
    for position in range(len(NOTE) * 8):
        changed = bytearray(NOTE)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(AuditError):
            verify_note(bytes(changed), [KEY.verifier], alone=True)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n",
        b"\xff\n1\n\n",
        b"a" * 70_000,
        NOTE[:-1],
        NOTE.replace(b"\n5\n", b"\n05\n"),
        NOTE.replace(b"\n5\n", b"\n-5\n"),
        NOTE.replace(b"\n5\n", "\n\u0665\n".encode()),
        NOTE.replace(b"\n\n", b"\nextension\n\n"),
        NOTE.replace(b"log.test/a\n5", b"\x07\n5"),
        NOTE.replace(b"log.test/a\n5", b"\n5"),
        NOTE.replace(b"AAEC", b"AAE=", 1),
        NOTE + b"- log.test/a AAAA\n",
        NOTE + "— log.test/a\n".encode(),
        NOTE + "— log.test/a AAAA\n".encode(),
        NOTE + "— a+b AAAAAAAA\n".encode(),
    ],
)
def test_malformed_notes_are_refused(note: bytes) -> None:
    """Anything that is not exactly a checkpoint note is refused before any signature is looked at."""
    with pytest.raises(AuditError):
        parse_note(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        "name+00000000+!!!!",
        PETER_PUBLIC.replace("c74f20a3", "c74f20a4"),
        PETER_PUBLIC.replace("c74f20a3", "C74F20A3"),
        PETER_PUBLIC.replace("Peter", "Pe ter"),
        PETER_PUBLIC.replace("+AR", "+AB"),
        PETER_PUBLIC.replace("+ARpc", "+BBpc"),
    ],
)
def test_bad_verifier_keys_are_refused(text: str) -> None:
    """A key whose id, type, length or name is wrong pins nothing."""
    with pytest.raises(AuditError):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text", ["", PETER_PUBLIC, "x" + PETER_PRIVATE, PETER_PRIVATE.replace("c74f", "0000"), PETER_PRIVATE[:-4]]
)
def test_bad_signing_keys_are_refused_without_showing_them(text: str) -> None:
    """A signing key that does not parse is refused, and its secret part is not in the message."""
    with pytest.raises(AuditError) as caught:
        SigningKey.parse(text)
    assert "AYEKFALVFGyNhPJEMzD1QIDr" not in str(caught.value)


def test_names_and_seeds_are_checked() -> None:
    """A name that would break a signature line, or a seed of the wrong length, makes no key."""
    for name in ("", "a b", "a+b", "a\u2003b", "a\nb"):
        with pytest.raises(AuditError):
            SigningKey(name, bytes(32))
    with pytest.raises(AuditError, match="32 bytes"):
        SigningKey("a", bytes(31))


def test_an_origin_with_a_line_break_is_not_signed() -> None:
    """Nobody can smuggle a second checkpoint into the first line."""
    with pytest.raises(AuditError, match="origin"):
        KEY.sign(Checkpoint("a\n6", 5, bytes(32)))


def test_a_signing_key_does_not_show_itself() -> None:
    """Its repr is the public half."""
    assert repr(KEY) == f"SigningKey({KEY.verifier})"
