"""Reading the ledger: what calls cost, grouped by words; and what accounts have left."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

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
    "day": "strftime('%Y-%m-%d', at / 1000000, 'unixepoch')",
    "month": "strftime('%Y-%m', at / 1000000, 'unixepoch')",
}
"""What a report may group by; `tag:NAME` besides."""
TAG = "tag:"


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
    connection: sqlite3.Connection, by: Sequence[str], *, since_us: int, until_us: int, limit: int
) -> list[Group]:
    """Return the groups of calls that began in an interval, the dearest first.

    Raises: KeyError for a word that is none of WORDS.
    """
    values: list[object] = []
    columns: list[str] = []
    for word in by:
        if word.startswith(TAG):
            values.append(f'$."{word.removeprefix(TAG)}"')
            columns.append("coalesce(json_extract(tags, ?), '')")
        else:
            columns.append(WORDS[word])
    keys = "".join(f"{column}, " for column in columns)
    numbers = ", ".join(str(place) for place in range(1, len(by) + 1))
    rows = connection.execute(
        f"SELECT {keys}count(*), sum(cost), sum(CASE WHEN state IN ('estimated', 'leaked') THEN cost END), "  # noqa: S608 - columns are our own, values are bound
        "sum(state = 'unknown'), sum(input), sum(cache_read), sum(output), "
        "group_concat(DISTINCT provider || '/' || model) FROM spend_calls "
        "WHERE at >= ? AND at < ? AND state NOT IN ('open', 'unasked')"
        f"{f' GROUP BY {numbers}' if by else ''} ORDER BY {len(by) + 2} DESC, {len(by) + 1} DESC LIMIT ?",
        (*values, since_us, until_us, limit),
    ).fetchall()
    return [_group(row, len(by)) for row in rows if row[len(by)]]


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


def balances(connection: sqlite3.Connection, limit: int) -> list[tuple[str, int, int]]:
    """Return key, spent and held of the accounts that moved last."""
    return connection.execute(
        "SELECT key, spent, held FROM spend_accounts ORDER BY moved_at DESC, key LIMIT ?", (limit,)
    ).fetchall()
