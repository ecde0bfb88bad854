"""`stayhand audit search`: entries of the log by what is asked of them, from the server that keeps it."""

from collections.abc import Mapping, Sequence

import click

from firewall.cli.client import Json, control_client, row_of, rows_of, show_json, show_table, talk
from firewall.cli.options import json_option

_COLUMNS = ("seq", "at", "kind", "verdict", "environment", "effects", "who", "resource", "what")
_TOLD = ("summary", "reason", "why", "line", "model", "provider", "route", "host", "name", "by")
_MOST_CHARS = 80
_PAGES = 1_000
"""Pages that one command asks for: a log in which nothing is found is not walked forever."""


@click.group("audit", help="The log: search it.")
def audit() -> None:
    """Group the commands about the log."""


@audit.command("search")
@click.argument("words", nargs=-1)
@click.option("--actor", default="", help="A person, person/agent, a pseudonym, or a token's id.")
@click.option("--environment", default="", help="Where it landed.")
@click.option("--effect", default="", help="One of read, write, destructive, …")
@click.option("--resource", default="", help="A resource, or what it lies in: volume:railway.")
@click.option("--verdict", default="", help="allow, ask, deny; of votes: approved, denied.")
@click.option("--kind", default="", help="A kind of entry, or the part before its dot: approval.")
@click.option("--since", default="", help="How far back, a day, or an instant: 7d, 2026-11-21, 2026-11-21T18:00Z.")
@click.option("--until", default="", help="As --since; a day counts to its end.")
@click.option("--approval", default="", help="The id of an approval.")
@click.option("--session", default="", help="The id of a session.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Entries at most.")
@click.option("--before", type=click.IntRange(0), default=0, help="Only entries below this number.")
@json_option
@click.pass_context
def search(
    ctx: click.Context, /, words: tuple[str, ...], *, limit: int, before: int, as_json: bool, **fields: str
) -> None:
    """Search the log, newest first; every word that is given must occur. That you searched is an entry, too.

    Example: stayhand audit search --environment production --effect destructive --since 7d volume
    """
    asked = {name: value for name, value in fields.items() if value} | ({"text": " ".join(words)} if words else {})
    found: list[Json] = []
    page: Json = {}
    with control_client(ctx) as control:
        for _ in range(_PAGES):
            turn = {**asked, "limit": str(min(limit - len(found), 200)), "before": str(before)}
            page = row_of(control.get("/api/entries", params=turn))
            found += rows_of(page.get("entries"))
            before = _number(page, "next")
            if not before or len(found) >= limit:
                break
    if as_json:
        show_json({**page, "entries": found})
        return
    show_table(table_of(found), _COLUMNS)
    behind = _number(page, "size") - _number(page, "indexed")
    talk(f"{len(found)} entries of {page.get('size')}, {behind} of them not indexed yet")
    if before:
        talk(f"there may be older ones: --before {before}")


def table_of(entries: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return entries as a table shows them."""
    return [_row(one) for one in entries]


def _row(one: Mapping[str, object]) -> dict[str, object]:
    data, private = _object(one, "data"), _object(one, "private")
    actions = private.get("actions")
    first = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    told = (place.get(name) for name in _TOLD for place in (first, private))
    what = next(
        (str(said) for said in told if isinstance(said, str) and said), "erased" if one.get("erased") else ""
    )
    return {
        "seq": one.get("seq"),
        "at": one.get("at"),
        "kind": one.get("kind"),
        "verdict": data.get("verdict") or data.get("decision") or "",
        "environment": data.get("environment", ""),
        "effects": data.get("effects", ""),
        "who": one.get("who") or one.get("principal") or "",
        "resource": _cut(str(first.get("resource", ""))),
        "what": _cut(what),
    }


def _object(one: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = one.get(name)
    return value if isinstance(value, dict) else {}


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"


def _number(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0
