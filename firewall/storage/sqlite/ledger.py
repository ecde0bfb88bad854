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
_STATE = 2
_COST = 26
"""Places in a line; what was reserved stands behind the cost."""
_ANY = 2**62
"""The limit of an account that has none."""
_PUT = f"INSERT OR REPLACE INTO spend_calls VALUES ({', '.join('?' * _COLUMNS)})"  # noqa: S608 - marks alone
_FORGET = "DELETE FROM spend_open WHERE call = ? AND booked = 0 AND parts = ?"


def reserve(connection: sqlite3.Connection, step: Reserve, index: int) -> Unmet | None:
    """Hold money on every account; unmet as `spent` when one is too full, by name where there is one alone.

    What other accounts gave then is still there: the caller rolls back to its savepoint and asks `full`.
    """
    line = step.line
    unmet = _hold(connection, step.parts, index, at=line.at_us)
    if unmet is None and step.parts:
        row = orjson.dumps(_row(line)).decode()
        connection.execute(
            "INSERT INTO spend_open VALUES (?, ?, 0, ?, ?)", (line.call, step.until_us, _held(step.parts), row)
        )
    return unmet


def extend(connection: sqlite3.Connection, step: Extend, index: int, now_us: int) -> Unmet | None:
    """Hold more for a call that still holds something; unmet as `reserve`."""
    found = connection.execute(
        "SELECT parts FROM spend_open WHERE call = ? AND booked = 0", (step.call,)
    ).fetchone()
    if found is None:
        return Unmet(index, "unknown")
    unmet = _hold(connection, step.parts, index, at=now_us)
    if unmet is None:
        held = [*_parts(found[0]), *((part.key, part.micros) for part in step.parts)]
        connection.execute(
            "UPDATE spend_open SET parts = ? WHERE call = ?", (orjson.dumps(held).decode(), step.call)
        )
    return unmet


def full(connection: sqlite3.Connection, parts: Sequence[Part]) -> str:
    """Return the key of the first account that is too full, when none of them has given anything."""
    for part in parts:
        row = connection.execute("SELECT spent + held FROM spend_accounts WHERE key = ?", (part.key,)).fetchone()
        if part.limit_micros and (row[0] if row else 0) + part.micros > part.limit_micros:
            return part.key
    return parts[0].key


def settle(connection: sqlite3.Connection, step: Settle, now_us: int) -> Iterable[Spent]:
    """Give back what the call holds, book what it owes, write its line; returns the accounts that it owes."""
    back = _given_back(connection, step)
    for part in step.charges:
        given, wrong = back.get(part.key, (0, 0))
        back[part.key] = (given, wrong + part.micros)
    connection.execute(_PUT, _row(step.line))
    if not back:
        return ()
    values: list[int | str] = [now_us]
    for key, (given, owed) in back.items():
        values += (key, given, owed)
    connection.execute(_booking(len(back)), values)
    charged = list(dict.fromkeys([part.key for part in step.charges]))
    if not charged:
        return ()
    return [Spent(*row) for row in connection.execute(_standing(len(charged)), charged).fetchall()]


def _given_back(connection: sqlite3.Connection, step: Settle) -> dict[str, tuple[int, int]]:
    """Forget what the call holds; returns for each account what comes back and what is owed for a leaked call.

    What its caller believes that it holds is looked up only where the store knows something else of it.
    """
    held, call = step.held, step.line.call
    if held is None:
        return _taken_back(connection, call)
    if not held:
        return {}
    text = _held(held)
    if connection.execute(_FORGET, (call, text)).rowcount != 1:
        return _taken_back(connection, call)
    back: dict[str, tuple[int, int]] = {}
    for part in held:
        back[part.key] = (back[part.key][0] + part.micros if part.key in back else part.micros, 0)
    return back


def _taken_back(connection: sqlite3.Connection, call: str) -> dict[str, tuple[int, int]]:
    """Forget what a call holds; returns for each account what comes back and what is owed for a leaked call."""
    back: dict[str, tuple[int, int]] = {}
    for held, booked in connection.execute(
        "DELETE FROM spend_open WHERE call = ? RETURNING parts, booked", (call,)
    ).fetchall():
        for key, micros in _parts(held):
            given, wrong = back.get(key, (0, 0))
            back[key] = (given, wrong - micros) if booked else (given + micros, wrong)
    return back


def tell(connection: sqlite3.Connection, step: Tell, index: int) -> Unmet | None:
    """Remember that people were told."""
    done = connection.execute(
        "UPDATE spend_accounts SET told = ?2 WHERE key = ?1 AND told < ?2", (step.key, step.micros)
    )
    return None if done.rowcount else Unmet(index, "told", found=step.key)


