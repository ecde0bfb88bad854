"""What is found as a file: JSON lines, each entry with its proof (docs/audit-format.md, part 10)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from audit import AuditError
from audit.bundle import NAME
from audit.verify import prove_all
from firewall.console.explorer.desk import Most, Page
from firewall.console.explorer.seen import Seen
from firewall.core.errors import StoreError

MOST = Most(entries=1_000, weight=16 << 20, limit_s=5.0)
"""What one file holds. Written, an entry is there twice, once in its proof in base64, and opened once more."""


def bundle(page: Page, log: Path, *, is_open: bool) -> bytes:
    """Return the bundle of a page's entries; `is_open`: with what was sealed, opened.

    Raises: StoreError when an entry cannot be proven.
    """
    try:
        return b"".join(line + b"\n" for line in _lines(page, log, is_open=is_open))
    except AuditError as error:
        raise StoreError("an entry cannot be proven: run the verifier", detail=str(error)) from error


def _lines(page: Page, log: Path, *, is_open: bool) -> Iterator[bytes]:
    found = page.found
    asked = {name: getattr(page.wish, name) for name in page.wish.asked}
    told = {"entries": len(found.entries), "next": found.next, "ended": found.ended}
    yield orjson.dumps({"bundle": NAME, "asked": asked, **told})
    for seen, proof in zip(found.entries, prove_all(log, _seqs(found.entries)), strict=True):
        more = {"private": seen.private} if is_open else {}
        yield orjson.dumps({"entry": orjson.loads(seen.body), **more, "proof": proof})


def _seqs(entries: Sequence[Seen]) -> Iterator[int]:
    return (seen.seq for seen in entries)
