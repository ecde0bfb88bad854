"""Reading the ledger: what calls cost, grouped by words; and what accounts have left."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.storage.sqlite.spend_days import DAY_US, DAYS, RUNS, lines_as_sums, words_of

WORDS = {
    "feature": "feature",
    "user_tier": "user_tier",
    "team": "team",
    "model": "model",
    "provider": "provider",
    "route": "route",
    "owner": "owner",
    "principal": "principal",
    "token": "token",
    "session": "session",
    "state": "state",
    "day": "strftime('%Y-%m-%d', day * 86400, 'unixepoch')",
    "month": "strftime('%Y-%m', day * 86400, 'unixepoch')",
}
"""What a report may group by; `tag:NAME` besides."""
TAG = "tag:"
_KNOWN = {table: frozenset({*words_of(table), "day", "month"}) for table in (DAYS, RUNS)}
"""Words that the sums of days know, those of few rows first."""
_LINES = ("route", "owner", "principal", "token", "session", "state", "tags")
"""Columns that lines have besides those of DAYS."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the calls of one group cost."""

    words: tuple[str, ...]
    """In the order that was asked for; `-` where a call says none."""
    calls: int
    cost_micros: int
    """Of the calls whose price is known."""
    estimated_micros: int
    """The part of it that nobody counted: upper estimates and what was leaked."""
    unpriced_calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    models: tuple[str, ...]
    """`provider/model` of its calls."""


def report(
    connection: sqlite3.Connection, by: Sequence[str], *, since_us: int, until_us: int, limit: int, skip: int = 0
) -> list[Group]:
    """Return the groups of calls that began in an interval, the dearest first, without the first `skip`.

    Days of which every call lies in it come from the sums of days where those know each word of `by`; `connection`
    reads one state of the ledger. Raises: KeyError for a word that is none of WORDS.
    """
    values: list[object] = []
    columns: list[str] = []
    for word in by:
        if word.startswith(TAG):
            values.append(f'$."{word.removeprefix(TAG)}"')
            columns.append("coalesce(json_extract(tags, ?), '')")
        else:
            columns.append(WORDS[word])
    table = next((table for table, words in _KNOWN.items() if words.issuperset(by)), "")
    whole = _whole_days(connection, since_us, until_us) if table else range(0)
    source, bounds = _source(table, whole, since_us, until_us)
    keys = "".join(f"{column}, " for column in columns)
    numbers = "".join(f", {place}" for place in range(1, len(by) + 1))
    grouped, order = f" GROUP BY {numbers[2:]}" if by else "", f"{len(by) + 2} DESC, {len(by) + 1} DESC{numbers}"
    rows = connection.execute(
        f"SELECT {keys}sum(calls), sum(cost), sum(guessed), sum(unpriced), sum(input), sum(cached), sum(output), "  # noqa: S608 - columns are our own, values are bound
        f"group_concat(DISTINCT provider || '/' || model) FROM ({source}){grouped} ORDER BY {order}"
        " LIMIT ? OFFSET ?",
        (*values, *bounds, limit, skip),
    ).fetchall()
    return [_group(row, len(by)) for row in rows if row[len(by)]]


def _whole_days(connection: sqlite3.Connection, since_us: int, until_us: int) -> range:
    """Return the days, since 1970, all of whose calls began in an interval; neighbours of each other."""
    first, end = since_us // DAY_US, until_us // DAY_US
    if _has_line(connection, first * DAY_US, since_us):
        first += 1
    if not _has_line(connection, until_us, (end + 1) * DAY_US):
        end += 1
    return range(first, end)


def _has_line(connection: sqlite3.Connection, since_us: int, until_us: int) -> bool:
    query = "SELECT 1 FROM spend_calls WHERE at >= ? AND at < ? LIMIT 1"
    return connection.execute(query, (since_us, until_us)).fetchone() is not None


def _source(table: str, whole: range, since_us: int, until_us: int) -> tuple[str, list[int]]:
    """Return what yields the sums of whole days and the lines of the rest, and what it is asked with.

    `table`: of the sums; empty: none knows each word, so that lines are read with all that they have.
    """
    lines = lines_as_sums(table, "") if table else lines_as_sums(DAYS, ", ".join(_LINES))
    if not whole:
        return f"{lines} AND at >= ? AND at < ?", [since_us, until_us]
    first, end = whole.start * DAY_US, whole.stop * DAY_US
    edge = f"UNION ALL {lines} AND at >= ? AND at < ?"
    days = f"SELECT * FROM {table} WHERE day >= ? AND day < ? {edge} {edge}"  # noqa: S608 - constants
    return days, [whole.start, whole.stop, since_us, first, end, until_us]


def _group(row: Sequence[object], size: int) -> Group:
    calls, cost, guess, unpriced, read, cached, wrote = (
        int(number) if isinstance(number, int | float) else 0 for number in row[size : size + 7]
    )
    return Group(
        words=tuple(str(word) or "-" for word in row[:size]),
        calls=calls,
        cost_micros=cost,
        estimated_micros=guess,
        unpriced_calls=unpriced,
        input_tokens=read,
        cached_tokens=cached,
        output_tokens=wrote,
        models=tuple(sorted(str(row[size + 7] or "").split(","))),
    )


def balances(connection: sqlite3.Connection, limit: int, skip: int = 0) -> list[tuple[str, int, int]]:
    """Return key, spent and held of the accounts that moved last, without the first `skip`."""
    return connection.execute(
        "SELECT key, spent, held FROM spend_accounts ORDER BY moved_at DESC, key LIMIT ? OFFSET ?", (limit, skip)
    ).fetchall()
