"""The whole proof of a stored log, read-only, needing nothing of ours but the pinned key.

What is compared: each body with its leaf, its columns and its ciphertext; the numbers with the sequence; the tree
with every checkpoint's root and signature, with the stored subtree hashes and with every witnessed head; the
entries of an approval with each other; the tables with the format's. What cannot be seen without a witness: a log
that was cut, rolled back or rewritten by somebody who holds its key, together with its checkpoints.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from audit import entry, schema, tree
from audit.checkpoint import Checkpoint, VerifierKey, unb64, verify_note
from audit.errors import READ_ERRORS, WRONG_TYPES, AuditError
from audit.reader import open_readonly
from audit.report import Fault, Findings, Report
from audit.scan import Scan
from audit.signatures import Signatures
from audit.tiles import Tiles
from audit.witness import Heads

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


def verify(
    log: Path,
    keys: Sequence[VerifierKey],
    *,
    origin: str = "",
    witnesses: Sequence[Heads] = (),
    strict: bool = False,
) -> Report:
    """Verify a log file; it is opened read-only and may be in use.

    `keys`: the log's key, and former ones after a rotation; `origin`: the log's name if it is not its key's.
    `strict`: entries that no checkpoint or no witness covers are findings.

    Raises: AuditError when there is no key, or no such file, or it is no SQLite database at all.
    """
    if not keys:
        raise AuditError("no key to verify with")
    conn = open_readonly(log, text=bytes)
    findings = Findings()
    try:
        for line in schema.drift(conn):
            findings.add(Fault.SCHEMA, f"schema: {line}")
        with Signatures(keys, findings) as signatures:
            scan = Scan(
                conn,
                origin=origin or keys[0].name,
                findings=findings,
                signatures=signatures,
                heads=[(heads.source, head) for heads in witnesses for head in heads.checkpoints],
            )
            scan.run()
    except (*READ_ERRORS, *WRONG_TYPES) as error:
        findings.add(Fault.UNREADABLE, f"the log cannot be read: {error}")
        return Report(0, tree.EMPTY_ROOT, 0, findings.ordered())
    finally:
        conn.close()
    return _report(scan, findings, witnesses, strict=strict)


def _report(scan: Scan, findings: Findings, witnesses: Sequence[Heads], *, strict: bool) -> Report:
    unsigned = scan.signed_size if scan.signed_size < scan.size else None
    unwitnessed = scan.witnessed_size if scan.witnessed_size < scan.size else None
    notes = [f"witness `{heads.source}` ends in a torn head, left out" for heads in witnesses if heads.is_torn]
    open_ends = (
        (Fault.UNSIGNED, "unsigned", "under no checkpoint", unsigned),
        (Fault.UNWITNESSED, "unwitnessed", "seen by no witness", unwitnessed),
    )
    for fault, word, meaning, since in open_ends:
        if since is None:
            continue
        notes.append(f"{word} since {since}")
        # Every commit ends in a checkpoint, so an unsigned tail on a sound log is not the writer's.
        if strict or (fault is Fault.UNSIGNED and not findings.ordered()):
            findings.add(fault, f"{meaning}, nor are those after it", since)
    return Report(
        scan.size,
        scan.frontier.root(),
        scan.checkpoints,
        findings.ordered(),
        tuple(notes),
        unsigned_since=unsigned,
        unwitnessed_since=unwitnessed,
    )


def prove(log: Path, seq: int, *, under: int = 0) -> str:
    """Return a C2SP tlog-proof that entry `seq` is in the log, with the entry itself as its extra data.

    `under`: the size of the checkpoint that it leads to; 0: the newest.

    Raises: AuditError when there is no such entry, or no checkpoint covers it.
    """
    return next(prove_all(log, [seq], under=under))


def prove_all(log: Path, seqs: Iterable[int], *, under: int = 0) -> Iterator[str]:
    """Yield the proofs of several entries, in their order, all under one checkpoint; `under` as in `prove`.

    Raises: AuditError when there is no such entry, or no checkpoint covers it.
    """
    conn = open_readonly(log)
    try:
        chosen, values = ("WHERE size = ?", (under,)) if under else ("ORDER BY size DESC LIMIT 1", ())
        head = conn.execute(f"SELECT size, note FROM audit_checkpoints {chosen}", values).fetchone()  # noqa: S608 - ours
        tiles = Tiles(conn)
        for seq in seqs:
            row = conn.execute("SELECT body FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
            if row is None or head is None or head[0] <= seq:
                raise AuditError(f"there is no signed entry {seq}")
            path = tiles.inclusion(seq, head[0])
            lines = [PROOF_HEADER, f"extra {_b64(row[0])}", f"index {seq}", *map(_b64, path), "", head[1].decode()]
            yield "\n".join(lines)
    except READ_ERRORS as error:
        raise AuditError(f"cannot read `{log}`: {error}") from error
    finally:
        conn.close()


def verify_proof(text: str, keys: Sequence[VerifierKey], *, origin: str = "") -> tuple[entry.Entry, Checkpoint]:
    """Return the entry that a proof of ours proves, and the checkpoint that it is proven under.

    Raises: AuditError when the proof is malformed, proves nothing, or is signed by none of the keys.
    """
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or len(lines) < 3 or lines[0] != PROOF_HEADER or not lines[1].startswith("extra "):
        raise AuditError(f"this is no `{PROOF_HEADER}` with the entry as its extra data")
    body = unb64(lines[1].removeprefix("extra "))
    index = lines[2].removeprefix("index ")
    if not lines[2].startswith("index ") or not index.isascii() or not index.isdigit():
        raise AuditError("the proof has no index")
    checkpoint = verify_note(note.encode(), keys)
    if checkpoint.origin != (origin or keys[0].name):
        raise AuditError(f"the proof is about another log, `{checkpoint.origin}`")
    path = [unb64(line) for line in lines[3:]]
    leaf = tree.leaf_hash(body)
    if tree.root_from_inclusion(leaf, int(index), size=checkpoint.size, path=path) != checkpoint.root:
        raise AuditError(f"the proof does not lead from entry {index} to the signed root")
    said = entry.decode(body)
    if said.seq != int(index):
        raise AuditError(f"the proof is of entry {said.seq}, not {index}")
    return said, checkpoint


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
