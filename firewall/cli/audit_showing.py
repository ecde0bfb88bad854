"""`stayhand audit show N`: one entry, and the proof that it is in the log, verified here."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from audit import AuditError, Entry, VerifierKey
from audit.verify import verify_proof
from firewall.cli.audit_asking import UNPROVEN, key_option, verifier_key
from firewall.cli.client import CommandError, Json, control_client, plain, row_of, show_fields, show_json, talk
from firewall.cli.options import json_option

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command("show")
@click.argument("seq", metavar="N", type=click.IntRange(0, 10**15 - 1))
@key_option
@click.option(
    "--proof", "file", type=click.Path(path_type=Path), help="Write the proof to this file, for others to verify."
)
@json_option
@click.pass_context
def show(ctx: click.Context, seq: int, *, key: str, file: Path | None, as_json: bool) -> None:
    """Show entry number N, opened, and verify here that it is in the log. That you read it is an entry.

    Example: stayhand audit show 4711 --proof entry-4711.proof
    """
    pinned = verifier_key(ctx, key)
    with control_client(ctx) as control:
        answer = row_of(control.get(f"/api/entries/{seq}/proof"))
    proof = str(answer.get("proof", ""))
    said, size = _proven(proof, seq, pinned)
    if file is not None:
        _write(file, proof)
    if as_json:
        show_json({**_unsealed(said), "private": answer.get("private"), "proof": proof, "proven_in": size})
        return
    _tell(said, answer)
    talk(f"entry {seq} is in the log of {size} entries: verified here with {pinned.name}")


def _proven(proof: str, seq: int, pinned: VerifierKey) -> tuple[Entry, int]:
    try:
        said, checkpoint = verify_proof(proof, [pinned])
    except AuditError as error:
        raise CommandError(f"entry {seq} is not proven: {error}", hint=UNPROVEN) from error
    if said.seq != seq:
        raise CommandError(f"the proof is of entry {said.seq}, not {seq}", hint="run the verifier")
    return said, checkpoint.size


def _unsealed(said: Entry) -> Json:
    """Return what the proof proves, and nothing that only the server says."""
    return {
        "seq": said.seq,
        "at": (_EPOCH + timedelta(microseconds=said.at)).isoformat(),
        "kind": said.kind,
        "principal": said.principal,
        "approval": said.approval,
        "data": dict(said.data),
    }


def _tell(said: Entry, answer: Json) -> None:
    row = _unsealed(said)
    row.pop("data")
    show_fields({name: value for name, value in row.items() if value != ""})
    _block("data", dict(said.data))
    private = answer.get("private")
    if private is not None:
        _block("sealed, as the server opened it", private)
    elif said.subject:
        click.echo("sealed: its key was erased, nobody can read it any more")


def _block(title: str, value: object) -> None:
    click.echo(f"{title}:")
    for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n"):
        click.echo(f"  {plain(line)}")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise CommandError(f"`{file}` is there already", hint="name another file") from error
    except OSError as error:
        raise CommandError(f"cannot write `{file}`: {error.strerror}") from error
