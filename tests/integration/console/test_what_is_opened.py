"""A look at one approval, or at a page of several, opens no more than it shows: all others wait meanwhile.

What the store is asked for is counted by its connection; nothing is timed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from firewall.approvals.batches import MOST_BYTES
from firewall.approvals.people import Approver
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


async def _used(side: RealConsole, approval: Approval) -> None:
    now = side.clock.now_us()
    step = BreakGlass(approval.id, "per_bob", ("per_bob",), now, 9, day_from=0, quiet_from=now, reason="a page")
    assert isinstance(await side.installation.writer.submit(Unit(steps=(step,))), Committed)
    side.clock.forward(1)


async def test_reviews_open_a_bounded_part_of_what_they_list(side: RealConsole) -> None:
    """Uses of long calls are all listed; of their calls 1 MiB is opened, and those that are not say so."""
    long = [await _asked(side, number, "x" * 400_000) for number in range(4)]
    for one in long:
        await _used(side, one)
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


async def test_a_review_is_not_closed_from_a_card_that_was_not_opened(side: RealConsole) -> None:
    """Nobody is asked what he thinks of a call that he cannot see: the card leads to itself, opened alone."""
    sizes = (400_000, 400_000, 400_000, 1_100_000)
    long = [await _asked(side, number, "x" * size) for number, size in enumerate(sizes)]
    for one in long:
        await _used(side, one)
    alice = await side.signed_in("auditor")
    page = (await alice.open("/console/reviews")).text
    assert [page.count(f'action="/console/reviews/{one.id}') for one in long] == [1, 1, 0, 0]
    assert [page.count(f'href="/console/reviews?open={one.id}"') for one in long] == [0, 0, 1, 1]
    listed = (await alice.open("/api/reviews")).json()
    assert [(one["opened"], one["may_review"]) for one in listed] == [(at < 2, at < 2) for at in range(4)]
    path = f"/console/reviews?open={long[3].id}"
    with _read(side, long) as counts:
        page = (await alice.open(path)).text
    assert counts == Counter({"lists": 0, long[3].id: 1})
    assert [page.count(f'id="of-{one.id}"') for one in long] == [0, 0, 0, 1]
    about = long[3].subject
    assert about is not None
    for words in (about.actions[0].summary, f"{about.agent} for {about.owner}", "Close the review"):
        assert words in page
    assert TOO_LONG not in page
    fields = {"finding": "justified", "note": "short"}
    refused = await side.post(alice, f"/console/reviews/{long[3].id}?open={long[3].id}", **fields)
    assert (refused.status_code, refused.text.count("Close the review")) == (409, 1)
    assert f'id="of-{long[3].id}"' in refused.text
    fields["note"] = "the graphs say that it was right"
    assert (
        await side.post(alice, f"/console/reviews/{long[3].id}?open={long[3].id}", **fields)
    ).status_code == 303
    assert (await side.post(alice, f"/console/reviews/{long[2].id}", **fields)).status_code == 303
    closed = (await alice.open(path)).text
    assert (closed.count("Close the review"), fields["note"] in closed) == (0, True)


async def test_whose_call_it_was_is_said_on_the_card_that_was_opened(side: RealConsole) -> None:
    """Before, nobody knows whether it was his own agent's; what has no review cannot be opened as one."""
    approval = await _asked(side, 1, "x" * 1_100_000)
    await _used(side, approval)
    about = approval.subject
    assert about is not None
    side.doors.people[about.owner] = Approver(about.owner, "approver")
    owner = await side.signed_in(about.owner)
    path = f"/console/reviews?open={approval.id}"
    listed, opened = [(await owner.open(one)).text for one in ("/console/reviews", path)]
    assert "Close the review" not in listed + opened
    assert ("your own agent" in listed, "your own agent" in opened) == (False, True)
    other = await _asked(side, 2)
    for unknown in (other.id, "apr_x", "%2e%2e"):
        assert (await owner.open(f"/console/reviews?open={unknown}")).status_code == 404
