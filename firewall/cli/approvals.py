"""`stayhand approvals`: listing, showing and answering; `conversation` and `edit` are in `approval_beside`."""

import shutil
import sys
import time
from collections.abc import Mapping

import click

from firewall.cli.approval_beside import conversation, edit
from firewall.cli.approval_text import as_text
from firewall.cli.client import (
    TIMEOUT_S,
    CommandError,
    Json,
    control_client,
    row_of,
    segment,
    show_json,
    show_table,
    talk,
)
from firewall.cli.options import Listed, json_option

STATUSES = ["pending", "approved", "denied", "expired", "cancelled", "consumed"]
_COLUMNS = ("id", "status", "standing", "environment", "effects", "summary", "expires_at")
_USES = ("id", "status", "by", "at", "environment", "effects", "summary", "finding")
_WAIT_S = 30
_FORM_S = 180.0
"""How long a form may take, its judgement included."""
_id = click.argument("approval_id", metavar="ID")


@click.group("approvals", cls=Listed, help="Answer what waits for people.")
def approvals() -> None:
    """Group the commands about approvals."""


approvals.add_command(conversation)
approvals.add_command(edit)


@approvals.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those of one status.")
@click.option("--after", metavar="ID", help="Those behind this one, where a list had an end.")
@json_option
@click.pass_context
def list_(ctx: click.Context, status: str | None, after: str | None, *, as_json: bool) -> None:
    """List approvals: first what waits for an answer, then what was answered, each newest first.

    At most 500 at a time; where there are more it says how to go on.

    Example: stayhand approvals list --status pending
    """
    asked = {"status": status or "", "after": after or ""}
    with control_client(ctx) as control:
        rows, behind = control.page("/api/approvals", {name: value for name, value in asked.items() if value})
    rows.sort(key=lambda row: row["status"] != "pending")
    if as_json:
        show_json(rows)
    else:
        _list(rows, status, is_part=bool(behind or after))
    if behind:
        said = f" --status {status}" if status else ""
        talk(f"there are more: stayhand approvals list{said} --after {behind.get('after', '')}")


def _list(rows: list[Json], status: str | None, *, is_part: bool) -> None:
    """Print a page of approvals; `is_part`: there are others before or behind it."""
    waiting = sum(row["status"] == "pending" for row in rows)
    if rows:
        show_table(rows, _COLUMNS)
    if status in (None, "pending"):
        of = " of these" if is_part else ""
        talk(f"{waiting or 'nothing'}{of} {'wait' if waiting > 1 else 'waits'} for an answer")
    elif not rows:
        talk("there are none")


@approvals.command("show")
@_id
@json_option
@click.pass_context
def show(ctx: click.Context, approval_id: str, *, as_json: bool) -> None:
    """Show one approval with the intercepted call; that you saw it is recorded.

    Example: stayhand approvals show apr_0SfvSp2wXKx1bW8n5kXk1Y
    """
    with control_client(ctx) as control:
        row = row_of(control.get(f"/api/approvals/{segment(approval_id)}"))
    _print(row, as_json=as_json)


@approvals.command("approve")
@_id
@click.option("--typed", help="The resource's name, where the policy wants it typed.")
@click.option(
    "--first",
    is_flag=True,
    help="Have the form that can be taken back run: before the call, or instead of it, as `show` says.",
)
@click.option("--form", type=click.IntRange(1, 99), help="Which of them, where there are several.")
@click.option("--uses", type=click.IntRange(2, 20), help="Let the exact call pass so often; goes with --minutes.")
@click.option("--minutes", type=click.IntRange(1, 60), help="How long --uses holds.")
@json_option
@click.pass_context
def approve(
    ctx: click.Context,
    approval_id: str,
    typed: str | None,
    form: int | None,
    uses: int | None,
    minutes: int | None,
    *,
    first: bool,
    as_json: bool,
) -> None:
    """Let the exact call of an approval pass once, or as often as a permit says.

    Example: stayhand approvals approve apr_0SfvSp2wXKx1bW8n5kXk1Y
    """
    if (uses is None) != (minutes is None):
        raise click.UsageError("--uses and --minutes go together")
    body: dict[str, str | bool | int] = {"decision": "approve"}
    if uses is not None and minutes is not None:
        body |= {"uses": uses, "minutes": minutes}
    if typed is not None:
        body["typed"] = typed
    if first or form:
        body |= {"first": True, "form": form or 1}
    _decide(ctx, approval_id, body, as_json=as_json)


@approvals.command("deny")
@_id
@click.option("--reason", help="Told to the agent.")
@json_option
@click.pass_context
def deny(ctx: click.Context, approval_id: str, reason: str | None, *, as_json: bool) -> None:
    """Refuse the call of an approval.

    Example: stayhand approvals deny apr_0SfvSp2wXKx1bW8n5kXk1Y --reason "not before the backup"
    """
    _decide(ctx, approval_id, {"decision": "deny"} | ({"reason": reason} if reason else {}), as_json=as_json)


