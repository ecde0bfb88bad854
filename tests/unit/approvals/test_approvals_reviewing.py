"""Reviews of break-glass: by another person, once, with words; and told until then."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import Approval
from firewall.core.errors import ApprovalError
from firewall.core.glass import Finding
from tests.support.approving import until
from tests.support.breaking import (
    ANNA,
    AUDITOR,
    EVERYBODY,
    GINA,
    OLGA,
    RULES,
    SAM,
    TYPED,
    WHY,
    Cabinet,
    asked,
    cabinet,
)

NOTE = "looked at the graphs: it was the only way"
GOOD, BAD = Finding.JUSTIFIED, Finding.UNJUSTIFIED


@pytest.fixture
async def used() -> tuple[Cabinet, Approval]:
    """A use by Gina of olga's agent's call."""
    all_ = cabinet()
    approval = await all_.approvals.open(asked())
    return all_, await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)


async def _refused(act: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(ApprovalError) as caught:
        await act
    return caught.value.code, caught.value.status


@pytest.mark.parametrize(("by", "finding"), [(ANNA, GOOD), (AUDITOR, BAD), (SAM, GOOD)])
async def test_another_person_reviews_it(used: tuple[Cabinet, Approval], by: Approver, finding: Finding) -> None:
    """Whoever may read the log, an auditor as well; the note is kept and sealed in an entry."""
    all_, approval = used
    assert [one.approval for one in all_.reviews.open()] == [approval.id]
    assert all_.reviews.words() == "1 open, the oldest for 0 h"
    use = await all_.reviews.review(approval.id, finding, by=by, note=f" {NOTE} ")
    assert (use.finding, use.note, use.reviewer) == (finding, NOTE, all_.log.pseudonym(by.name))
    record = all_.log.records[-1]
    assert (record.kind, record.approval, record.data["finding"]) == ("glass.reviewed", approval.id, finding.value)
    assert record.data["broken_by"] == all_.log.pseudonym("gina")
    assert record.private == {"name": by.name, "role": by.role, "note": NOTE}
    assert (all_.reviews.open(), all_.reviews.words()) == ([], "")
    assert all_.reviews.closed(5) == [use]
    assert await _refused(all_.reviews.review(approval.id, GOOD, by=SAM, note=NOTE)) == ("review_done", 409)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (GINA, ("review_not_permitted", 403)),
        (Approver("gina.w", "admin", aliases=("gina",)), ("review_not_permitted", 403)),
        (OLGA, ("own_approval", 403)),
        (Approver("vera", "viewer"), ("review_not_permitted", 403)),
        (Approver("gone", "admin"), ("review_not_permitted", 403)),
        (replace(ANNA, proof_at=1 << 62), ("newer_than_use", 403)),
        (Approver("mallory", "admin", since=1 << 62), ("newer_than_use", 403)),
    ],
    ids=[
        "who used it",
        "by another account",
        "the owner",
        "who only looks",
        "removed",
        "new passphrase",
        "newcomer",
    ],
)
async def test_nobody_else_does(used: tuple[Cabinet, Approval], by: Approver, said: tuple[str, int]) -> None:
    """It stays open."""
    all_, approval = used
    if by.name != "gone":
        all_.log.permit(*EVERYBODY, replace(by, proof_at=0)) if by not in EVERYBODY else None
    assert await _refused(all_.reviews.review(approval.id, GOOD, by=by, note=NOTE)) == said
    assert len(all_.reviews.open()) == 1


TWO = (
    Approver("gina", "approver", auth="passkey", aliases=("Gina@Example.com",)),
    Approver("gina@example.com", "approver", auth="passkey"),
)


@pytest.mark.parametrize(("uses", "stays"), [TWO, TWO[::-1]], ids=["name removed", "e-mail removed"])
async def test_whoever_removed_the_account_that_broke_it_is_still_himself(uses: Approver, stays: Approver) -> None:
    """Neither does he review it under another account, nor has he another use."""
    both = replace(RULES, people=frozenset(one.name for one in TWO))
    all_ = cabinet(rules=both)
    all_.log.permit(*TWO, ANNA)
    first = await all_.approvals.open(asked())
    await all_.glass.use(first.id, by=uses, reason=WHY, typed=TYPED)
    all_.log.permit(stays, ANNA)
    all_.clock.forward(2 * RULES.cool_down_s)
    second = await all_.approvals.open(asked(digest="b" * 64))
    said = await _refused(all_.reviews.review(first.id, GOOD, by=stays, note=NOTE))
    assert said == ("review_not_permitted", 403)
    assert await _refused(all_.glass.use(second.id, by=stays, reason=WHY, typed=TYPED)) == ("glass_spent", 429)
    assert (await all_.reviews.review(first.id, GOOD, by=ANNA, note=NOTE)).finding is GOOD


async def test_a_review_says_something(used: tuple[Cabinet, Approval]) -> None:
    """A note that shows nothing is none; of what was never used there is no review."""
    all_, approval = used
    assert await _refused(all_.reviews.review(approval.id, GOOD, by=ANNA, note="ok\u200b" * 2)) == (
        "note_missing",
        409,
    )
    other = await all_.approvals.open(asked(digest="e" * 64))
    assert await _refused(all_.reviews.review(other.id, GOOD, by=ANNA, note=NOTE)) == ("review_unknown", 404)


async def test_everybody_is_told_at_once_and_again_until_it_is_reviewed() -> None:
    """On every channel, with the groups that were passed over; nothing of the call's arguments."""
    all_ = cabinet()
    running = asyncio.create_task(all_.reviews.run())
    await asyncio.sleep(0)
    approval = await all_.approvals.open(asked())
    await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)
    alerts = all_.heard.alerts
    await until(lambda: len(alerts) == 1)
    (first,) = alerts
    assert first.text == (
        '"gina" broke the glass for "shell:rm" in "staging" (destructive).'
        " Somebody else reviews it: http://localhost:8788/console/reviews"
    )
    assert (first.groups, first.is_for_all, first.facts["event"]) == (("oncall",), True, "broken")
    assert not {WHY, "/srv/data", "rm -rf"} & set(first.text.split()), "no argument is told"
    all_.reviews.broken("apr_none")
    await until(lambda: not all_.reviews._news.is_set())
    assert len(alerts) == 1, "not again before its time"
    all_.clock.forward(RULES.remind_s)
    all_.reviews.broken("apr_none")
    await until(lambda: len(alerts) == 2)
    assert alerts[1].text.startswith('nobody has reviewed that "gina" broke the glass')
    await all_.reviews.review(approval.id, GOOD, by=ANNA, note=NOTE)
    all_.clock.forward(RULES.remind_s)
    all_.reviews.broken("apr_none")
    await until(lambda: not all_.reviews._news.is_set())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(alerts) == 2


