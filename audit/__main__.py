"""`python -m audit verify | show | prove | export`: what an auditor runs, without the firewall.

Results on stdout, talk on stderr; exit 0 ok, 1 refused or failed, 2 usage. Everything is opened read-only.
"""

import argparse
import base64
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from audit import entry
from audit.bundle import verify_bundle
from audit.checkpoint import VerifierKey
from audit.errors import READ_ERRORS, AuditError
from audit.reader import open_readonly
from audit.report import Report
from audit.seal import Keystore, identity_of, read_kek
from audit.verify import prove, verify, verify_proof
from audit.witness import read_heads

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
    except AuditError as error:
        print(f"audit: error: {error}", file=sys.stderr)  # noqa: T201 -- a command line talks on stderr
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit",
        description="Verify a log without trusting whoever wrote it (docs/audit-format.md).",
        epilog="exit 0: ok; 1: failed; 2: usage",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("verify", help="prove the whole log, one proof, or a bundle of them")
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("--log", type=Path, metavar="F", help="the log's database file; it may be in use")
    what.add_argument("--proof", type=Path, metavar="F", help="an inclusion proof written by `prove`; - for stdin")
    what.add_argument(
        "--bundle", type=Path, metavar="F", help="entries with their proofs, as the console exports them"
    )
    check.add_argument(
        "--key", action="append", required=True, metavar="VKEY", help="verifier key, or a file with it; may repeat"
    )
    check.add_argument("--origin", default="", help="the log's name, where it is not its key's")
    check.add_argument(
        "--witness", action="append", default=[], metavar="F|URL", help="heads kept elsewhere; may repeat"
    )
    check.add_argument("--strict", action="store_true", help="fail where no checkpoint or no witness reaches")
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.set_defaults(run=_verify)

    show = commands.add_parser("show", help="print one entry")
    show.add_argument("seq", type=_number, metavar="SEQ")
    show.add_argument("--log", type=Path, required=True, metavar="F")
    show.add_argument("--keystore", type=Path, metavar="F", help="with --keystore-key: open the sealed part too")
    show.add_argument("--keystore-key", type=Path, metavar="F")
    show.add_argument("--json", action="store_true", help="one JSON object")
    show.set_defaults(run=_show)

    proof = commands.add_parser("prove", help="print a proof that an entry is in the log (c2sp.org/tlog-proof)")
    proof.add_argument("seq", type=_number, metavar="SEQ")
    proof.add_argument("--log", type=Path, required=True, metavar="F")
    proof.set_defaults(run=_prove)

    export = commands.add_parser(
        "export", help="print every entry and the newest checkpoint, a JSON object a line"
    )
    export.add_argument("--log", type=Path, required=True, metavar="F")
    export.add_argument("--since", type=_number, default=0, metavar="SEQ")
    export.set_defaults(run=_export)
    return parser


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"`{text}` is no entry number")
    return int(text)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _read_keys(values: Sequence[str]) -> list[VerifierKey]:
    """Read keys given as text, or as files with one key a line."""
    keys: list[VerifierKey] = []
    for value in values:
        text = value
        if "+" not in value or Path(value).is_file():
            try:
                text = Path(value).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise AuditError(f"`{value}` is neither a verifier key nor a file with one") from error
        keys += [VerifierKey.parse(line) for line in text.splitlines() if line.strip()]
    if not keys:
        raise AuditError("no verifier key in that file")
    return keys


def _verify(options: argparse.Namespace) -> int:
    keys = _read_keys(options.key)
    if options.proof is not None:
        return _verify_proof(options, keys)
    if options.bundle is not None:
        return _verify_bundle(options, keys)
    witnesses = [read_heads(source, keys) for source in options.witness]
    report = verify(options.log, keys, origin=options.origin, witnesses=witnesses, strict=options.strict)
    if options.json:
        _say(json.dumps(_as_json(report)))
        return 0 if report.ok else 1
    for finding in report.findings:
        _say(_visible(str(finding)))
    for note in report.notes:
        _say(_visible(note))
    count = f"{report.size} {'entry' if report.size == 1 else 'entries'}"
    signed = f"{report.checkpoints} {'checkpoint' if report.checkpoints == 1 else 'checkpoints'}"
    if report.ok:
        _say(f"ok: {count}, {signed}, root {base64.b64encode(report.root).decode()}")
    else:
        found = len(report.findings)
        _say(f"failed: {found} {'finding' if found == 1 else 'findings'} in {count}, {signed}")
    return 0 if report.ok else 1


def _as_json(report: Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "first_bad": report.first_bad,
        "findings": [{"fault": f.fault.value, "seq": f.seq, "text": f.text} for f in report.findings],
        "notes": list(report.notes),
        "unsigned_since": report.unsigned_since,
        "unwitnessed_since": report.unwitnessed_since,
    }


def _verify_proof(options: argparse.Namespace, keys: Sequence[VerifierKey]) -> int:
    try:
        text = sys.stdin.read() if str(options.proof) == "-" else options.proof.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AuditError(f"cannot read the proof `{options.proof}`") from error
    said, checkpoint = verify_proof(text, keys, origin=options.origin)
    missing = _unwitnessed(options, keys, [(checkpoint.size, checkpoint.root)])
    told = {"ok": True, "seq": said.seq, "kind": said.kind, "size": checkpoint.size}
    line = f"ok: entry {said.seq} ({_visible(said.kind)}) is in the log of {checkpoint.size} entries"
    return _proven(options, told, [line], missing)


