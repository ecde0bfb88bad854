"""`stayhand audit tail|search|show|export|erase`: the log, from the server that keeps it.

What is shown as proven was verified here, with a key that lies here. Every look is an entry of the log.
"""

import json
from collections.abc import Iterable

import click

from firewall.cli.audit_asking import (
    COLUMNS,
    asked,
    fields,
    number,
    row_of_entry,
    table_of,
)
from firewall.cli.audit_erasing import erase
from firewall.cli.audit_showing import show
from firewall.cli.audit_taking import export
from firewall.cli.client import (
    CommandError,
    ControlClient,
    Json,
    control_client,
    plain,
    row_of,
    rows_of,
    show_json,
    show_table,
    talk,
)
from firewall.cli.options import Listed, json_option

_PAGES = 1_000
"""Pages that one command asks for: a log in which nothing is found is not walked forever."""
_WIDTHS = (6, 24, 20, 7, 12, 12, 16, 0, 0)
"""Of the columns of a table that grows while it is looked at: nobody knows the widest yet."""


@click.group(
    "audit",
    cls=Listed,
    help="The log: follow, search, show one entry with its proof, take entries away; erase a person.",
)
def audit() -> None:
    """Group the commands about the log."""


@audit.command("tail")
@click.argument("words", nargs=-1)
@fields(times=False)
@click.option("-n", "--last", type=click.IntRange(0, 200), default=20, show_default=True, help="Entries at first.")
@click.option("-f", "--follow", is_flag=True, help="Look on: print what comes, until you interrupt it.")
@json_option
@click.pass_context
def tail(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    *,
    last: int,
    follow: bool,
    as_json: bool,
    **wanted: str,
) -> None:
    """Show the newest entries, the newest last: all, or those that a search finds. That you looked is an entry.

    Example: stayhand audit tail --follow --kind tool.judged --verdict deny
    """
    said = asked(wanted, words)
    with control_client(ctx) as control:
        if follow:
            _follow(control, {**said, "last": str(last)}, as_json=as_json)
            return
        answer: Json = {"entries": []}
        if last:
            answer = row_of(control.get("/api/entries", params={**said, "limit": str(last)}))
    entries = rows_of(answer.get("entries"))[::-1]
    if as_json:
        show_json(entries)
    else:
        _lines(entries, has_head=True)


def _follow(control: ControlClient, params: dict[str, str], *, as_json: bool) -> None:
    if not as_json:
        _lines((), has_head=True)
    for line in control.lines("/api/tail", params):
        if not line:
            continue
        entry = row_of(json.loads(line))
        if entry.get("ended") is True:
            raise CommandError(
                "the server ended it", hint="it stops, or your right to read the log ended: try again"
            )
        if as_json:
            click.echo(json.dumps(entry, ensure_ascii=True))
        else:
            _lines((entry,), has_head=False)


def _lines(entries: Iterable[Json], *, has_head: bool) -> None:
    if has_head:
        click.echo(_line({name: name.upper() for name in COLUMNS}))
    for entry in entries:
        click.echo(_line(row_of_entry(entry)))


def _line(row: dict[str, object]) -> str:
    cells = (plain(row[name]).ljust(width) for name, width in zip(COLUMNS, _WIDTHS, strict=True))
    return "  ".join(cells).rstrip()


@audit.command("search")
@click.argument("words", nargs=-1)
@fields()
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Entries at most.")
@click.option("--before", type=click.IntRange(0), default=0, help="Only entries below this number.")
@json_option
@click.pass_context
def search(
    ctx: click.Context, /, words: tuple[str, ...], *, limit: int, before: int, as_json: bool, **wanted: str
) -> None:
    """Search the log, newest first; every word that is given must occur. That you searched is an entry, too.

    Example: stayhand audit search --environment production --effect destructive --since 7d volume
    """
    said = asked(wanted, words)
    found: list[Json] = []
    page: Json = {}
    with control_client(ctx) as control:
        for _ in range(_PAGES):
            turn = {**said, "limit": str(min(limit - len(found), 200)), "before": str(before)}
            page = row_of(control.get("/api/entries", params=turn))
            found += rows_of(page.get("entries"))
            before = number(page, "next")
            if not before or len(found) >= limit:
                break
    if as_json:
        show_json({**page, "entries": found})
        return
    show_table(table_of(found), COLUMNS)
    behind = number(page, "size") - number(page, "indexed")
    talk(f"{len(found)} entries of {page.get('size')}, {behind} of them not indexed yet")
    if before:
        talk(f"there may be older ones: --before {before}")


audit.add_command(show)
audit.add_command(export)
audit.add_command(erase)