async def test_a_use_that_cannot_be_read_keeps_no_other_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first and the third are told; the second is as soon as it can be read, as new as it is."""
    all_ = cabinet(rules=replace(RULES, per_day=3, cool_down_s=0))
    ids = []
    for sign in "abc":
        ids.append((await all_.approvals.open(asked(digest=sign * 64))).id)
        await all_.glass.use(ids[-1], by=GINA, reason=WHY, typed=TYPED)
        all_.clock.forward(1)
    row = all_.log.rows.pop(ids[1])
    running = asyncio.create_task(all_.reviews.run())
    await until(lambda: f"approval={ids[1]} could not be read" in caplog.text)
    await until(lambda: len(all_.heard.alerts) == 2)
    all_.log.rows[ids[1]] = row
    all_.reviews.broken("apr_none")
    await until(lambda: len(all_.heard.alerts) == 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [one.facts["event"] for one in all_.heard.alerts] == ["broken"] * 3


async def test_what_is_open_at_the_start_is_told_and_a_store_that_fails_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that stopped before anybody was told tells at its next start."""
    all_ = cabinet()
    approval = await all_.approvals.open(asked())
    await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)
    all_.reviews._fresh.clear()
    all_.log.permit(*EVERYBODY[1:])
    all_.log.is_failing = True
    running = asyncio.create_task(all_.reviews.run())
    await until(lambda: "open reviews could not be read" in caplog.text)
    assert all_.heard.alerts == []
    all_.log.is_failing = False
    all_.reviews.broken("apr_none")
    await until(lambda: len(all_.heard.alerts) == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "nobody has reviewed that somebody who has left broke the glass" in all_.heard.alerts[0].text