def _verify_bundle(options: argparse.Namespace, keys: Sequence[VerifierKey]) -> int:
    try:
        with options.bundle.open(encoding="utf-8") as file:
            found = verify_bundle(file, keys, origin=options.origin)
    except (OSError, UnicodeDecodeError) as error:
        raise AuditError(f"cannot read the bundle `{options.bundle}`") from error
    missing = _unwitnessed(options, keys, found.heads)
    told = {"ok": True, "entries": found.entries, "size": found.size, "from": found.lowest, "to": found.highest}
    told |= {"left_out": found.left_out, "unproven": found.beside}
    lines = [f"numbers {found.lowest} to {found.highest}, {found.left_out or 'none'} left out between them"]
    if found.beside:
        many = "1 line says" if found.beside == 1 else f"{found.beside} lines say"
        lines.insert(0, f"unproven: {many} more than is proven, as whoever made the file wrote it")
    count = f"{found.entries} {'entry is' if found.entries == 1 else 'entries are'}"
    return _proven(options, told, [*lines, f"ok: {count} in the log of {found.size} entries"], missing)


def _unwitnessed(
    options: argparse.Namespace, keys: Sequence[VerifierKey], heads: Sequence[tuple[int, bytes]]
) -> list[int] | None:
    """Return the sizes of heads that no witness has seen; nothing where no witness was named.

    Raises: AuditError when a witness has seen another root at one of the sizes.
    """
    if not options.witness:
        return None
    seen: set[int] = set()
    for source in options.witness:
        for head in read_heads(source, keys).checkpoints:
            if any(head.size == size and head.root != root for size, root in heads):
                raise AuditError(f"witness `{source}` has seen another root at {head.size}")
            seen.add(head.size)
    return [size for size, _ in heads if size not in seen]


def _proven(
    options: argparse.Namespace, told: Mapping[str, object], lines: Sequence[str], missing: list[int] | None
) -> int:
    """Print what is proven. `missing`: sizes that no witness has seen; nothing: no witness was named."""
    is_seen = missing is not None and not missing
    if options.strict and not is_seen:
        at = "no witness was named" if missing is None else f"no witness has seen a head of {missing[0]} entries"
        raise AuditError(f"{at}, and --strict wants one")
    if options.json:
        _say(json.dumps(told if missing is None else {**told, "unwitnessed": missing}))
        return 0
    for size in missing or ():
        _say(f"unwitnessed: no witness has seen a head of {size} entries, so nothing was compared with it")
    for line in lines:
        _say(line)
    return 0


def _show(options: argparse.Namespace) -> int:
    if (options.keystore is None) != (options.keystore_key is None):
        raise AuditError("--keystore and --keystore-key belong together")
    conn = open_readonly(options.log)
    try:
        row = conn.execute("SELECT body, leaf, sealed FROM audit_entries WHERE seq = ?", (options.seq,)).fetchone()
    except READ_ERRORS as error:
        raise AuditError(f"cannot read `{options.log}`: {error}") from error
    finally:
        conn.close()
    if row is None:
        raise AuditError(f"there is no entry {options.seq}")
    body, leaf, sealed = row
    said = entry.decode(body)
    opened = _open_sealed(options, said, sealed) if sealed is not None else None
    if options.json:
        _say(json.dumps({"entry": json.loads(body), "leaf": leaf.hex(), "opened": opened}))
        return 0
    at = (_EPOCH + timedelta(microseconds=said.at)).isoformat(timespec="microseconds")
    _say(f"entry {said.seq}  {_visible(said.kind)}  {at}")
    for name, value in (("principal", said.principal), ("approval", said.approval), ("leaf", leaf.hex())):
        if value:
            _say(f"{name:<10} {_visible(value)}")
    width = max([10, *map(len, said.data)])
    for name, value in said.data.items():
        _say(f"{_visible(name):<{width}} {json.dumps(value)}")
    if sealed is not None:
        matches = sha256(sealed).hexdigest() == said.sealed_sha256
        state = "as hashed" if matches else "CHANGED: it is not what was hashed"
        _say(f"sealed     {len(sealed)} bytes under {_visible(said.subject)}, {state}")
    if opened is not None:
        _say(f"opened     {json.dumps(opened)}")
    return 0


def _open_sealed(options: argparse.Namespace, said: entry.Entry, sealed: bytes) -> str | None:
    if options.keystore is None:
        return None
    keystore = Keystore(options.keystore, read_kek(options.keystore_key))
    try:
        key = keystore.find(said.subject)
        if key is None:
            raise AuditError(f"the key `{said.subject}` was erased: nobody can read this part any more")
        return key.open(identity_of(said), sealed).decode(errors="backslashreplace")
    finally:
        keystore.close()


def _prove(options: argparse.Namespace) -> int:
    sys.stdout.write(prove(options.log, options.seq))
    return 0


def _export(options: argparse.Namespace) -> int:
    conn = open_readonly(options.log)
    out = sys.stdout
    out.reconfigure(encoding="utf-8") if hasattr(out, "reconfigure") else None
    try:
        rows = conn.execute(
            "SELECT leaf, sealed, body FROM audit_entries WHERE seq >= ? ORDER BY seq", (options.since,)
        )
        for leaf, sealed, body in rows:
            part = "" if sealed is None else f'"sealed":"{base64.b64encode(sealed).decode()}",'
            out.write(f'{{"leaf":"{leaf.hex()}",{part}"entry":{body.decode()}}}\n')
        head = conn.execute("SELECT note FROM audit_checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        if head is not None:
            out.write(json.dumps({"checkpoint": head[0].decode()}) + "\n")
    except READ_ERRORS as error:
        raise AuditError(f"cannot read `{options.log}`: {error}") from error
    finally:
        conn.close()
    return 0


def _visible(text: str) -> str:
    """Make control, bidi and other unprintable characters visible."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


if __name__ == "__main__":
    sys.exit(main())
