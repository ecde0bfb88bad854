"""Releasing: everything is judged again, an approval is used once, and nothing goes before that is durable."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.errors import StoreError
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.core.work import Outcome, Unit
from firewall.guard.answer import Answer, Go, Stop, Wait
from firewall.tokens.service import Draw
from tests.support.guarding import ALICE, DESTROY, Kept, call, keeping, policies_in

BUDGET = (Draw("tok_1", 0, 0, 2), Draw("owner:olga", 0, 0, 2))


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def reason(answer: Answer) -> Reason:
    """Return why a call was stopped."""
    assert isinstance(answer, Stop), answer
    assert isinstance(answer.verdict, Deny)
    return answer.verdict.reason


def status(kept: Kept, held: Wait) -> ApprovalStatus:
    """Return where an approval stands."""
    return kept.approvals.get(held.approval.id).status


async def test_approved_call_goes_once(kept: Kept) -> None:
    """59: The vote releases the call, consumption and release are one commit, and a second release asks anew."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    answer = await kept.guard.release(held, kept.requester())
    assert isinstance(answer, Go)
    assert answer.approval == held.approval.id
    assert kept.kinds()[-3:] == ["tool.judged", "approval.consumed", "tool.released"]
    assert status(kept, held) is ApprovalStatus.CONSUMED
    again = await kept.guard.judge(call(DESTROY), kept.requester())
    assert isinstance(again, Wait)
    assert again.approval.id != held.approval.id
    assert reason(await kept.guard.release(held, kept.requester())) is Reason.HOLD_ENDED
    assert kept.kinds().count("tool.released") == 1


async def test_unused_approval_is_used_by_a_later_identical_call(kept: Kept) -> None:
    """What was approved while nobody listened releases the next identical call at once, exactly once."""
    held = await kept.held(call(DESTROY, ident="a"), kept.requester())
    await kept.approve(held)
    later = await kept.guard.judge(call(DESTROY, ident="b"), kept.requester())
    assert isinstance(later, Go)
    assert later.approval == held.approval.id
    assert isinstance(await kept.guard.judge(call(DESTROY, ident="c"), kept.requester()), Wait)


async def test_approval_of_one_principal_is_worth_nothing_to_another(kept: Kept) -> None:
    """Another agent of the same owner, and the same agent in another session, must ask for themselves."""
    await kept.approve(await kept.held(call(DESTROY), kept.requester()))
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester(grant_agent="other")), Wait)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester(session="ses_2")), Wait)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester()), Go)


@pytest.mark.parametrize(
    "edited", [f"{DESTROY} ", f"{DESTROY}2", f"{DESTROY} /srv/other", DESTROY.replace("a", "\u0430")]
)
async def test_arguments_that_were_edited_after_the_vote_ask_anew(kept: Kept, edited: str) -> None:
    """52: one character more, another target, a look-alike letter: not what people read, so they are asked."""
    await kept.approve(await kept.held(call(DESTROY), kept.requester()))
    assert not isinstance(await kept.guard.judge(call(edited), kept.requester()), Go)
    assert "tool.released" not in kept.kinds()
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester()), Go)


async def test_two_identical_calls_at_once_consume_one_approval_once(kept: Kept) -> None:
    """59: However many identical calls race for one approval, one goes; the others ask, and no limit is blamed."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    answers = await asyncio.gather(
        *(kept.guard.judge(call(DESTROY, ident=str(number)), kept.requester()) for number in range(6)),
        *(kept.guard.release(held, kept.requester()) for _ in range(2)),
    )
    assert sum(isinstance(answer, Go) for answer in answers) == 1
    assert sum(isinstance(answer, Wait) for answer in answers) == 7
    assert kept.kinds().count("approval.consumed") == 1
    assert kept.kinds().count("tool.released") == 1
    assert "limit.hit" not in kept.kinds()


@pytest.mark.parametrize("decision", [Decision.DENY, None])
async def test_unapproved_call_never_goes(kept: Kept, decision: Decision | None) -> None:
    """A denial says what the person said; silence until the end of time is no consent."""
    held = await kept.held(call(DESTROY), kept.requester())
    if decision is None:
        kept.clock.forward(31 * 60)
        await kept.approvals.sweep()
    else:
        await kept.approvals.decide(held.approval.id, decision, by=ALICE, reason="not today")
    answer = await kept.guard.release(held, kept.requester())
    assert reason(answer) is (Reason.APPROVAL_EXPIRED if decision is None else Reason.APPROVAL_DENIED)
    assert isinstance(answer, Stop)
    assert answer.verdict.detail == ("" if decision is None else "not today")
    assert "tool.released" not in kept.kinds()


async def test_pending_call_is_not_released_when_the_hold_ends(kept: Kept) -> None:
    """The client's patience decides nothing: the call is refused for now and its approval stays open."""
    held = await kept.held(call(DESTROY), kept.requester())
    assert reason(await kept.guard.release(held, kept.requester())) is Reason.HOLD_ENDED
    assert status(kept, held) is ApprovalStatus.PENDING


