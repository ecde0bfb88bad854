"""Heads kept somewhere else: what finds a log that was cut, rolled back or forked together with its checkpoints.

A witness is a file of checkpoint notes, oldest first, with an empty line between them; a file or an address that
holds a single note (the `checkpoint` of C2SP tlog-tiles) is one too. It proves something only while whoever can
change the log cannot change it.
"""

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from audit.checkpoint import Checkpoint, VerifierKey, parse_note, verify_note
from audit.errors import AuditError

MAX_BYTES = 256 * 2**20
_TAIL_BYTES = 65_536
_TIMEOUT_S = 10.0
_DASH = "— ".encode()
_NOTE = re.compile(rb"[^\n]+\n[^\n]+\n[^\n]+\n\n(?:" + _DASH + rb"[^\n]+\n)+")
_TORN = re.compile(
    rb"\n?(?:(?:[^\n]+\n){0,2}[^\n]*|(?:[^\n]+\n){3}(?:\n(?:\xe2(?:\x80(?:\x94(?: [^\n]*)?)?)?)?)?)"
)
"""What a write that was cut off can leave behind the last whole note."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What one witness has seen."""

    source: str
    checkpoints: tuple[Checkpoint, ...]
    is_torn: bool = False
    """The last note is incomplete: its writing was cut off, and it was left out."""

    @property
    def newest(self) -> Checkpoint | None:
        """The head over the most entries."""
        return max(self.checkpoints, key=lambda head: head.size, default=None)


def append_head(path: Path, note: bytes) -> bool:
    """Add a committed checkpoint to a witness file, durably; False when it is the newest there already.

    A last note that a crash cut off is removed first. Call it from one process at a time.

    Raises: AuditError when the file cannot be written, or its newest head contradicts the note: longer, or equally
    long with another root.
    """
    head = parse_note(note).checkpoint
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            start = max(0, end - _TAIL_BYTES)
            file.seek(start)
            tail = file.read()
            last, kept = _kept(tail, head.origin, path)
            if last is not None and _already(last, head, path):
                return False
            file.seek(start + kept)
            file.truncate()
            file.write(b"\n" + note if start + kept else note)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AuditError(f"cannot write the witness `{path}`: {error.strerror}") from error
    return True


def read_heads(source: str | Path, keys: Sequence[VerifierKey]) -> Heads:
    """Return every head that a witness (a file, or an http(s) address) has seen, each signed by one of `keys`.

    Raises: AuditError when it cannot be read, or a note in it is malformed or not signed by the log.
    """
    text = _fetch(str(source)) if _is_url(str(source)) else _read(Path(source))
    notes, end = _notes(text, str(source))
    heads: list[Checkpoint] = []
    for number, note in enumerate(notes):
        try:
            heads.append(verify_note(note, keys))
        except AuditError as error:
            raise AuditError(f"witness `{source}`, head {number}: {error}") from error
    if not _TORN.fullmatch(text[end:]):
        raise AuditError(f"the witness `{source}` does not end in a checkpoint")
    return Heads(str(source), tuple(heads), is_torn=end != len(text))


def _notes(text: bytes, source: str) -> tuple[list[bytes], int]:
    """Cut a witness into whole notes; return them and where the last one ends.

    Raises: AuditError when something that is no note stands before a whole one.
    """
    notes: list[bytes] = []
    end = 0
    for found in _NOTE.finditer(text):
        if text[end : found.start()] != (b"\n" if notes else b""):
            raise AuditError(f"the witness `{source}` has something that is no checkpoint after head {len(notes)}")
        notes.append(found[0])
        end = found.end()
    return notes, end


def _kept(tail: bytes, origin: str, path: Path) -> tuple[Checkpoint | None, int]:
    """Return the newest whole head in the end of a witness file, and where in `tail` it ends.

    Raises: AuditError when what follows is not the beginning of another note: it is somebody else's file then.
    """
    found = list(_NOTE.finditer(tail))
    if not found:
        first = f"{origin}\n".encode()
        if not (tail.startswith(first) or first.startswith(tail)) or not _TORN.fullmatch(tail):
            raise AuditError(f"`{path}` is no witness of `{origin}`")
        return None, 0
    end = found[-1].end()
    if not _TORN.fullmatch(tail[end:]):
        raise AuditError(f"the witness `{path}` does not end in a checkpoint")
    return parse_note(found[-1][0]).checkpoint, end


def _already(last: Checkpoint, head: Checkpoint, path: Path) -> bool:
    if last.origin != head.origin:
        raise AuditError(f"the witness `{path}` watches `{last.origin}`, not `{head.origin}`")
    if last.size > head.size:
        raise AuditError(f"the witness `{path}` has seen {last.size} entries, more than {head.size}")
    if last.size == head.size and last.root != head.root:
        raise AuditError(f"the witness `{path}` has seen other entries below {head.size}: two logs have one name")
    return last.size == head.size


def _is_url(source: str) -> bool:
    return urlsplit(source).scheme in {"http", "https"}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise AuditError(f"cannot read the witness `{path}`: {error.strerror}") from error
    return _bounded(text, str(path))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A witness answers where it was pinned, or not at all."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Refuse: urllib then raises the redirect as an error."""


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            text = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as error:
        raise AuditError(f"cannot read the witness `{url}`: {error}") from error
    return _bounded(bytes(text), url)


def _bounded(text: bytes, source: str) -> bytes:
    if len(text) > MAX_BYTES:
        raise AuditError(f"the witness `{source}` is longer than {MAX_BYTES} bytes")
    return text
