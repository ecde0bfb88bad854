"""The ledger's short ways end as its long ones do, whatever begins, is extended, leaks and is settled."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from audit import schema
from audit.seal import Keystore
from firewall.core.budget import Balance, hold
from firewall.core.spending import Extend, Line, Part, Reclaim, Reserve, Settle, Spent, State
from firewall.core.work import Committed, Outcome, Step, Unit, Unmet
from firewall.sequencer.apply import Applier
from firewall.sequencer.sealing import Sealing
from firewall.storage.sqlite.schema import create_tables, open_writer
from tests.support.audit_logs import reopen

KEYS = ("team:a", "model:b", "token:c")
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "extend", "leak", "settle", "settle"]),
        st.tuples(*[st.integers(0, 60)] * 3),
        st.sampled_from(["right", "wrong", "unknown"]),
    ),
    max_size=12,
)
"""What happens, an amount for each account, and what a settlement believes to be held."""


@contextmanager
def applying() -> Iterator[tuple[sqlite3.Connection, Applier]]:
    """Open an empty file, and what applies units to it."""
    with TemporaryDirectory() as folder, closing(open_writer(Path(folder) / "log.db")) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # nothing crashes here, and a disk is slow
        create_tables(connection)
        schema.create(connection)
        with closing(Keystore.create(Path(folder) / "keys.db", bytes(32))) as keystore:
            yield connection, Applier(connection, reopen(connection), Sealing(keystore))


class Slow:
    """What the ledger promises, without a database: each account by the pure rule."""

    def __init__(self, limits: tuple[int, ...]) -> None:
        self.limits = dict(zip(KEYS, limits, strict=True))
        self.balances = {key: Balance() for key in KEYS}
        self.held: dict[str, dict[str, int]] = {}
        self.booked: set[str] = set()

    def hold(self, call: str, parts: tuple[Part, ...]) -> str:
        """Hold on all accounts, or on none; returns the first that can never give as much, or is too full now."""
        never = next((part.key for part in parts if part.limit_micros and part.micros > part.limit_micros), "")
        if never:
            return never
        after = {part.key: hold(self.balances[part.key], part.micros, part.limit_micros) for part in parts}
        for key, balance in after.items():
            if balance is None:
                return key
        self.balances |= {key: one for key, one in after.items() if one is not None}
        mine = self.held.setdefault(call, dict.fromkeys(KEYS, 0))
        for part in parts:
            mine[part.key] += part.micros
        return ""

    def leak(self) -> None:
        """Book what is held as spent."""
        self.booked |= self.held.keys()
        self.balances = {key: Balance(one.spent + one.held, 0) for key, one in self.balances.items()}

    def settle(self, call: str, charges: tuple[Part, ...]) -> None:
        """Give back, or take a wrong booking back, and book what is owed."""
        mine = self.held.pop(call)
        for key, micros in mine.items():
            spent, held = self.balances[key].spent, self.balances[key].held
            late = call in self.booked
            self.balances[key] = Balance(spent - micros if late else spent, held if late else held - micros)
        for part in charges:
            one = self.balances[part.key]
            self.balances[part.key] = Balance(one.spent + part.micros, one.held)


@settings(max_examples=40)
@given(st.tuples(*[st.integers(0, 150)] * 3), MOVES)
def test_what_a_settlement_believes_changes_nothing(
    limits: tuple[int, ...], moves: list[tuple[str, tuple[int, ...], str]]
) -> None:
    """Right, wrong or silent of what is held: balances, refusals, their names and what is told stay the rule's."""
    with applying() as (connection, applier):
        slow, first = Slow(limits), dict[str, tuple[Part, ...]]()

        def apply(step: Step) -> Outcome:
            connection.execute("BEGIN IMMEDIATE")
            (said,) = applier.apply_all([Unit(steps=(step,))], 7, careful=True)
            connection.execute("COMMIT")
            return said

        for number, (what, amounts, belief) in enumerate(moves):
            parts = tuple(Part(key, each, slow.limits[key]) for key, each in zip(KEYS, amounts, strict=True))
            call = next(reversed(slow.held), "")
            if what == "begin":
                step: Step = Reserve(Line(call=str(number), at_us=1, state=State.OPEN), parts, 5)
                agrees(apply(step), slow.hold(str(number), parts))
                first[str(number)] = parts
            elif what == "leak":
                apply(Reclaim(before_us=6))
                slow.leak()
            elif call and what == "extend":
                known = call not in slow.booked
                agrees(apply(Extend(call, parts)), slow.hold(call, parts) if known else "?")
            elif call:
                charges = tuple(Part(part.key, part.micros) for part in parts if part.micros)
                slow.settle(call, charges)
                believed = {"right": first[call], "wrong": parts[:2], "unknown": None}[belief]
                said = apply(Settle(Line(call=call, at_us=1, state=State.EXACT), charges, believed))
                told = tuple(Spent(part.key, slow.balances[part.key].spent, 0) for part in charges)
                assert said == Committed(spent=told)
            rows = connection.execute("SELECT key, spent, held FROM spend_accounts").fetchall()
            assert {key: Balance(*rest) for key, *rest in rows} | {
                key: one for key, one in slow.balances.items() if one == Balance()
            } == slow.balances
            assert {row[0] for row in connection.execute("SELECT call FROM spend_open")} == slow.held.keys()


def agrees(said: Outcome, refused: str) -> None:
    """Check that a holding was granted, or refused by the account that is named; `?`: nothing is held any more."""
    if not refused:
        assert isinstance(said, Committed)
        return
    assert isinstance(said, Unmet)
    assert (said.why, said.found) == (("unknown", "") if refused == "?" else ("spent", refused))
