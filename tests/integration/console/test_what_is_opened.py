"""A look at one approval, or at a page of several, opens no more than it shows: all others wait meanwhile.

What the store is asked for is counted by its connection; nothing is timed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from firewall.approvals.batches import MOST_BYTES
from firewall.approvals.reviewing import Reviews
from firewall.console.approving.reviews import TOO_LONG, ReviewRoom
from firewall.console.rooms import Room
from firewall.core.approval import Approval, ApprovalStatus, Subject
from firewall.core.glass import BreakGlass
from firewall.core.work import Committed, Unit
from tests.support.approving import subject, view, wanted
from tests.support.control_side import Silent
from tests.support.real_console import RealConsole, real_console

LONG = MOST_BYTES + 1
"""Characters of a call that no batch shows."""


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[RealConsole]:
    """A console over a real installation."""

    def rooms(made: RealConsole) -> tuple[Room, ...]:
        log = made.installation
        reviews = Reviews(
            approvals=made.approvals,
            sequencer=log.writer,
            store=log.approving,
            clock=made.clock,
            teller=Silent(),
            remind_s=14_400,
        )
        return (ReviewRoom(reviews, made.approvals, sequencer=log.writer, clock=made.clock),)

    async with real_console(tmp_path, rooms) as found:
        yield found


def _made(number: int, text: str) -> Subject:
    path = f"/srv/data/{number}"
    one = view(effects=("write",), resource=f"file:{path}", text=f"touch {path}", evidence=(), summary=path)
    return subject(actions=(one,), arguments=text)


async def _asked(side: RealConsole, number: int, text: str = "short") -> Approval:
    side.clock.forward(0.001)
    what = wanted(digest=f"{number:064}", effects=("write",), session="", subject=_made(number, text))
    return await side.approvals.open(what)


@contextmanager
def _read(side: RealConsole, approvals: Sequence[Approval]) -> Iterator[Counter[str]]:
    """Count how often each of these is read with its call."""
    counts: Counter[str] = Counter()

    def heard(statement: str) -> None:
        if "subject_key, subject," in statement.partition(" FROM ")[0]:
            counts.update(one.id for one in approvals if f"'{one.id}'" in statement)
            counts["lists"] += " WHERE id = " not in statement

    side.installation.reader.set_trace_callback(heard)
    try:
        yield counts
    finally:
        side.installation.reader.set_trace_callback(None)


async def test_a_look_opens_no_long_call_beside_the_one_that_is_looked_at(side: RealConsole) -> None:
    """An agent fills its run with long calls: whoever looks at one, or at a batch, opens none of the others."""
    short = [await _asked(side, number) for number in range(3)]
    long = [await _asked(side, number, "x" * LONG) for number in range(10, 15)]
    alice = await side.signed_in("approver")
    for path in (f"/api/approvals/{short[0].id}", f"/console/batch/{short[0].id}", f"/approve/{short[0].id}"):
        with _read(side, long) as counts:
            assert (await alice.open(path)).status_code == 200
        assert counts == Counter({"lists": counts["lists"]}), path
    for path in (f"/api/approvals/{long[0].id}", f"/console/batch/{long[0].id}", f"/approve/{long[0].id}"):
        with _read(side, long) as counts:
            assert (await alice.open(path)).status_code == 200
        assert set(counts) <= {"lists", long[0].id}, path


async def test_what_a_batch_does_not_open_it_says_and_does_not_answer(side: RealConsole) -> None:
    """Neither shown nor named in the form; the page counts it, and a form that was made up answers none of it."""
    short = [await _asked(side, number) for number in range(3)]
    long = [await _asked(side, number, "x" * LONG) for number in range(10, 15)]
    alice = await side.signed_in("approver")
    page = (await alice.open(f"/console/batch/{short[0].id}")).text
    assert [page.count(f'name="{one.id}"') for one in (*short, *long)] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert "5 calls of the same run, place and effects are too long" in page
    alike = (await alice.open(f"/api/approvals/{short[0].id}")).json()["alike"]
    assert (alike["waiting"], alike["more"], alike["unopened"]) == (3, 0, 5)
    chosen = {one.id: one.digest for one in (short[0], long[0])}
    fields = {"csrf": await alice.csrf(), "decision": "approve", **chosen}
    with _read(side, long) as counts:
        answer = await alice.client.post(f"/console/batch/{short[0].id}", data=fields, headers=alice.headers)
    assert (answer.status_code, long[0].id in counts) == (409, False)
    assert "too long for a batch" in answer.text
    stands = [side.approvals.get(one.id).status for one in (short[0], long[0])]
    assert stands == [ApprovalStatus.APPROVED, ApprovalStatus.PENDING]


async def test_what_is_overdue_is_read_once_each_and_never_together(side: RealConsole) -> None:
    """Long calls whose time is over are no list that is opened at once, nor opened again to wake anybody."""
    long = [await _asked(side, number, "x" * LONG) for number in range(5)]
    side.clock.forward(1801)
    with _read(side, long) as counts:
        assert await side.approvals.sweep() == 5
    assert counts == Counter({"lists": 0} | {one.id: 1 for one in long})
    assert {side.approvals.get(one.id).status for one in long} == {ApprovalStatus.EXPIRED}


async def test_reviews_open_a_bounded_part_of_what_they_list(side: RealConsole) -> None:
    """Uses of long calls are all listed; of their calls 1 MiB is opened, and those that are not say so."""
    long = [await _asked(side, number, "x" * 400_000) for number in range(4)]
    for one in long:
        now = side.clock.now_us()
        step = BreakGlass(one.id, "per_bob", ("per_bob",), now, 9, day_from=0, quiet_from=now, reason="a page")
        outcome = await side.installation.writer.submit(Unit(steps=(step,)))
        assert isinstance(outcome, Committed)
        side.clock.forward(1)
    alice = await side.signed_in("auditor")
    with _read(side, long) as counts:
        page = (await alice.open("/console/reviews")).text
    assert counts == Counter({"lists": 0, long[0].id: 1, long[1].id: 1})
    assert [page.count(f'id="of-{one.id}"') for one in long] == [1] * 4
    assert page.count(TOO_LONG) == 2
    with _read(side, long) as counts:
        listed = (await alice.open("/api/reviews")).json()
    assert counts == Counter({"lists": 0, long[0].id: 1, long[1].id: 1})
    assert [(one["id"], one["summary"] == TOO_LONG, one["environment"]) for one in listed] == [
        (one.id, at > 1, "staging") for at, one in enumerate(long)
    ]
