"""`stayhand audit export`: entries with their proofs as one file, verified here before it is handed over.

A file holds at most what the server gives at once; more is asked for until the limit, and joined.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from audit import AuditError
from audit.bundle import Bundled, verify_bundle
from firewall.cli.audit_asking import UNPROVEN, asked, fields, key_option, number, verifier_key
from firewall.cli.client import CommandError, ControlClient, Json, control_client, row_of, show_json, talk
from firewall.cli.options import json_option

_FILES = 1_000
"""Files that one command asks for and joins."""
_AT_ONCE = 1_000
_EXPORT_S = 60.0


@click.command("export")
@click.argument("words", nargs=-1)
@fields()
@click.option("--from", "first", type=click.IntRange(0), default=0, help="The lowest number of an entry.")
@click.option("--to", "last", type=click.IntRange(0), help="The highest number; default: the newest entry.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Entries at most."
)
@click.option("--opened", is_flag=True, help="With what was sealed, opened. It is not proven, and names people.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file; default: standard output.")
@key_option
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    *,
    first: int,
    last: int | None,
    limit: int,
    opened: bool,
    output: Path | None,
    key: str,
    as_json: bool,
    **wanted: str,
) -> None:
    """Take entries away, newest first, each with its proof: a range of numbers, or what a search finds.

    The file is verified here before it is written. That you took them is an entry; one for each thousand.

    Example: stayhand audit export --from 100 --to 250 --output log.jsonl
    """
    if as_json and output is None:
        raise click.UsageError("--json tells about the file that --output names")
    if output is not None and output.exists():
        raise CommandError(f"`{output}` is there already", hint="name another file")
    pinned = verifier_key(ctx, key)
    wish: Json = {**asked(wanted, words), "first": first, "opened": opened}
    before = last + 1 if last is not None else 0
    # Closed means gone: what could not be verified is never left lying around.
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as kept:
        with control_client(ctx) as control:
            head = _gathered(control, wish, before=before, limit=limit, kept=kept)
        if not head["entries"]:
            raise CommandError("nothing was found, nothing is written")
        kept.seek(0)
        try:
            proven = verify_bundle(_with_head(head, kept), [pinned])
        except AuditError as error:
            raise CommandError(f"what came is not proven: {error}", hint=UNPROVEN) from error
        kept.seek(0)
        _written(_with_head(head, kept), output)
    _tell(head, proven, output, as_json=as_json)


def _gathered(control: ControlClient, wish: Json, *, before: int, limit: int, kept: IO[str]) -> Json:
    """Collect lines of entries and return what the first line of all of them says."""
    head: Json = {}
    entries = 0
    for _ in range(_FILES):
        body = {**wish, "before": before, "limit": min(limit - entries, _AT_ONCE)}
        text = control.taken("/api/entries/export", body, timeout_s=_EXPORT_S).decode()
        first, _, rest = text.partition("\n")
        said = row_of(json.loads(first))
        kept.write(rest)
        entries += number(said, "entries")
        before = number(said, "next")
        head = {**said, "entries": entries}
        if not before or entries >= limit:
            break
    return head


def _with_head(head: Json, kept: IO[str]) -> Iterator[str]:
    yield json.dumps(head) + "\n"
    yield from kept


def _written(lines: Iterator[str], output: Path | None) -> None:
    if output is None:
        # A terminal obeys what an agent wrote; beyond ASCII it stands in texts of JSON alone, and can be escaped.
        sys.stdout.writelines(map(_escaped, lines) if sys.stdout.isatty() else lines)
        return
    try:
        # 0600: it may hold what was sealed
        opened = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as out:
            out.writelines(lines)
    except FileExistsError as error:
        raise CommandError(f"`{output}` is there already", hint="name another file") from error
    except OSError as error:
        raise CommandError(f"cannot write `{output}`: {error.strerror}") from error


def _escaped(line: str) -> str:
    """Return a line of JSON in printable ASCII; it says the same."""
    if line.isascii() and "\x7f" not in line:
        return line
    return json.dumps(json.loads(line), separators=(",", ":")).replace("\x7f", "\\u007f") + "\n"


def _tell(head: Json, proven: Bundled, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = {name: head.get(name) for name in ("asked", "entries", "next", "ended")}
        show_json({"file": str(output), **told, "proven_in": proven.size})
        return
    talk(f"{proven.entries} entries, each proven here to be in the log of {proven.size}")
    if number(head, "next"):
        talk(f"there may be older ones: --to {number(head, 'next') - 1}")
