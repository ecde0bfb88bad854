"""Break-glass: who may, for what, how often; and what stands in the log."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from firewall.approvals.glass import GlassRules, said_of
from firewall.approvals.people import Approver, Deputy
from firewall.core.approval import ApprovalStatus, Decision, FormRun, FormState
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.verdict import Obligations
from tests.support.approving import START_US, subject, view
from tests.support.breaking import (
    ANNA,
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

PENDING, APPROVED = ApprovalStatus.PENDING, ApprovalStatus.APPROVED


@pytest.fixture
def all_() -> Cabinet:
    """The services, with everybody listed."""
    return cabinet()


async def _refused(act: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(ApprovalError) as caught:
        await act
    return caught.value.code, caught.value.status


@pytest.mark.parametrize("by", [GINA, SAM], ids=["by name", "by group"])
async def test_one_person_approves_what_asks_two_of_a_group(all_: Cabinet, by: Approver) -> None:
    """With a reason, a tap and the typed name: once, for the usual time, recorded before the vote it makes."""
    approval = await all_.approvals.open(asked())
    now = await all_.glass.use(approval.id, by=by, reason=f"  {WHY}\u200b ", typed=TYPED)
    assert (now.status, now.glass, now.uses, now.self_approved) == (APPROVED, True, 1, False)
    assert now.digest == approval.digest
    assert now.use_before == all_.clock.now + 600_000_000
    assert now.reason == "", "what is told to the agent"
    broken, voted = all_.log.records[-2:]
    assert (broken.kind, voted.kind) == ("glass.broken", "approval.voted")
    assert broken.private is not None
    assert broken.private["reason"] == WHY
    assert broken.private["name"] == by.name
    assert broken.private["obligations"] == "quorum=2;group=oncall;auth=passkey;typed=resource"
    assert (broken.data["votes"], broken.data["asked"], broken.data["digest"]) == (0, 2, approval.digest)
    assert (voted.data["glass"], voted.data["decides"], broken.person) == (True, True, by.name)
    assert WHY not in str(broken.data) + str(voted.data)
    use = all_.log.glass[approval.id]
    assert (use.by, use.reason, use.is_open) == (all_.log.pseudonym(by.name), WHY, True)


async def test_stages_and_a_half_met_quorum_are_passed_over(all_: Cabinet) -> None:
    """What others have said stays, and is told in the entry."""
    approval = await all_.approvals.open(asked())
    await all_.approvals.decide(approval.id, Decision.APPROVE, by=ANNA, typed=TYPED)
    now = await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)
    assert now.status is APPROVED
    assert [vote.voter for vote in now.votes] == [all_.log.pseudonym("anna"), all_.log.pseudonym("gina")]
    broken = all_.log.records[-2]
    assert (broken.data["votes"], broken.data["asked"]) == (1, 2)


REFUSED = [
    pytest.param(ANNA, {}, ("glass_not_permitted", 403), id="whom nothing names"),
    pytest.param(OLGA, {}, ("own_approval", 403), id="the owner of the agent"),
    pytest.param(replace(GINA, aliases=("Olga",)), {}, ("own_approval", 403), id="the owner by another name"),
    pytest.param(replace(GINA, auth="passphrase"), {}, ("passkey_needed", 403), id="without a tap"),
    pytest.param(replace(GINA, auth="session"), {}, ("passkey_needed", 403), id="a session that a passkey began"),
    pytest.param(replace(GINA, via="token", auth="token"), {}, ("passkey_needed", 403), id="a token"),
    pytest.param(replace(GINA, via="token"), {}, ("passkey_needed", 403), id="a tap that is none of a session"),
    pytest.param(replace(GINA, via="link", auth="link"), {}, ("approver_not_permitted", 403), id="a link"),
    pytest.param(replace(GINA, via="slack", auth="slack"), {}, ("passkey_needed", 403), id="a click in Slack"),
    pytest.param(replace(GINA, proof_at=START_US + 1), {}, ("newer_than_approval", 403), id="a newer passkey"),
    pytest.param(GINA, {"reason": ""}, ("reason_missing", 409), id="no reason"),
    pytest.param(GINA, {"reason": "x \u200b " * 9}, ("reason_missing", 409), id="nothing that shows"),
    pytest.param(GINA, {"typed": None}, ("typed_missing", 409), id="no name"),
    pytest.param(GINA, {"typed": "file:/srv/dat\u0430"}, ("typed_mismatch", 409), id="a name that looks alike"),
    pytest.param(replace(GINA, name="gone"), {}, ("glass_not_permitted", 403), id="who was removed"),
]


@pytest.mark.parametrize(("by", "fields", "said"), REFUSED)
async def test_everybody_and_everything_else_is_refused(
    all_: Cabinet, by: Approver, fields: dict[str, str | None], said: tuple[str, int]
) -> None:
    """With a code of its own; nothing is decided and nothing is noted."""
    if by.aliases:
        all_.log.permit(by, *EVERYBODY[1:])
    approval = await all_.approvals.open(asked())
    known = list(all_.log.kinds)
    plain: dict[str, str | None] = {"reason": WHY, "typed": TYPED}
    assert await _refused(all_.glass.use(approval.id, by=by, **(plain | fields))) == said  # type: ignore[arg-type]  # rows name the fields
    assert all_.approvals.get(approval.id).status is PENDING
    assert (all_.log.kinds, all_.log.glass) == (known, {})


@pytest.mark.parametrize(
    "now",
    [
        replace(GINA, since=START_US + 1),
        replace(GINA, role="viewer"),
        replace(GINA, role="auditor"),
        replace(GINA, name="gina2"),
    ],
    ids=["moved since", "only looks", "reads the log", "removed"],
)
async def test_what_changed_since_the_call_is_heeded(all_: Cabinet, now: Approver) -> None:
    """Rights are those of the moment, and older than the call."""
    approval = await all_.approvals.open(asked())
    all_.log.permit(now, *EVERYBODY[1:])
    code, status = await _refused(all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED))
    assert status == 403
    assert code in ("newer_than_approval", "approver_not_permitted", "glass_not_permitted")
    assert all_.approvals.get(approval.id).status is PENDING


async def test_what_is_lent_names_nobody(all_: Cabinet) -> None:
    """Who speaks for a group that is named is not named by that."""
    deputy = Approver("dora", "approver", auth="passkey", speaks_for=(Deputy(("sam",), ("sre",)),))
    all_.log.permit(*EVERYBODY, deputy)
    approval = await all_.approvals.open(asked())
    said = await _refused(all_.glass.use(approval.id, by=deputy, reason=WHY, typed=TYPED))
    assert said == ("glass_not_permitted", 403)


async def test_nobody_does_where_nothing_is_configured() -> None:
    """It is off."""
    all_ = cabinet(rules=None)
    approval = await all_.approvals.open(asked())
    said = await _refused(all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED))
    assert said == ("glass_not_permitted", 403)
    assert not GlassRules().name(GINA)


async def test_who_could_approve_alone_does_that(all_: Cabinet) -> None:
    """No use is spent, and no review asked for, where nobody is missing."""
    alone = replace(asked(), obligations=Obligations(demands=(demand_of("sre"),)))
    approval = await all_.approvals.open(alone)
    assert await _refused(all_.glass.use(approval.id, by=SAM, reason=WHY)) == ("glass_not_needed", 409)
    assert (await all_.glass.use(approval.id, by=GINA, reason=WHY)).status is APPROVED


async def test_the_owner_does_where_solo_lets_him() -> None:
    """Outside production, recorded as such; never inside."""
    solo = cabinet(solo=True)
    approval = await solo.approvals.open(asked())
    now = await solo.glass.use(approval.id, by=OLGA, reason=WHY, typed=TYPED)
    assert (now.status, now.self_approved) == (APPROVED, True)
    nowhere = view(environment="unresolved")
    unplaced = await solo.approvals.open(
        asked(digest="f" * 64, environment="unresolved", subject=subject(actions=(nowhere,)))
    )
    assert await _refused(solo.glass.use(unplaced.id, by=OLGA, reason=WHY, typed=TYPED)) == ("own_approval", 403)
    inside = await solo.approvals.open(
        asked(
            digest="e" * 64, environment="production", subject=subject(actions=(view(environment="production"),))
        )
    )
    assert await _refused(solo.glass.use(inside.id, by=OLGA, reason=WHY, typed=TYPED)) == ("own_approval", 403)


async def test_what_is_over_or_under_way_is_not_approved(all_: Cabinet) -> None:
    """Denied, out of time, used, a form that runs, nothing of that name."""
    denied = await all_.approvals.open(asked())
    await all_.approvals.decide(denied.id, Decision.DENY, by=ANNA)
    said = await _refused(all_.glass.use(denied.id, by=GINA, reason=WHY, typed=TYPED))
    assert said == ("approval_decided", 409)
    assert all_.approvals.get(denied.id).status is ApprovalStatus.DENIED
    running = await all_.approvals.open(asked(digest="e" * 64))
    all_.log.rows[running.id] = replace(running, runs=(FormRun(1, 1, FormState.BEGUN),))
    assert (await _refused(all_.glass.use(running.id, by=GINA, reason=WHY, typed=TYPED)))[0] == "form_running"
    late = await all_.approvals.open(asked(digest="f" * 64))
    all_.clock.forward(1800)
    assert (await _refused(all_.glass.use(late.id, by=GINA, reason=WHY, typed=TYPED)))[0] == "approval_expired"
    assert (await _refused(all_.glass.use("apr_x", by=GINA, reason=WHY)))[0] == "approval_unknown"
    assert all_.log.glass == {}


async def test_a_use_is_bounded_by_day_and_followed_by_a_pause() -> None:
    """Of one person under all his accounts; another person has his own."""
    all_ = cabinet(rules=replace(RULES, per_day=2, people=frozenset({"gina", "gina.w"})))
    second = replace(GINA, name="gina.w", aliases=("gina",))
    all_.log.permit(*EVERYBODY, second)
    ids = [(await all_.approvals.open(asked(digest=sign * 64, principal=f"olga/{sign}"))).id for sign in "abcdef"]

    async def use(number: int, by: Approver) -> Approver:
        await all_.glass.use(ids[number], by=by, reason=WHY, typed=TYPED)
        return by

    await use(0, GINA)
    with pytest.raises(ApprovalError, match="wait 60 more minutes") as soon:
        await use(1, second)
    assert (soon.value.code, soon.value.status) == ("glass_spent", 429)
    await use(1, SAM)
    for one in ids[2:]:
        all_.log.rows[one] = replace(all_.log.rows[one], expires_at=all_.clock.now + 90_000 * 10**6)
    all_.clock.forward(3600)
    await use(2, GINA)
    all_.clock.forward(3600)
    with pytest.raises(ApprovalError, match="2 times within a day") as spent:
        await use(3, GINA)
    assert spent.value.code == "glass_spent"
    all_.clock.forward(22 * 3600 + 1)
    await use(3, GINA)


async def test_two_uses_at_once_are_one() -> None:
    """Two calls, one use a day: one of them passes, the other one waits on."""
    all_ = cabinet()
    ids = [(await all_.approvals.open(asked(digest=sign * 64))).id for sign in "ab"]
    found = await asyncio.gather(
        *(all_.glass.use(one, by=GINA, reason=WHY, typed=TYPED) for one in ids), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["Approval", "ApprovalError"]
    assert all_.log.kinds.count("glass.broken") == 1


async def test_what_cannot_be_recorded_approves_nothing(all_: Cabinet) -> None:
    """Record, then act."""
    approval = await all_.approvals.open(asked())
    all_.log.is_failing = True
    with pytest.raises(StoreError):
        await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)
    all_.log.is_failing = False
    assert all_.approvals.get(approval.id).status is PENDING
    assert all_.log.glass == {}


async def test_a_right_that_goes_meanwhile_voids_it(all_: Cabinet) -> None:
    """Between the look and the commit: weighed again, and refused."""
    approval = await all_.approvals.open(asked())
    plain = all_.log.submit

    async def removed(unit: object) -> object:
        all_.log.submit = plain  # type: ignore[method-assign]  # once
        all_.log.permit(*EVERYBODY[1:])
        return await plain(unit)  # type: ignore[arg-type]  # passed on

    all_.log.submit = removed  # type: ignore[method-assign,assignment]  # once
    said = await _refused(all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED))
    assert said == ("glass_not_permitted", 403)
    assert all_.approvals.get(approval.id).status is PENDING


async def test_who_waits_is_woken(all_: Cabinet) -> None:
    """A held call learns of it as of any decision."""
    approval = await all_.approvals.open(asked())
    waiting = asyncio.create_task(all_.approvals.wait(approval.id, until_us=all_.clock.now + 60_000_000))
    await asyncio.sleep(0)
    await all_.glass.use(approval.id, by=GINA, reason=WHY, typed=TYPED)
    assert (await asyncio.wait_for(waiting, 30)).status is APPROVED


def test_a_tap_signs_the_reason_as_it_is_kept() -> None:
    """White space and hidden characters change nothing, a word does."""
    assert said_of(WHY) == said_of(f" {WHY}\u200b\n")
    assert said_of(WHY) != said_of(f"{WHY}!")
