"""What is found as a file: JSON lines, each entry with its proof (docs/audit-format.md, part 10)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson

from audit import AuditError, VerifierKey
from audit.bundle import NAME
from audit.verify import prove, prove_all, verify_proof
from firewall.console.explorer.desk import Most, Page
from firewall.console.explorer.seen import Seen
from firewall.core.errors import StoreError

MOST = Most(entries=1_000, weight=16 << 20, limit_s=5.0)
"""What one file holds. Written, an entry is there twice, once in its proof in base64, and opened once more."""


class Proofs:
    """Proves entries of one log, and verifies what it proved."""

    def __init__(self, log: Path, key: str, *, witnessed: Callable[[], int] = int) -> None:
        """`key`: the log's verifier key, as the auditor has it.

        `witnessed` gives the newest head to whoever keeps heads, and returns its size; 0: nobody does.
        """
        self.log = log
        self.key = key
        self._witnessed = witnessed

    def under(self) -> int:
        """Return the size of the head that proofs lead to: one that a witness has; 0: the newest, unwitnessed.

        Writes files: call it in a thread.
        """
        try:
            return self._witnessed()
        except StoreError:  # said where it is kept an eye on; the proof is as good, but for the witness
            return 0

    def of(self, seq: int) -> tuple[str, int]:
        """Return an entry's proof, verified, and the size of the log that it is proven in; nothing: there is none.

        Raises: StoreError when the log holds an entry that it cannot prove.
        """
        try:
            proof = prove(self.log, seq, under=self.under())
        except AuditError:
            return "", 0
        try:
            said, checkpoint = verify_proof(proof, [VerifierKey.parse(self.key)])
        except AuditError as error:
            raise StoreError("the proof does not hold: run the verifier", detail=str(error)) from error
        return (proof, checkpoint.size) if said.seq == seq else ("", 0)


def bundle(page: Page, proofs: Proofs, *, is_open: bool) -> bytes:
    """Return the bundle of a page's entries; `is_open`: with what was sealed, opened.

    Raises: StoreError when an entry cannot be proven.
    """
    try:
        return b"".join(line + b"\n" for line in _lines(page, proofs, is_open=is_open))
    except AuditError as error:
        raise StoreError("an entry cannot be proven: run the verifier", detail=str(error)) from error


def _lines(page: Page, proofs: Proofs, *, is_open: bool) -> Iterator[bytes]:
    found = page.found
    asked = {name: getattr(page.wish, name) for name in page.wish.asked}
    told = {"entries": len(found.entries), "next": found.next, "ended": found.ended}
    yield orjson.dumps({"bundle": NAME, "asked": asked, **told})
    proven = prove_all(proofs.log, _seqs(found.entries), under=proofs.under())
    for seen, proof in zip(found.entries, proven, strict=True):
        more = {"private": seen.private} if is_open else {}
        yield orjson.dumps({"entry": orjson.loads(seen.body), **more, "proof": proof})


def _seqs(entries: Sequence[Seen]) -> Iterator[int]:
    return (seen.seq for seen in entries)