@approvals.command("withdraw")
@_id
@json_option
@click.pass_context
def withdraw(ctx: click.Context, approval_id: str, *, as_json: bool) -> None:
    """Take back an approval that waits or was not used up, or what is left of a permit.

    Example: stayhand approvals withdraw apr_0SfvSp2wXKx1bW8n5kXk1Y
    """
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/approvals/{segment(approval_id)}/withdraw", {}))
    if as_json:
        show_json(row)
    else:
        talk(f"{row['status']}: {row['summary']} ({row['environment']})")
        click.echo(str(row["id"]))


@approvals.command("wait")
@_id
@click.option("--timeout", "timeout_s", type=click.IntRange(1, 86400), default=3600, help="Seconds, at most.")
@json_option
@click.pass_context
def wait(ctx: click.Context, approval_id: str, timeout_s: int, *, as_json: bool) -> None:
    """Wait until an approval is decided: exit 0 when approved, 1 otherwise.

    Example: stayhand approvals wait apr_0SfvSp2wXKx1bW8n5kXk1Y --timeout 600
    """
    end = time.monotonic() + timeout_s
    path = f"/api/approvals/{segment(approval_id)}"
    with control_client(ctx) as control:
        while True:
            left_s = max(0, min(_WAIT_S, int(end - time.monotonic())))
            row = row_of(control.get(path, params={"wait": str(left_s)}, timeout_s=_WAIT_S + 15))
            if row["status"] != "pending" or left_s == 0:
                break
    _print(row, as_json=as_json)
    if row["status"] not in ("approved", "consumed"):
        raise CommandError(f"the approval is {row['status']}")


@approvals.command("reviews")
@click.option("--reviewed", is_flag=True, help="Those that were reviewed, newest first.")
@click.option("--skip", type=click.IntRange(0, 10**9), default=0, help="Without so many of the first.")
@json_option
@click.pass_context
def reviews(ctx: click.Context, skip: int, *, reviewed: bool, as_json: bool) -> None:
    """List uses of break-glass that nobody reviewed, oldest first; that you read them is recorded.

    Example: stayhand approvals reviews
    """
    with control_client(ctx) as control:
        asked = ({"status": "reviewed"} if reviewed else {}) | ({"skip": str(skip)} if skip else {})
        rows, behind = control.page("/api/reviews", asked)
    if as_json:
        show_json(rows)
    else:
        if rows:
            show_table(rows, _USES)
        of = " of these" if behind or skip else ""
        talk(f"{len(rows) or 'nothing'}{of} {'was reviewed' if reviewed else 'open'}")
    if behind:
        said = " --reviewed" if reviewed else ""
        talk(f"there are more: stayhand approvals reviews{said} --skip {behind.get('skip', '')}")


@approvals.command("review")
@_id
@click.option("--finding", type=click.Choice(["justified", "unjustified"]), required=True, help="What you found.")
@click.option("--note", required=True, help="Why, for the log.")
@json_option
@click.pass_context
def review(ctx: click.Context, approval_id: str, finding: str, note: str, *, as_json: bool) -> None:
    """Say whether somebody else broke the glass rightly for an approval.

    Example: stayhand approvals review apr_0SfvSp2wXKx1bW8n5kXk1Y --finding justified --note "the disk was full"
    """
    with control_client(ctx) as control:
        path = f"/api/reviews/{segment(approval_id)}"
        row = row_of(control.post(path, {"finding": finding, "note": note}))
    if as_json:
        show_json(row)
    else:
        talk(f"{row['finding']}: {row['summary']} ({row['environment']}), by {row['by']}")
        click.echo(str(row["id"]))


def _decide(ctx: click.Context, approval_id: str, body: Mapping[str, str | bool | int], *, as_json: bool) -> None:
    with control_client(ctx) as control:
        path = f"/api/approvals/{segment(approval_id)}/decision"
        row = row_of(control.post(path, dict(body), timeout_s=_FORM_S if "first" in body else TIMEOUT_S))
    runs = row.get("runs") if "first" in body else None
    newest = runs[-1] if isinstance(runs, list) and runs else {}
    if as_json:
        show_json(row)
    else:
        if newest:
            talk(f"what was to be done: {newest['words']} {newest['note']}".rstrip())
        standing = f" ({row['standing']})" if row.get("standing") else ""
        talk(f"{row['status']}{standing}: {row['summary']} ({row['environment']})")
        click.echo(str(row["id"]))
    if newest and newest["state"] not in ("done", "accepted"):
        raise CommandError(f"what was to be done first {newest['words']}")


def _print(row: Json, *, as_json: bool) -> None:
    if as_json:
        show_json(row)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    click.echo("\n".join(as_text(row, width=width)))
