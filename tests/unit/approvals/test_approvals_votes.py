"""Several people: whose votes count, in which order, and what makes one void."""

from dataclasses import replace

import pytest

from firewall.approvals.people import Approver, Deputy
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision, FormState
from firewall.core.demand import Demand, demand_of, staged
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from tests.support.approving import MemoryLog, StillClock, Told, approvals, subject, view, wanted

ANNA = Approver("anna", "approver", ("oncall",))
BERT = Approver("bert", "approver", ("oncall",))
CLEO = Approver("cleo", "admin", ("oncall", "dba"))
DORA = Approver("dora", "approver", ("dba",))
OLGA = Approver("olga", "approver", ("oncall", "dba"))
PEOPLE = (ANNA, BERT, CLEO, DORA, OLGA)
TWO = demand_of("oncall", quorum=2)
APPROVE, DENY = Decision.APPROVE, Decision.DENY


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory, with people who may decide."""
    found = MemoryLog()
    found.permit(*PEOPLE)
    return found


async def opened(service: Approvals, *demands: Demand, auth: str = "", typed: bool = False) -> Approval:
    """Open an approval that asks for something."""
    asked = Obligations(demands=demands, auth=auth, typed=typed)
    return await service.open(replace(wanted(), obligations=asked))


def code(caught: pytest.ExceptionInfo[ApprovalError]) -> tuple[str, int]:
    """Return the code and the status of a refusal."""
    return caught.value.code, caught.value.status


async def test_the_last_vote_needed_approves(log: MemoryLog) -> None:
    """The first is an entry and a row, and releases nothing; the second does, in its own commit."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    first = await service.decide(approval.id, APPROVE, by=ANNA)
    assert (first.status, service.tally(first).words) == (ApprovalStatus.PENDING, "1 of 2, next: oncall")
    assert service.usable("olga/claude-code", "d" * 64) is None
    last = await service.decide(approval.id, APPROVE, by=CLEO)
    assert (last.status, last.decided_by) == (ApprovalStatus.APPROVED, log.pseudonym("cleo"))
    assert [(vote.number, vote.voter) for vote in last.votes] == [
        (1, log.pseudonym("anna")),
        (2, log.pseudonym("cleo")),
    ]
    assert log.records[0].data["people"] == 2
    told = [(record.data["votes"], record.data["asked"], record.data["decides"]) for record in log.records[1:]]
    assert told == [(1, 2, False), (2, 2, True)]


async def test_a_person_counts_once_under_all_his_names(log: MemoryLog) -> None:
    """Another account of the same person adds nothing, whichever of both names the other."""
    log.permit(
        replace(ANNA, aliases=("anna@example.com",)), Approver("Anna@Example.com", "admin", ("oncall",)), BERT
    )
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=ANNA)
    for again in (ANNA, Approver("Anna@Example.com", "admin")):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, APPROVE, by=again)
        assert code(caught) == ("vote_counted", 409)
    assert log.kinds.count("approval.voted") == 1


async def test_the_owner_decides_under_none_of_his_names(log: MemoryLog) -> None:
    """54: A second account of the owner, which shares his address, is the owner."""
    other = Approver("olga@example.com", "admin", ("oncall",))
    log.permit(replace(OLGA, aliases=("olga@example.com",)), other, ANNA)
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    for by in (OLGA, other):
        refusal = service.may_decide(approval, by)
        assert refusal is not None
        assert refusal.code == "own_approval"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ((BERT, CLEO, DORA), "0 of 2, next: oncall"),
        ((replace(ANNA, groups=("dba",)), BERT, CLEO), "0 of 2, next: oncall"),
        ((replace(ANNA, role="viewer"), BERT, CLEO), "0 of 2, next: oncall"),
        ((replace(ANNA, aliases=("olga",)), BERT, CLEO), "0 of 2, next: oncall"),
        ((Approver("anne", "approver", ("oncall",), aliases=("anna",)), BERT), "1 of 2, next: oncall"),
    ],
)
async def test_a_vote_counts_while_its_giver_may_decide(
    log: MemoryLog, left: tuple[Approver, ...], words: str
) -> None:
    """Removed, moved to another group, without the role, found to be the owner: void; renamed: the same person."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=ANNA)
    log.permit(*left)
    assert service.tally(service.get(approval.id)).words == words
    after = await service.decide(approval.id, APPROVE, by=BERT)
    assert (after.status is ApprovalStatus.APPROVED) is words.startswith("1")


async def test_who_is_no_longer_listed_decides_nothing(log: MemoryLog) -> None:
    """A session that outlives its person is refused, and groups are those of now."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    log.permit(BERT, replace(CLEO, groups=("dba",)))
    for by in (ANNA, CLEO):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, APPROVE, by=by)
        assert code(caught) == ("approver_not_permitted", 403)


