"""One pass over a stored log: every byte hashed again, the tree rebuilt, every signed root compared.

INVARIANT: nothing stored is believed. Leaves come from bodies; the stored leaf hashes only tell which of several
entries between two checkpoints was changed.
"""

import base64
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TypeAlias

from audit import entry, tree
from audit.approvals import TELLING, Approvals
from audit.checkpoint import Checkpoint
from audit.errors import READ_ERRORS, WRONG_TYPES, AuditError
from audit.report import Fault, Findings
from audit.rows import Row, contradiction
from audit.signatures import Signatures

_ENTRIES = "SELECT seq, at, kind, principal, approval, leaf, body, sealed FROM audit_entries ORDER BY seq"
_LAST_OF_TILE = tree.TILE_WIDTH - 1
_FAR = 2**63
_MAX_NAMED = 10_000
_TELLING = frozenset(kind.value.encode() for kind in TELLING)
_Stored: TypeAlias = tuple[int, int, bytes, bytes, bytes, bytes, bytes, bytes | None]


class Scan:
    """The state of one pass. `run` it once, then read `size`, `frontier` and the rest."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        *,
        origin: str,
        findings: Findings,
        signatures: Signatures,
        heads: Sequence[tuple[str, Checkpoint]],
    ) -> None:
        self.size = 0
        self.frontier = tree.Frontier()
        self.checkpoints = 0
        self.signed_size = 0
        """Up to here the newest fitting checkpoint reaches."""
        self.witnessed_size = 0
        self.findings = findings
        self._conn = conn
        self._origin = origin
        self._signatures = signatures
        self._approvals = Approvals()
        self._named: dict[tuple[bytes, bytes], bytes] = {}
        self._heads = sorted(heads, key=lambda head: head[1].size)
        self._next_head = 0
        self._notes = conn.execute("SELECT size, note FROM audit_checkpoints ORDER BY size")
        self._note: tuple[int, bytes] | None = self._notes.fetchone()
        self._nodes = self._read_nodes()
        self._stored: tree.Frontier | None = None
        """The tree by stored leaves, from the first entry since the last good root whose leaf differs."""
        self._differing: list[int] = []
        self._good = 0
        """Entries below were under a root that was signed or witnessed."""
        self._is_lost = False
        """The tree can no longer be compared: said once, not at every root that follows."""

    def run(self) -> None:
        """Scan to the end, or until the findings are full or the file cannot be read."""
        try:
            stop = self._compare_roots()
            found = self.findings.items
            for row in self._conn.execute(_ENTRIES):
                if row[0] != self.size:
                    self._hole(row[0])
                self._take(row)
                if self.size >= stop:
                    stop = self._compare_roots()
                if found and self.findings.is_full:
                    return
        except READ_ERRORS as error:
            self.findings.add(Fault.UNREADABLE, f"cannot be read: {error}", self.size)
            return
        except WRONG_TYPES:  # FAIL-CLOSED: never a crash that looks like no answer
            self.findings.add(Fault.UNREADABLE, "cannot be read: a value has the wrong type", self.size)
            return
        self._finish()

    def _take(self, row: _Stored) -> None:
        seq, _at, kind, _principal, approval, stored_leaf, body, _sealed = row
        leaf = sha256(b"\x00" + body).digest()
        if leaf != stored_leaf or self._stored is not None:
            self._differ(seq, leaf, stored_leaf)
        if seq & _LAST_OF_TILE == _LAST_OF_TILE and not self._is_lost:
            self._check_nodes(leaf)
        self.frontier.append(leaf)
        self.size = seq + 1
        if (approval and kind in _TELLING) or not self._is_plain_match(row):
            self._read_body(row)

    def _read_body(self, row: _Stored) -> None:
        seq, at, kind, principal, approval, leaf, body, sealed = row
        try:
            said = entry.decode(body)
            texts = (kind.decode(), principal.decode(), approval.decode())
        except AuditError as error:
            self.findings.add(Fault.BODY, str(error), seq)
            return
        except UnicodeDecodeError:
            self.findings.add(Fault.COLUMN, "a column is not UTF-8", seq)
            return
        wrong = contradiction(Row(seq, at, *texts, leaf, body, sealed), said)
        if wrong:
            self.findings.add(Fault.COLUMN, wrong, seq)
        if said.approval:
            wrong = self._approvals.feed(said)
            if wrong:
                self.findings.add(Fault.APPROVAL, wrong, seq)

    def _is_plain_match(self, row: _Stored) -> bool:
        """Say whether the columns are literally what the body begins and ends with.

        True is a proof, False only means: read it. Quotes inside JSON strings are escaped, so the literal
        `","kind":"` between the anchors cannot lie within one, as long as no column holds a quote or a backslash.
        """
        seq, at, kind, principal, approval, _, body, sealed = row
        named = self._named.get((kind, principal))
        if named is None:
            named = self._name(kind, principal)
        if approval:
            if b'"' in approval or b"\\" in approval:
                return False
            begin = b'{"approval":"%b","at":%d,"data":{' % (approval, at)
        else:
            begin = b'{"at":%d,"data":{' % at
        if not (named and body.startswith(begin)):
            return False
        if sealed is None:
            return body.endswith(b'%b,"seq":%d,"v":1}' % (named, seq))
        end = b'","sha256":"%b"},"seq":%d,"v":1}' % (sha256(sealed).hexdigest().encode(), seq)
        if not body.endswith(end):
            return False
        sealed_at = body.rfind(b',"sealed":{"key":"')
        return sealed_at > 0 and body.endswith(named, 0, sealed_at)

    def _name(self, kind: bytes, principal: bytes) -> bytes:
        """Return how these two columns stand in a body, or nothing where that is not literally so."""
        both = kind + principal
        named = b'},"kind":"%b","principal":"%b"' % (kind, principal)
        if b'"' in both or b"\\" in both:
            named = b""
        if len(self._named) >= _MAX_NAMED:
            self._named.clear()
        self._named[kind, principal] = named
        return named

    def _hole(self, found: int) -> None:
        if found > self.size:
            further = f", and all up to entry {found - 1}" if found > self.size + 1 else ""
            self.findings.add(Fault.MISSING, f"missing{further}", self.size)
        else:
            self.findings.add(Fault.MISSING, f"stored out of order after entry {self.size - 1}", found)
        self._lose()

    def _differ(self, seq: int, leaf: bytes, stored_leaf: bytes) -> None:
        if self._stored is None:
            self._stored = tree.Frontier(self.frontier.mark())
        self._stored.append(stored_leaf)
        if leaf != stored_leaf:
            self._differing.append(seq)

    def _check_nodes(self, leaf: bytes) -> None:
        for level, index, digest in self.frontier.closing(leaf):
            stored = self._nodes.pop((level, index), None)
            first = index << tree.TILE_HEIGHT * level
            if stored is None:
                self.findings.add(Fault.NODE, f"the stored subtree hash {level}/{index} is missing", first)
            elif stored != digest and self._stored is None:
                self.findings.add(Fault.NODE, f"the stored subtree hash {level}/{index} is wrong", first)

    def _compare_roots(self) -> int:
        """Compare every root that is signed or witnessed at the present size; return the next such size."""
        root = self.frontier.root()
        while self._note is not None and self._note[0] <= self.size:
            self._compare_note(*self._note, root)
            self._note = self._notes.fetchone()
            root = self.frontier.root()
        while self._next_head < len(self._heads) and self._heads[self._next_head][1].size <= self.size:
            self._compare_head(*self._heads[self._next_head], root)
            self._next_head += 1
        ahead = [self._note[0]] if self._note else []
        ahead += [head.size for _, head in self._heads[self._next_head : self._next_head + 1]]
        return min(ahead, default=_FAR)

    def _compare_note(self, size: int, note: bytes, root: bytes) -> None:
        self.checkpoints += 1
        self._signatures.check(size, note)
        if self._is_lost:
            return
        if size != self.size:
            self.findings.add(Fault.CHECKPOINT, f"checkpoint {size} is stored out of order", max(0, size - 1))
            return
        if note.startswith(self._text(root)):
            self._settle("the leaf stored beside it was changed, the body is as signed")
        elif self._stored is not None and note.startswith(self._text(self._stored.root())):
            self.frontier = self._stored
            self._settle("body does not match its leaf, which is as signed: the body was changed")
        elif note.startswith(f"{self._origin}\n{size}\n".encode()):
            several = f"one of entries {self._good} to {size - 1} was changed: " if size - self._good > 1 else ""
            text = f"{several}the root that checkpoint {size} signed is another"
            self.findings.add(Fault.ROOT, text, min(self._differing, default=self._good))
            self._lose()
            return
        else:
            self.findings.add(
                Fault.CHECKPOINT, f"checkpoint {size} is not about this log and size", max(0, size - 1)
            )
            return
        self.signed_size = size

    def _compare_head(self, source: str, head: Checkpoint, root: bytes) -> None:
        if self._is_lost:
            return
        if head.size == self.size and root == head.root and head.origin == self._origin:
            self.witnessed_size = head.size
            return
        text = f"witness `{source}` has seen other entries below {head.size}: the log was rewritten or forked"
        if head.origin != self._origin:
            text = f"witness `{source}` watches `{head.origin}`, not `{self._origin}`"
        self.findings.add(Fault.WITNESS, text)

    def _settle(self, what: str) -> None:
        fault = Fault.BODY if what.startswith("body") else Fault.LEAF
        for seq in self._differing:
            self.findings.add(fault, what, seq)
        self._good = self.size
        self._stored = None
        self._differing = []

    def _lose(self) -> None:
        for seq in self._differing:
            self.findings.add(Fault.BODY, "body does not match its leaf", seq)
        self._stored = None
        self._differing = []
        self._is_lost = True

    def _finish(self) -> None:
        last = 0
        for size, note in self._rest():
            self._signatures.check(size, note)
            self.checkpoints += 1
            last = size
        if last:
            text = f"missing: the log was cut, its checkpoints reach to {last}"
            self.findings.add(Fault.MISSING, text, self.size)
        for source, head in self._heads[self._next_head :]:
            self.findings.add(
                Fault.WITNESS, f"missing: witness `{source}` has seen {head.size} entries", self.size
            )
        for seq in self._differing:
            self.findings.add(Fault.BODY, "body does not match its leaf", seq)
        for level, index in () if self._is_lost else self._nodes:
            self.findings.add(Fault.NODE, f"the stored subtree hash {level}/{index} belongs to nothing")

    def _rest(self) -> Iterator[tuple[int, bytes]]:
        while self._note is not None:
            yield self._note
            self._note = self._notes.fetchone()

    def _read_nodes(self) -> dict[tuple[int, int], bytes]:
        return {(row[0], row[1]): row[2] for row in self._conn.execute("SELECT level, idx, hash FROM audit_nodes")}

    def _text(self, root: bytes) -> bytes:
        return f"{self._origin}\n{self.size}\n{base64.b64encode(root).decode()}\n\n".encode()