def reclaim(connection: sqlite3.Connection, step: Reclaim) -> None:
    """Book what was never settled as what was held, and forget what is old.

    What they held stays, marked, until their lines go: who settles after all puts the booking right.
    """
    late = connection.execute(
        "UPDATE spend_open SET booked = 1 WHERE booked = 0 AND until < ? RETURNING parts, line", (step.before_us,)
    ).fetchall()
    for held, line in late:
        connection.executemany(
            "UPDATE spend_accounts SET held = held - ?2, spent = spent + ?2 WHERE key = ?1", _parts(held)
        )
        row = orjson.loads(line)
        row[_STATE], row[_COST] = State.LEAKED.value, row[_COST + 1]
        connection.execute(_PUT, row)
    if step.forget_us:
        connection.execute("DELETE FROM spend_calls WHERE at < ?", (step.forget_us,))
        connection.execute("DELETE FROM spend_open WHERE booked = 1 AND until < ?", (step.forget_us,))
        connection.execute("DELETE FROM spend_accounts WHERE held = 0 AND moved_at < ?", (step.forget_us,))


def late(connection: sqlite3.Connection, before_us: int) -> int:
    """Return how many calls hold something although their lease ended before an instant."""
    found = connection.execute(
        "SELECT count(*) FROM spend_open WHERE booked = 0 AND until < ?", (before_us,)
    ).fetchone()
    return int(found[0])


def _parts(text: str) -> list[tuple[str, int]]:
    return [(key, micros) for key, micros in orjson.loads(text)]


def _held(parts: Sequence[Part]) -> str:
    return orjson.dumps([(part.key, part.micros) for part in parts]).decode()


def _hold(connection: sqlite3.Connection, parts: Sequence[Part], index: int, *, at: int) -> Unmet | None:
    if not parts:
        return None
    values: list[int | str] = [at]
    for part in parts:
        limit = part.limit_micros or _ANY
        if part.micros > limit:  # an insert has no condition, so what never fits must not get that far
            return Unmet(index, "spent", found=part.key)
        values += (part.key, part.micros, limit)
    if connection.execute(_statement(len(parts)), values).rowcount == len(parts):
        return None
    return Unmet(index, "spent", found=parts[0].key if len(parts) == 1 else "")


@lru_cache(maxsize=32)
def _statement(count: int) -> str:
    """Write the statement for `count` accounts: ?1 is now, then key, amount and limit of each."""
    at = range(2, 2 + 3 * count, 3)
    rows = ", ".join(f"(?{key}, 0, ?{key + 1}, ?1)" for key in at)
    limits = " ".join(f"WHEN ?{key} THEN ?{key + 2}" for key in at)
    return (
        f"INSERT INTO spend_accounts (key, spent, held, moved_at) VALUES {rows} "  # noqa: S608 - numbers of parameters, no values
        "ON CONFLICT (key) DO UPDATE SET held = held + excluded.held, moved_at = ?1 "
        f"WHERE spent + held + excluded.held <= CASE excluded.key {limits} END"
    )


@lru_cache(maxsize=32)
def _booking(count: int) -> str:
    """Write the statement that books on `count` accounts: ?1 is now, then key, what comes back, what is owed."""
    at = range(2, 2 + 3 * count, 3)
    rows = ", ".join(f"(?{key}, ?{key + 2}, -?{key + 1}, ?1)" for key in at)
    return (
        f"INSERT INTO spend_accounts (key, spent, held, moved_at) VALUES {rows} "  # noqa: S608 - numbers of parameters, no values
        "ON CONFLICT (key) DO UPDATE SET spent = spent + excluded.spent, held = held + excluded.held, "
        "moved_at = ?1"
    )


@lru_cache(maxsize=32)
def _standing(count: int) -> str:
    """Write the statement that reads `count` accounts; `RETURNING` makes a table of its own each time."""
    one = "SELECT key, spent, told FROM spend_accounts WHERE key = ?"
    return " UNION ALL ".join([one] * count)


def _row(line: Line) -> tuple[object, ...]:
    about, used = line.about, line.used
    tags = orjson.dumps(dict(about.tags)).decode() if about.tags else "{}"
    return (
        line.call, line.at_us, line.state.value, line.entry, line.token, line.principal, line.owner, line.session,
        about.team, about.feature, about.user_tier, tags, line.route,
        line.provider, line.model, used.input, used.cache_read, used.cache_write, used.cache_write_1h,
        used.input_image, used.input_audio, used.output, used.reasoning, used.output_image, used.output_audio,
        used.searches, line.cost_micros, line.reserved_micros, line.attempts, line.price,
    )  # fmt: skip
