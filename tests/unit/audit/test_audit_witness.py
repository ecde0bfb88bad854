"""Witness files: durable, readable after a crash, never somebody else's file."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audit import AuditError, Checkpoint, SigningKey, witness
from audit.witness import append_head, read_heads
from tests.support.audit_logs import KEY, ORIGIN

HEADS = [Checkpoint(ORIGIN, size, bytes([size]) * 32) for size in (1, 5, 9)]
NOTES = [KEY.sign(head) for head in HEADS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a witness file will be."""
    return tmp_path / "witness"


def test_heads_come_back_in_order(path: Path) -> None:
    """What was appended is read, verified, and the newest is the longest."""
    for note in NOTES:
        assert append_head(path, note)
    heads = read_heads(path, [KEY.verifier])
    assert list(heads.checkpoints) == HEADS
    assert heads.newest == HEADS[-1]
    assert not heads.is_torn


def test_the_same_head_is_kept_once(path: Path) -> None:
    """Telling a witness what it knows changes nothing."""
    assert append_head(path, NOTES[0])
    assert not append_head(path, NOTES[0])
    assert len(read_heads(path, [KEY.verifier]).checkpoints) == 1


def test_a_single_note_is_a_witness(path: Path) -> None:
    """A copied checkpoint file is enough, also with cosignatures of others."""
    other = SigningKey("witness.test", bytes(32)).sign(HEADS[1]).split(b"\n\n")[1]
    path.write_bytes(NOTES[1] + other)
    assert read_heads(path, [KEY.verifier]).checkpoints == (HEADS[1],)


def test_an_empty_file_has_seen_nothing(path: Path) -> None:
    """A new witness is empty; it becomes one by the first head."""
    path.write_bytes(b"")
    assert read_heads(path, [KEY.verifier]).newest is None
    assert append_head(path, NOTES[0])
    assert read_heads(path, [KEY.verifier]).checkpoints == (HEADS[0],)


def test_a_write_cut_anywhere_is_repaired(path: Path) -> None:
    """Cut after any byte, the whole heads are read, and appending the rest restores the very same file."""
    whole = b"\n".join(NOTES)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        seen = len(read_heads(path, [KEY.verifier]).checkpoints)
        for note in NOTES[seen:]:
            assert append_head(path, note)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (NOTES[0], "has seen 5 entries, more than 1"),
        (KEY.sign(Checkpoint(ORIGIN, 5, bytes(32))), "two logs have one name"),
        (KEY.sign(Checkpoint("another", 9, bytes(32))), f"watches `{ORIGIN}`"),
    ],
)
def test_a_contradicting_head_is_refused(path: Path, note: bytes, why: str) -> None:
    """A shorter log, another log of equal length, or a log of another name is not written down."""
    append_head(path, NOTES[1])
    before = path.read_bytes()
    with pytest.raises(AuditError, match=why):
        append_head(path, note)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"root:x:0:0\n", b"x", b"a\nb\nc\n\nd\n", NOTES[0] + b"rubbish after\n\n\n"])
def test_somebody_elses_file_is_left_alone(path: Path, content: bytes) -> None:
    """A file that does not look like our witness is neither read as one nor written to."""
    path.write_bytes(content)
    with pytest.raises(AuditError, match="witness"):
        append_head(path, NOTES[1])
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        NOTES[0] + b"\n\n" + NOTES[1],
        b"x\n" + NOTES[0],
        NOTES[0].replace("—".encode(), b"-"),
        NOTES[0] + b"\n" + NOTES[1].replace(b"\n5\n", b"\n6\n"),
        NOTES[0].replace(b"\n1\n", b"\n01\n"),
        SigningKey(ORIGIN, bytes(32)).sign(HEADS[0]),
    ],
)
def test_a_changed_witness_is_refused(path: Path, content: bytes) -> None:
    """Heads that are malformed or not signed by the log prove nothing, and are not skipped."""
    path.write_bytes(content)
    with pytest.raises(AuditError, match="witness"):
        read_heads(path, [KEY.verifier])


def test_a_missing_witness_is_an_error(path: Path) -> None:
    """A witness that is named must be there."""
    with pytest.raises(AuditError, match="cannot read the witness"):
        read_heads(path, [KEY.verifier])


def test_an_unwritable_witness_is_an_error(path: Path) -> None:
    """A folder in its place is an AuditError."""
    path.mkdir()
    with pytest.raises(AuditError, match="cannot write the witness"):
        append_head(path, NOTES[0])


def test_an_endless_witness_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness is read up to a bound."""
    path.write_bytes(b"\n".join(NOTES))
    monkeypatch.setattr(witness, "MAX_BYTES", 100)
    with pytest.raises(AuditError, match="longer than"):
        read_heads(path, [KEY.verifier])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/heads")
            self.end_headers()
            return
        self.send_response(200 if self.path == "/heads" else 404)
        self.end_headers()
        self.wfile.write(b"\n".join(NOTES))

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """A web server that keeps heads."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_heads_come_from_an_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness can be a web address; proxies of the environment are not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert list(read_heads(f"{address}/heads", [KEY.verifier]).checkpoints) == HEADS


@pytest.mark.parametrize("path", ["/none", "/moved"])
def test_errors_and_redirects_are_no_witness(address: str, path: str) -> None:
    """Only a plain answer from the pinned address counts."""
    with pytest.raises(AuditError, match="cannot read the witness"):
        read_heads(address + path, [KEY.verifier])
