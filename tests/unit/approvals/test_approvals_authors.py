"""Whoever wrote a form: he breaks no glass for it, and is not the one who approves what is grave in production."""

from dataclasses import replace

import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from tests.support.approving import subject, view, wanted
from tests.support.breaking import ANNA, BERT, GINA, RULES, TYPED, WHY, Cabinet, asked, cabinet

MAIL = Approver("gina@example.com", "approver", auth="passkey")
WRITER = replace(GINA, aliases=("gina@example.com",))
ROWS = replace(RULES, people=frozenset({"gina", "gina@example.com", "anna"}))
APPROVED, PENDING = ApprovalStatus.APPROVED, ApprovalStatus.PENDING


async def _written(all_: Cabinet, by: Approver, form: str = "f", **changes: object) -> Approval:
    call = await all_.approvals.open(replace(asked(), obligations=Obligations(), digest=f"{form}0" * 32))
    plain: dict[str, object] = {"digest": form * 64}
    new = replace(asked(), **(plain | changes))  # type: ignore[arg-type]  # tests name the fields
    return await all_.approvals.edits.propose(call.id, by, form="ls", digest=new.digest, wanted=new)


def _all(*people: Approver) -> Cabinet:
    all_ = cabinet(rules=ROWS)
    all_.log.permit(*(people or (WRITER, MAIL, ANNA, BERT)))
    return all_


async def _glass(all_: Cabinet, approval: Approval, by: Approver) -> str:
    with pytest.raises(ApprovalError) as caught:
        await all_.glass.use(approval.id, by=by, reason=WHY, typed=TYPED)
    return caught.value.code


async def _vote(all_: Cabinet, approval: Approval, by: Approver) -> str:
    try:
        await all_.approvals.decide(approval.id, Decision.APPROVE, by=by, typed=TYPED)
    except ApprovalError as error:
        return error.code
    return ""


@pytest.mark.parametrize(("by", "stays"), [(WRITER, MAIL), (MAIL, WRITER)], ids=["name", "e-mail"])
async def test_whoever_wrote_a_form_breaks_no_glass_for_it(by: Approver, stays: Approver) -> None:
    """Under none of his accounts, also where the one that wrote it was removed; another who is named does."""
    all_ = _all()
    form = await _written(all_, by)
    for one in (WRITER, MAIL):
        assert await _glass(all_, form, one) == "glass_not_permitted"
    all_.log.permit(replace(stays, aliases=("gina@example.com",)), ANNA)
    assert await _glass(all_, form, stays) == "glass_not_permitted"
    assert (await all_.glass.use(form.id, by=ANNA, reason=WHY, typed=TYPED)).status is APPROVED


PRODUCTION = {"environment": "production", "subject": subject(actions=(view(environment="production"),))}
NOWHERE = {"environment": "", "subject": subject(actions=(view(environment=""),))}
WRITES = {"effects": ("write",), "subject": subject(actions=(view(effects=("write",), environment="production"),))}


@pytest.mark.parametrize("place", [PRODUCTION, NOWHERE], ids=["production", "place unknown"])
async def test_what_is_grave_in_production_is_approved_by_somebody_else(place: dict[str, object]) -> None:
    """Under none of his accounts; he may still deny it; somebody else approves it alone where one is asked."""
    all_ = _all()
    form = await _written(all_, WRITER, obligations=Obligations(), **place)
    for one in (WRITER, MAIL):
        assert await _vote(all_, form, one) == "own_form"
    assert all_.approvals.get(form.id).votes == ()
    assert await _vote(all_, form, ANNA) == ""
    assert all_.approvals.get(form.id).status is APPROVED
    assert "authored" not in all_.log.records[-1].data
    other = await _written(all_, WRITER, "b", obligations=Obligations(), **place)
    denied = await all_.approvals.decide(other.id, Decision.DENY, by=WRITER)
    assert denied.status is ApprovalStatus.DENIED
    assert all_.log.records[-1].data["authored"] is True


@pytest.mark.parametrize(
    "place", [{}, {"environment": "production", **WRITES}], ids=["destroys in staging", "writes in production"]
)
async def test_any_other_form_takes_its_authors_vote(place: dict[str, object]) -> None:
    """Where one approver is asked he suffices, and the entry says that he wrote it."""
    all_ = _all()
    form = await _written(all_, WRITER, obligations=Obligations(), **place)
    assert await _vote(all_, form, WRITER) == ""
    assert all_.approvals.get(form.id).status is APPROVED
    assert all_.log.records[-1].data["authored"] is True


async def test_a_vote_given_before_one_wrote_the_form_counts_no_more() -> None:
    """The agent had asked for the very form before: who joins it as its author takes back what he said there."""
    all_ = _all(WRITER, MAIL, ANNA, BERT)
    two = Obligations(demands=(demand_of("", quorum=2),))
    waiting = await all_.approvals.open(replace(wanted(), digest="f" * 64, obligations=two, **PRODUCTION))  # type: ignore[arg-type]  # as above
    assert await _vote(all_, waiting, WRITER) == ""
    form = await _written(all_, MAIL, obligations=two, **PRODUCTION)
    assert form.id == waiting.id
    assert all_.approvals.tally(form).given == 0
    assert await _vote(all_, form, ANNA) == ""
    assert all_.approvals.get(form.id).status is PENDING
    assert await _vote(all_, form, BERT) == ""
    assert all_.approvals.get(form.id).status is APPROVED


async def test_a_form_that_is_asked_again_keeps_its_author() -> None:
    """Its time was over, and the agent sends the same bytes: they are still his."""
    all_ = _all()
    first = await _written(all_, WRITER, obligations=Obligations(), **PRODUCTION)
    all_.clock.now = first.expires_at + 1
    again = await all_.approvals.open(
        replace(wanted(), digest=first.digest, **PRODUCTION)  # type: ignore[arg-type]  # as above
    )
    assert again.id != first.id
    assert await _vote(all_, all_.approvals.get(again.id), WRITER) == "own_form"
