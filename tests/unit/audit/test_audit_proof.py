"""One entry, proven offline by a C2SP tlog-proof."""

from base64 import b64encode
from pathlib import Path

import pytest

from audit import AuditError, Checkpoint, SigningKey, encode, leaf_hash
from audit.verify import prove, verify_proof
from tests.support.audit_logs import KEY, ORIGIN, draft, make, tamper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good log of 311 entries, one stored subtree hash."""
    file = tmp_path / "log.db"
    make(file, [3, 1, 5, 300, 1, 1])
    return file


class TestProof:
    """One entry, proven offline."""

    @pytest.mark.parametrize("seq", [0, 3, 255, 256, 310])
    def test_a_proof_proves_its_entry(self, path: Path, seq: int) -> None:
        """Whatever the entry's place, the proof leads to the newest signed root."""
        entry, head = verify_proof(prove(path, seq), [KEY.verifier])
        assert (entry.seq, entry.data["n"], head.size) == (seq, seq, 311)

    def test_a_proof_leads_to_the_head_that_is_named(self, path: Path) -> None:
        """An earlier head proves what it covers; one that was never signed, or is too small, proves nothing."""
        entry, head = verify_proof(prove(path, 3, under=309), [KEY.verifier])
        assert (entry.seq, head.size) == (3, 309)
        for under, seq in ((308, 3), (309, 309)):
            with pytest.raises(AuditError, match="there is no signed entry"):
                prove(path, seq, under=under)

    def test_there_is_no_proof_of_nothing(self, path: Path) -> None:
        """An entry that is not there, or not signed, has no proof."""
        with pytest.raises(AuditError, match="there is no signed entry 311"):
            prove(path, 311)
        tamper(path, "DELETE FROM audit_checkpoints WHERE size > 309")
        with pytest.raises(AuditError, match="there is no signed entry 310"):
            prove(path, 310)

    def test_every_character_of_a_proof_counts(self, path: Path) -> None:
        """No change of one character leaves a proof that passes."""
        text = prove(path, 300)
        for at, letter in enumerate(text):
            changed = text[:at] + ("B" if letter != "B" else "C") + text[at + 1 :]
            with pytest.raises(AuditError):
                verify_proof(changed, [KEY.verifier])

    @pytest.mark.parametrize("text", ["", "c2sp.org/tlog-proof@v1\n\n", "c2sp.org/tlog-proof@v1\nindex 1\nx\n\n"])
    def test_what_is_no_proof_is_refused(self, text: str) -> None:
        """Text of another form proves nothing."""
        with pytest.raises(AuditError):
            verify_proof(text, [KEY.verifier])

    def test_a_proof_at_another_index_is_refused(self) -> None:
        """Signed or not: an entry that says another number than its place proves nothing."""
        body = encode(draft(0), 7)
        note = KEY.sign(Checkpoint(ORIGIN, 1, leaf_hash(body))).decode()
        text = f"c2sp.org/tlog-proof@v1\nextra {b64encode(body).decode()}\nindex 0\n\n{note}"
        with pytest.raises(AuditError, match="of entry 7, not 0"):
            verify_proof(text, [KEY.verifier])

    def test_a_proof_of_another_log_or_key_is_refused(self, path: Path) -> None:
        """Key and origin are pinned."""
        text = prove(path, 1)
        with pytest.raises(AuditError, match="not signed by a pinned key"):
            verify_proof(text, [SigningKey(ORIGIN, bytes(32)).verifier])
        with pytest.raises(AuditError, match="another log"):
            verify_proof(text, [KEY.verifier], origin="another")