@pytest.mark.parametrize("role", ["viewer", "auditor"])
async def test_who_was_demoted_in_between_decides_nothing(log: MemoryLog, role: str) -> None:
    """A request that was let in with the role of before is weighed with that of now; no role is won by it."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    log.permit(replace(ANNA, role=role), CLEO)
    for by, decision in ((ANNA, APPROVE), (ANNA, DENY), (replace(CLEO, role=role), APPROVE)):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, decision, by=by)
        assert code(caught) == ("approver_not_permitted", 403)


async def test_one_denial_ends_it(log: MemoryLog) -> None:
    """Of anybody who may decide, in whatever stage, after whatever votes; nobody else."""
    service = approvals(log, StillClock())
    approval = await opened(service, staged([[("oncall", 2)], [("dba", 1)]]))
    await service.decide(approval.id, APPROVE, by=ANNA)
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, DENY, by=Approver("eve", "approver"))
    assert code(caught) == ("approver_not_permitted", 403)
    denied = await service.decide(approval.id, DENY, by=DORA, reason="no")
    assert (denied.status, denied.reason) == (ApprovalStatus.DENIED, "no")
    assert denied.votes[-1].decision is DENY


async def test_stages_come_in_order(log: MemoryLog) -> None:
    """Who comes too early is told who is awaited; channels are told of all who may answer."""
    told = Told()
    service = approvals(log, StillClock(), told)
    approval = await opened(service, staged([[("oncall", 1)], [("dba", 1)]]))
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, APPROVE, by=DORA)
    assert code(caught) == ("not_your_turn", 409)
    assert "oncall" in caught.value.public
    assert [notice.groups for notice in told.told] == [("dba", "oncall")]
    await service.decide(approval.id, APPROVE, by=CLEO)
    assert len(told.told) == 2
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, APPROVE, by=CLEO)
    assert code(caught) == ("vote_counted", 409)
    assert (await service.decide(approval.id, APPROVE, by=DORA)).status is ApprovalStatus.APPROVED


async def test_a_passkey_is_asked_of_each_who_approves(log: MemoryLog) -> None:
    """Whatever else was shown is refused by name; a denial needs none."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO, auth="passkey")
    for auth in ("passphrase", "token", "oidc", "link"):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, APPROVE, by=replace(ANNA, auth=auth))
        assert code(caught)[1] == 403
    await service.decide(approval.id, APPROVE, by=replace(ANNA, auth="passkey"))
    assert (await service.decide(approval.id, DENY, by=BERT)).status is ApprovalStatus.DENIED


@pytest.mark.parametrize(
    ("changes", "is_enough"),
    [
        ({}, True),
        ({"effects": ("destructive",)}, False),
        ({"effects": ("privilege",)}, False),
        ({"environment": "Production"}, False),
        ({"environment": "unresolved"}, False),
        ({"environment": ""}, False),
        ({"subject": subject(actions=(view(environment="prod"),))}, False),
        ({"subject": subject(actions=(view(environment="unresolved"),))}, False),
    ],
)
async def test_a_link_decides_where_a_row_says_so(
    log: MemoryLog, changes: dict[str, object], *, is_enough: bool
) -> None:
    """Never what cannot be taken back, rights, production, or a place that nobody knows, whatever the row says."""
    service = approvals(log, StillClock())
    plain = replace(wanted(), effects=("write",), obligations=Obligations(auth="link"))
    approval = await service.open(replace(plain, **changes))  # type: ignore[arg-type]  # rows of a table
    by = replace(ANNA, auth="link")
    assert (service.may_decide(approval, by) is None) is is_enough
    other = await service.open(replace(plain, digest="e" * 64, obligations=Obligations()))
    assert service.may_decide(other, by) is not None


