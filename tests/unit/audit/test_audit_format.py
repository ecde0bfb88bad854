"""The format document and the code say the same; golden bytes pin both."""

import hmac
import sqlite3
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit import Draft, Kind, encode, schema
from audit.seal import Keystore, identity_of
from audit.witness import append_head
from tests.support.audit_logs import KEY, connect, make, reopen

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "audit-format.md").read_text(encoding="utf-8")


def test_every_statement_of_the_schema_is_in_the_document() -> None:
    """Tables, triggers and index stand there word for word."""
    for statement in schema.OBJECTS.values():
        assert f"{statement};" in DOCUMENT


def test_every_kind_is_in_the_document() -> None:
    """No kind is undocumented."""
    assert [kind for kind in Kind if f"`{kind.value}`" not in DOCUMENT] == []


def test_the_example_is_what_the_code_writes() -> None:
    """The example entry, byte for byte."""
    example = Draft(
        kind=Kind.TOOL_JUDGED,
        principal="prn_1",
        at=1_760_000_000_000_000,
        data={"verdict": "ask", "effects": ["destructive", "exec"], "held": True, "n": {"rows": -3}},
        approval="apr_1",
        subject="sub_1",
        sealed=b"ciphertext",
    )
    assert f"\n{encode(example, 7).decode()}\n" in DOCUMENT


def test_the_keystore_is_what_the_document_says(tmp_path: Path) -> None:
    """A key can be unwrapped, a part opened and a pseudonym made by hand from the document's formulas alone."""
    kek = bytes(range(32))
    keystore = Keystore.create(tmp_path / "keystore.db", kek)
    key = keystore.key_for("alice")
    draft = Draft(Kind.TOOL_JUDGED, "prn_1", 5, {}, "apr_1", key.id)
    sealed = key.seal(identity_of(draft), b"rm -rf /srv/data")
    conn = sqlite3.connect(tmp_path / "keystore.db")
    lookup, key_id, wrapped = conn.execute("SELECT lookup, id, wrapped FROM subject_keys").fetchone()
    (proof,) = conn.execute("SELECT proof FROM keystore").fetchone()
    statements = [row[0] for row in conn.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    conn.close()
    assert all(f"{statement};" in DOCUMENT for statement in statements)
    assert lookup == hmac.digest(hmac.digest(kek, b"stayhand keystore lookup", "sha256"), b"alice", "sha256")
    assert AESGCM(kek).decrypt(proof[:12], proof[12:], b"keystore") == b"stayhand keystore v1"
    raw = AESGCM(kek).decrypt(wrapped[:12], wrapped[12:], key_id.encode())
    identity = f"stayhand sealed v1\n11:tool.judged\n1:5\n5:prn_1\n5:apr_1\n36:{key_id}\n".encode()
    assert AESGCM(raw).decrypt(sealed[:12], sealed[12:], identity) == b"rm -rf /srv/data"
    names = sha256(b"stayhand pseudonyms" + raw).digest()
    assert key.pseudonym("prn_", "bob") == "prn_" + hmac.digest(names, b"bob", "sha256")[:16].hex()
    keystore.close()


def test_a_witness_file_is_notes_with_an_empty_line_between(tmp_path: Path) -> None:
    """Two heads, exactly as the document lays them out."""
    notes = []
    for batches in ([1], [1, 2]):
        path = tmp_path / f"{len(batches)}.db"
        make(path, batches)
        conn = connect(path)
        head = reopen(conn).head
        conn.close()
        assert head is not None
        append_head(tmp_path / "witness", head)
        notes.append(head)
    assert (tmp_path / "witness").read_bytes() == notes[0] + b"\n" + notes[1]
    assert notes[0].decode().split("\n")[:2] == [KEY.verifier.name, "1"]
