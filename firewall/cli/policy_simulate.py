"""`stayhand policy simulate`: what other rows would have said to the calls of the last days."""

from collections.abc import Mapping
from pathlib import Path

import click

from firewall.approvals.text import visible
from firewall.cli.client import control_client, row_of, rows_of, show_json, talk
from firewall.cli.folder import where
from firewall.cli.report import fail
from firewall.policy.rows import FILE

_TIMEOUT_S = 300.0


@click.command("simulate")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How far back.")
@click.option("--json", "wants_json", is_flag=True, help="Machine-readable output.")
@click.pass_context
def simulate(ctx: click.Context, file: Path | None, *, days: int, wants_json: bool) -> None:
    """Say which verdicts of the last days other rows would flip, and how many approvals a day they would cost.

    FILE holds the rows; without one those on disk are taken, so that an edit can be tried before `policy load`.
    Needs an admin credential. That bodies were read is an entry of the log.

    Example: STAYHAND_TOKEN=shd_… stayhand policy simulate policy.csv --days 30
    """
    path = file or where(None)[0] / FILE
    try:
        rows = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        fail(f"`{path}` cannot be read", hint="name a file of policy rows")
    with control_client(ctx) as control:
        found = row_of(control.post("/api/policy/simulate", {"rows": rows, "days": days}, timeout_s=_TIMEOUT_S))
    if wants_json:
        show_json(found)
        return
    for flip in rows_of(found.get("flips")):
        click.echo(_line(flip))
    if found.get("more_flips"):
        click.echo(f"and {found['more_flips']} more kinds of calls")
    judged = f"{found.get('flipped')} of {found.get('calls')} calls since {found.get('back_to')}"
    talk(f"{judged} would be judged otherwise")
    talk(f"approvals a day: {found.get('approvals_a_day_then')} instead of {found.get('approvals_a_day_now')}")
    if not found.get("whole"):
        talk("there are more calls in these days than one simulation looks at, or its time was up")
    if found.get("closed"):
        talk(f"{found['closed']} calls cannot be opened and are left out")


def _line(flip: Mapping[str, object]) -> str:
    said = visible(str(flip.get("summary", "")), keep="")
    return f"{flip.get('was')} -> {flip.get('then')}  x{flip.get('count')}  {said}  (entry {flip.get('entry')})"