async def test_the_name_is_typed_exactly(log: MemoryLog) -> None:
    """Only what is the same after NFC; what is missing or wrong is no vote, and nothing is lost."""
    service = approvals(log, StillClock())
    accented = "file:/srv/soiree\u0301"
    asked = Obligations(typed=True)
    about = subject(actions=(view(effects=("write",), resource="file:/other"), view(resource=accented)))
    approval = await service.open(replace(wanted(), subject=about, obligations=asked))
    wrong = (
        "file:/other",
        "file:/srv/soiree",
        f"{accented} ",
        f" {accented}",
        accented.upper(),
        accented.replace("o", "\u043e"),
        f"{accented}\n",
    )
    for typed in (None, "", *wrong):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, APPROVE, by=ANNA, typed=typed)
        assert code(caught) == ("typed_mismatch" if typed else "typed_missing", 409)
    assert log.kinds == ["approval.opened"]
    done = await service.decide(approval.id, APPROVE, by=ANNA, typed="file:/srv/soire\u00e9")
    assert done.status is ApprovalStatus.APPROVED


async def test_who_speaks_for_another_speaks_for_his_groups(log: MemoryLog) -> None:
    """As himself, once; about his own agents and those of whom he speaks for, not at all."""
    speaks = (Deputy(("bert",), ("oncall",)), Deputy(("olga",), ("cto",)))
    eve = Approver("eve", "approver", speaks_for=speaks)
    log.permit(ANNA, BERT, eve)
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=eve)
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, APPROVE, by=eve)
    assert code(caught) == ("vote_counted", 409)
    log.permit(ANNA, BERT, replace(eve, speaks_for=()))
    assert service.tally(service.get(approval.id)).given == 0
    log.permit(ANNA, BERT, eve)
    assert (await service.decide(approval.id, APPROVE, by=ANNA)).status is ApprovalStatus.APPROVED
    for owner in ("eve", "bert"):
        plain = replace(wanted(), subject=subject(owner=owner), digest=owner * 16)
        own = await service.open(replace(plain, obligations=Obligations(demands=(TWO,))))
        refusal = service.may_decide(own, eve)
        assert refusal is not None
    cto = await service.open(
        replace(wanted(), digest="f" * 64, obligations=Obligations(demands=(demand_of("cto"),)))
    )
    assert service.may_decide(cto, eve) is not None


EVE = Approver("eve", "approver", speaks_for=(Deputy(("bert",), ("oncall",)),))
FRED = Approver("fred", "approver", speaks_for=(Deputy(("bert@example.com",), ("oncall",)),))
BERTS = (replace(BERT, aliases=("bert@example.com",)), Approver("Bert@example.com", "approver", ("oncall",)))


@pytest.mark.parametrize(
    ("people", "voters"),
    [
        ((EVE, BERT), (BERT, EVE)),
        ((EVE, BERT), (EVE, BERT)),
        ((EVE, *BERTS), (BERTS[1], EVE)),
        ((EVE, FRED, *BERTS), (EVE, FRED)),
    ],
)
async def test_who_lends_his_groups_makes_no_second_person(
    log: MemoryLog, people: tuple[Approver, ...], voters: tuple[Approver, ...]
) -> None:
    """The lender and those who speak for him take one seat, whoever comes first and under whatever name."""
    log.permit(ANNA, *people)
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=voters[0])
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, APPROVE, by=voters[1])
    assert code(caught) == ("not_your_turn", 409)
    assert service.tally(service.get(approval.id)).words == "1 of 2, next: oncall"
    assert (await service.decide(approval.id, APPROVE, by=ANNA)).status is ApprovalStatus.APPROVED