async def test_approval_that_is_too_old_is_not_used(kept: Kept) -> None:
    """Approved and then left lying beyond its time of use: asked again, not used."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    kept.clock.forward(10 * 60)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester()), Wait)
    assert isinstance(await kept.guard.release(held, kept.requester()), Wait)
    assert "tool.released" not in kept.kinds()


async def test_token_revoked_after_the_vote_releases_nothing(kept: Kept) -> None:
    """61: Releasing judges again: a vote does not bring a revoked token back."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    kept.is_live = False
    assert reason(await kept.guard.release(held, kept.requester())) is Reason.GRANT_TOKEN
    assert status(kept, held) is ApprovalStatus.APPROVED


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("p, *, *, *, *, *, , deny,\np, *, *, *, *, *, , ask,\n", Reason.POLICY_DENY),
        ("p, *, production, *, *, read, , allow,\n", Reason.POLICY_NO_ROW),
    ],
)
async def test_policy_that_became_a_deny_wins_over_the_vote(kept: Kept, rows: str, expected: Reason) -> None:
    """61: Loaded between decision and release, a deny releases nothing and the approval stays unused."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    kept.snapshot = policies_in(kept.folder / "policies", rows)
    assert reason(await kept.guard.release(held, kept.requester())) is expected
    assert status(kept, held) is ApprovalStatus.APPROVED


async def test_policy_that_became_stricter_asks_anew(kept: Kept) -> None:
    """A row with other obligations is another question: the old vote does not answer it."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    kept.snapshot = policies_in(kept.folder / "policies", "p, *, *, *, *, *, , ask, group=oncall\n")
    fresh = await kept.guard.release(held, kept.requester())
    assert isinstance(fresh, Wait)
    assert fresh.approval.id != held.approval.id
    assert fresh.approval.obligations.groups == "oncall"
    assert "tool.released" not in kept.kinds()


async def test_policy_that_became_an_allow_goes_without_using_the_vote(kept: Kept) -> None:
    """Where nobody needs to be asked any more, nothing is used up."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    kept.snapshot = policies_in(kept.folder / "policies", "p, *, *, Bash, file:/srv/*, destructive, , allow,\n")
    answer = await kept.guard.release(held, kept.requester())
    assert isinstance(answer, Go)
    assert answer.approval == ""
    assert status(kept, held) is ApprovalStatus.APPROVED


async def test_nothing_goes_when_consumption_is_not_durable(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """79: the commit that consumes fails: the caller hears an error, never go, and the approval stays usable."""
    held = await kept.held(call(DESTROY), kept.requester())
    await kept.approve(held)
    writer = kept.installation.writer
    submit = writer.submit

    async def fails(unit: Unit) -> Outcome:
        if unit.steps:
            raise StoreError("the log cannot be written, so nothing may pass")
        return await submit(unit)

    with monkeypatch.context() as patch:
        patch.setattr(type(writer), "submit", lambda _, unit: fails(unit))
        with pytest.raises(StoreError):
            await kept.guard.release(held, kept.requester())
    assert status(kept, held) is ApprovalStatus.APPROVED
    assert isinstance(await kept.guard.release(held, kept.requester()), Go)


async def test_destructive_budget_is_exact_and_keeps_the_approval(kept: Kept) -> None:
    """Two an hour are two, also in parallel; the third is denied and its approval waits for the next hour."""
    requester = kept.requester(draws=BUDGET)
    held = [await kept.held(call(f"rm -rf /srv/{number}"), requester) for number in range(4)]
    for one in held:
        await kept.approve(one)
    answers = await asyncio.gather(*(kept.guard.release(one, requester) for one in held))
    assert sum(isinstance(answer, Go) for answer in answers) == 2
    stopped = [answer for answer in answers if not isinstance(answer, Go)]
    assert {reason(answer) for answer in stopped} == {Reason.LIMIT_DESTRUCTIVE}
    assert kept.kinds().count("tool.released") == 2
    assert kept.kinds().count("limit.hit") == 2
    left = [one for one in held if status(kept, one) is ApprovalStatus.APPROVED]
    assert len(left) == 2
    for answer in stopped:
        assert isinstance(answer, Stop)
        assert kept.body(answer.entry)["kind"] == "tool.judged"


async def test_budget_refills_with_time_and_reads_draw_nothing(kept: Kept) -> None:
    """Harmless calls cost nothing; half an hour brings back one of two."""
    requester = kept.requester(draws=BUDGET)
    for number in range(5):
        assert isinstance(await kept.guard.judge(call(f"ls {number}"), requester), Go)
    kept.snapshot = policies_in(kept.folder / "policies", "p, *, *, Bash, file:/srv/*, destructive, , allow,\n")
    answers = [await kept.guard.judge(call(f"rm -rf /srv/{number}"), requester) for number in range(3)]
    assert [type(answer) for answer in answers] == [Go, Go, Stop]
    kept.clock.forward(1800)
    assert isinstance(await kept.guard.judge(call("rm -rf /srv/x"), requester), Go)
    assert isinstance(await kept.guard.judge(call("rm -rf /srv/y"), requester), Stop)
