"""The ledger: accounts, what calls hold of them, and one line a call. The rule is `core.budget`.

INVARIANT: every hold is one conditional statement inside the commit of its entry, so that two callers can never
both have the last micro-dollar; what an account holds is always the sum of what calls hold of it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson

from firewall.core.spending import Extend, Line, Part, Reclaim, Reserve, Settle, Spent, State, Tell
from firewall.core.work import Unmet

_COLUMNS = 30
_ANY = 2**62
"""The limit of an account that has none."""
_PUT = f"INSERT OR REPLACE INTO spend_calls VALUES ({', '.join('?' * _COLUMNS)})"  # noqa: S608 - marks alone


def reserve(connection: sqlite3.Connection, step: Reserve, index: int) -> Unmet | None:
    """Hold money on every account; unmet as `spent`, naming the first account that is too full.

    What other accounts gave then is still there: the caller rolls back to its savepoint.
    """
    unmet = _hold(connection, step.line.call, step.parts, index, until=step.until_us, at=step.line.at_us)
    if unmet is None:
        connection.execute(_PUT, _row(step.line))
    return unmet


def extend(connection: sqlite3.Connection, step: Extend, index: int, now_us: int) -> Unmet | None:
    """Hold more for a call that still holds something."""
    found = connection.execute(
        "SELECT max(until) FROM spend_holds WHERE call = ? AND booked = 0", (step.call,)
    ).fetchone()
    if found[0] is None:
        return Unmet(index, "unknown")
    return _hold(connection, step.call, step.parts, index, until=found[0], at=now_us)


def settle(connection: sqlite3.Connection, step: Settle, now_us: int) -> Iterable[Spent]:
    """Give back what the call holds, book what it owes, write its line; returns the accounts that it owes."""
    back: dict[str, tuple[int, int]] = {}
    held = connection.execute(
        "DELETE FROM spend_holds WHERE call = ? RETURNING key, micros, booked", (step.line.call,)
    ).fetchall()
    for key, micros, booked in held:
        back[key] = (0, -micros) if booked else (micros, 0)
    for part in step.charges:
        given, wrong = back.get(part.key, (0, 0))
        back[part.key] = (given, wrong + part.micros)
    charged = {part.key for part in step.charges}
    spent: list[Spent] = []
    for key, (given, owed) in back.items():
        row = connection.execute(
            "INSERT INTO spend_accounts (key, spent, held, moved_at) VALUES (?1, ?3, 0, ?4) ON CONFLICT (key) "
            "DO UPDATE SET spent = spent + ?3, held = held - ?2, moved_at = ?4 RETURNING spent, told",
            (key, given, owed, now_us),
        ).fetchone()
        if key in charged:
            spent.append(Spent(key, row[0], row[1]))
    connection.execute(_PUT, _row(step.line))
    return spent


def tell(connection: sqlite3.Connection, step: Tell, index: int) -> Unmet | None:
    """Remember that people were told."""
    done = connection.execute(
        "UPDATE spend_accounts SET told = ?2 WHERE key = ?1 AND told < ?2", (step.key, step.micros)
    )
    return None if done.rowcount else Unmet(index, "told", found=step.key)


def reclaim(connection: sqlite3.Connection, step: Reclaim) -> None:
    """Book what was never settled as what was held, and forget what is old.

    The holds stay, marked, until their lines go: who settles after all puts the booking right.
    """
    late = connection.execute(
        "UPDATE spend_holds SET booked = 1 WHERE booked = 0 AND until < ? RETURNING call, key, micros",
        (step.before_us,),
    ).fetchall()
    connection.executemany(
        "UPDATE spend_accounts SET held = held - ?2, spent = spent + ?2 WHERE key = ?1",
        [(key, micros) for _, key, micros in late],
    )
    connection.executemany(
        "UPDATE spend_calls SET state = ?2, cost = reserved WHERE call = ?1 AND state = ?3",
        [(call, State.LEAKED.value, State.OPEN.value) for call in {call for call, _, _ in late}],
    )
    if step.forget_us:
        connection.execute("DELETE FROM spend_calls WHERE at < ?", (step.forget_us,))
        connection.execute("DELETE FROM spend_holds WHERE booked = 1 AND until < ?", (step.forget_us,))
        connection.execute("DELETE FROM spend_accounts WHERE held = 0 AND moved_at < ?", (step.forget_us,))


def late(connection: sqlite3.Connection, before_us: int) -> int:
    """Return how many calls hold something although their lease ended before an instant."""
    found = connection.execute(
        "SELECT count(DISTINCT call) FROM spend_holds WHERE booked = 0 AND until < ?", (before_us,)
    ).fetchone()
    return int(found[0])


def _hold(
    connection: sqlite3.Connection, call: str, parts: Sequence[Part], index: int, *, until: int, at: int
) -> Unmet | None:
    if not parts:
        return None
    values: list[int | str] = [at]
    for part in parts:
        limit = part.limit_micros or _ANY
        if part.micros > limit:  # an insert has no condition, so what never fits must not get that far
            return Unmet(index, "spent", found=part.key)
        values += (part.key, part.micros, limit)
    gave = connection.execute(_statement(len(parts)), values).fetchall()
    if len(gave) != len(parts):
        names = {row[0] for row in gave}
        return Unmet(index, "spent", found=next(part.key for part in parts if part.key not in names))
    connection.executemany(
        "INSERT INTO spend_holds (call, key, micros, until) VALUES (?, ?, ?, ?) ON CONFLICT (call, key) "
        "DO UPDATE SET micros = micros + excluded.micros",
        [(call, part.key, part.micros, until) for part in parts],
    )
    return None


@lru_cache(maxsize=32)
def _statement(count: int) -> str:
    """Write the statement for `count` accounts: ?1 is now, then key, amount and limit of each."""
    at = range(2, 2 + 3 * count, 3)
    rows = ", ".join(f"(?{key}, 0, ?{key + 1}, ?1)" for key in at)
    limits = " ".join(f"WHEN ?{key} THEN ?{key + 2}" for key in at)
    return (
        f"INSERT INTO spend_accounts (key, spent, held, moved_at) VALUES {rows} "  # noqa: S608 - numbers of parameters, no values
        "ON CONFLICT (key) DO UPDATE SET held = held + excluded.held, moved_at = ?1 "
        f"WHERE spent + held + excluded.held <= CASE excluded.key {limits} END RETURNING key"
    )


def _row(line: Line) -> tuple[object, ...]:
    about, used = line.about, line.used
    return (
        line.call, line.at_us, line.state.value, line.entry, line.token, line.principal, line.owner, line.session,
        about.team, about.feature, about.user_tier, orjson.dumps(dict(about.tags)).decode(), line.route,
        line.provider, line.model, used.input, used.cache_read, used.cache_write, used.cache_write_1h,
        used.input_image, used.input_audio, used.output, used.reasoning, used.output_image, used.output_audio,
        used.searches, line.cost_micros, line.reserved_micros, line.attempts, line.price,
    )  # fmt: skip