async def test_what_is_lent_takes_nothing_of_ones_own(log: MemoryLog) -> None:
    """Two of the group count as two, also where one of them speaks for the other."""
    log.permit(replace(ANNA, speaks_for=(Deputy(("bert",), ("oncall", "dba")),)), BERT)
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=BERT)
    assert (await service.decide(approval.id, APPROVE, by=ANNA)).status is ApprovalStatus.APPROVED


async def test_solo_is_one_vote_of_several(log: MemoryLog) -> None:
    """Where the owner may decide outside production his vote counts as one, and the approval says so."""
    service = approvals(log, StillClock(), solo=True)
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=OLGA)
    done = await service.decide(approval.id, APPROVE, by=ANNA)
    assert (done.status, done.self_approved) == (ApprovalStatus.APPROVED, True)


async def test_a_right_that_changes_while_a_vote_is_on_its_way_voids_it(log: MemoryLog) -> None:
    """The vote is weighed again under the rights of now, and no approval comes of the old ones."""
    service = approvals(log, StillClock())
    approval = await opened(service, TWO)
    await service.decide(approval.id, APPROVE, by=ANNA)
    ballot = service.ballot(service.get(approval.id), APPROVE, BERT)
    assert ballot.is_last
    log.permit(BERT, CLEO)
    submit = log.submit
    tried = []

    async def overtaken(unit: object) -> object:
        if not tried:
            tried.append(unit)
            log.permit(BERT, CLEO, DORA)
        return await submit(unit)  # type: ignore[arg-type]  # passed on as it came

    log.submit = overtaken  # type: ignore[method-assign,assignment]  # a right changes between weighing and commit
    after = await service.decide(approval.id, APPROVE, by=BERT)
    assert (after.status, service.tally(after).words) == (ApprovalStatus.PENDING, "1 of 2, next: oncall")


async def test_a_form_comes_first_with_the_last_vote(log: MemoryLog) -> None:
    """One of two cannot have it run before the call: his word alone would release it."""
    from firewall.approvals.forms import Ended, Forms, Settling
    from firewall.core.approval import Form

    clock = StillClock()
    service = approvals(log, clock)
    forms = Forms(approvals=service, sequencer=log, store=log, clock=clock)
    about = subject(forms=(Form("snapshot first", request="{}", before=True), Form("rename", request="{}")))
    asked = Obligations(demands=(TWO,), typed=True)
    approval = await service.open(replace(wanted(), subject=about, obligations=asked))
    name = "file:/srv/data"
    with pytest.raises(ApprovalError) as caught:
        forms.check(approval.id, 1, ANNA, typed=name)
    assert code(caught) == ("form_needs_votes", 409)
    forms.check(approval.id, 2, ANNA)
    await service.decide(approval.id, APPROVE, by=ANNA, typed=name)
    with pytest.raises(ApprovalError) as caught:
        forms.check(approval.id, 1, BERT)
    assert code(caught) == ("typed_missing", 409)
    forms.check(approval.id, 1, BERT, typed=name)
    await forms.begin(approval, 1, BERT, typed=name)
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, APPROVE, by=CLEO, typed=name)
    assert code(caught) == ("form_running", 409)
    log.permit(BERT, CLEO)  # anna is gone: the last vote is no longer the last
    await forms.end(
        approval, Ended(FormState.DONE, 201), then=Settling(APPROVE, BERT, rebind="e" * 64, typed=name)
    )
    assert service.get(approval.id).status is ApprovalStatus.PENDING
    await service.decide(approval.id, APPROVE, by=CLEO, typed=name)
    await forms.begin(service.get(approval.id), 1, BERT, typed=name)
    await forms.end(
        approval, Ended(FormState.DONE, 201), then=Settling(APPROVE, BERT, rebind="e" * 64, typed=name)
    )
    done = service.get(approval.id)
    assert (done.status, done.digest) == (ApprovalStatus.APPROVED, "e" * 64)
