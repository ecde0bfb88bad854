"""`stayhand spend report|budgets`: what model calls cost, by whom and for what."""

import csv
import io
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import click

from firewall.cli.client import control_client, row_of, rows_of, show_json, show_table, talk
from firewall.cli.options import Listed, json_option
from firewall.cli.report import counted
from firewall.core.money import dollars

Row = Mapping[str, object]
_NUMBERS = ("calls", "cost_micros", "estimated_micros", "unpriced_calls", "input_tokens", "cached_tokens",
            "output_tokens")  # fmt: skip
APPROVED = ("approved_by", "approved_at", "review_by")
"""What a report with approvals says of each model."""
WIDTH = 40
"""Characters of the longest bar of a plot."""


@click.group("spend", cls=Listed, help="What model calls cost.")
def spend() -> None:
    """Group the commands about money."""


@spend.command("report")
@click.option("--by", default="model", show_default=True,
              help="Of feature, user_tier, team, model, provider, route, owner, principal, token, session, day, "
              "month, state, tag:NAME; comma-separated.")  # fmt: skip
@click.option("--since", default="7d", show_default=True, help="How far back, or a day such as 2026-11-01.")
@click.option("--until", default="", help="The day before which it ends; default: now.")
@click.option("--skip", type=click.IntRange(0, 10**9), default=0, help="Without so many of the dearest.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--plot", "as_plot", is_flag=True, help="Draw bars.")
@click.option("--approvals", is_flag=True, help="One row for each model, with who approved it.")
@json_option
@click.pass_context
def report(
    ctx: click.Context,
    /,
    *,
    by: str,
    since: str,
    until: str,
    skip: int,
    approvals: bool,
    as_csv: bool,
    as_plot: bool,
    as_json: bool,
) -> None:
    """Show what calls cost, the dearest group first; estimates and calls without a price stand apart.

    Example: stayhand spend report --by feature,model --since 7d --plot
    Which models power which features, and who approved them: stayhand spend report --by feature --approvals
    """
    if approvals and as_plot:
        raise click.UsageError("--approvals is shown as a table, with --csv or with --json")
    if as_csv + as_plot + as_json > 1:
        raise click.UsageError("choose one of --csv, --plot and --json")
    query = {"by": by, "since": since, **({"until": until} if until else {})}
    query |= ({"approvals": "1"} if approvals else {}) | ({"skip": str(skip)} if skip else {})
    with control_client(ctx) as control:
        found = row_of(control.get(f"/api/spend?{urlencode(query)}"))
    rows, words = rows_of(found.get("rows")), [str(word) for word in _list(found.get("by"))]
    if as_json:
        show_json(found)
    elif as_csv:
        click.echo(csv_of(rows, words, more=APPROVED if approvals else ()), nl=False)
    elif as_plot:
        click.echo(plot_of(rows, words), nl=False)
    else:
        numbers = ("calls", "cost", "estimated", "unpriced", "in", "cached", "out")
        show_table(table_of(rows, words), (*words, *(("calls", "cost", *APPROVED) if approvals else numbers)))
        talk(f"{counted(len(rows), 'group')} since {found.get('since')}, together ${dollars(_sum(rows))}")
    if found.get("more"):
        talk(f"there are more groups, none of them dearer: --skip {skip + len(rows)}")


@spend.command("budgets")
@click.option("--skip", type=click.IntRange(0, 10**9), default=0, help="Without so many that moved last.")
@json_option
@click.pass_context
def budgets(ctx: click.Context, skip: int, *, as_json: bool) -> None:
    """Show what the accounts of budgets have spent, hold and have left in their present windows.

    Example: stayhand spend budgets
    """
    with control_client(ctx) as control:
        rows, behind = control.page("/api/spend/budgets", {"skip": str(skip)} if skip else {})
    if as_json:
        show_json(rows)
    else:
        _show_budgets(rows)
    if behind:
        talk(f"there are accounts that moved earlier: stayhand spend budgets --skip {behind.get('skip', '')}")


def _show_budgets(rows: Sequence[Row]) -> None:
    shown = [
        {
            **row,
            "spent": "$" + dollars(_number(row, "spent_micros")),
            "held": "$" + dollars(_number(row, "held_micros")),
            "left": "$" + dollars(_number(row, "left_micros")) if "left_micros" in row else "",
        }
        for row in rows
    ]
    show_table(shown, ("scope", "holder", "window", "period", "spent", "held", "left"))


def table_of(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    """Return rows as a table shows them: dollars instead of micro-USD."""
    return [
        {word: row.get(word, "") for word in words}
        | {word: row.get(word) or "-" for word in APPROVED}
        | {
            "calls": row.get("calls", 0),
            "cost": "$" + dollars(_number(row, "cost_micros")),
            "estimated": "$" + dollars(_number(row, "estimated_micros")),
            "unpriced": row.get("unpriced_calls", 0),
            "in": row.get("input_tokens", 0),
            "cached": row.get("cached_tokens", 0),
            "out": row.get("output_tokens", 0),
        }
        for row in rows
    ]


def csv_of(rows: Sequence[Row], words: Sequence[str], *, more: Sequence[str] = ()) -> str:
    """Return rows as CSV (RFC 4180), amounts in micro-USD; `more`: words that stand behind the numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*words, *_NUMBERS, *more])
    for row in rows:
        numbers = [row.get(number, 0) for number in _NUMBERS]
        writer.writerow([*(_cell(row, word) for word in words), *numbers, *(_cell(row, word) for word in more)])
    return out.getvalue()


def _cell(row: Row, word: str) -> str:
    """Return a word as a spreadsheet may have it: it would run one that begins like a formula."""
    name = str(row.get(word, ""))
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") and name != "-" else name


def plot_of(rows: Sequence[Row], words: Sequence[str]) -> str:
    """Return a bar for each group, as long as its cost; what is estimated of it is lighter."""
    names = [" ".join(str(row.get(word, "")) for word in words) or "all" for row in rows]
    wide = min(48, max((len(name) for name in names), default=0))
    most = max((_number(row, "cost_micros") for row in rows), default=0) or 1
    lines = []
    for name, row in zip(names, rows, strict=True):
        cost, guess = _number(row, "cost_micros"), _number(row, "estimated_micros")
        whole = -(-cost * WIDTH // most)
        light = min(whole, guess * WIDTH // most)
        bar = "█" * (whole - light) + "░" * light
        unpriced = f"  {row.get('unpriced_calls')} calls without a price" if row.get("unpriced_calls") else ""
        lines.append(f"{name[:wide]:<{wide}}  {bar:<{WIDTH}}  ${dollars(cost)}{unpriced}".rstrip() + "\n")
    return "".join(lines) or "nothing was spent\n"


def _number(row: Row, key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) else 0


def _sum(rows: Sequence[Row]) -> int:
    return sum(_number(row, "cost_micros") for row in rows)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
