"""Each door by which one admin's credential could make an approver of a call that waits already."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.credentials import Credentials
from firewall.console.roster import Listed
from firewall.core.approval import Approval, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.token import TokenKind
from firewall.core.verdict import Obligations
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.settings.settings import Settings
from firewall.tokens.absences import Absences
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.approving import START_US, StillClock, Told, new_id, wanted
from tests.support.control_side import Side, control_side
from tests.support.enrolling import add_passkey, by_code, code_for, enrolled, said, soft_key
from tests.support.guarding import places_in

WORDS = "amber-anchor-apple-arrow-autumn-badge-123"
TWO = Obligations(demands=(demand_of("oncall", quorum=2),))


class House:
    """Real files, and everybody's doors."""

    def __init__(self, installation: Installation, clock: StillClock) -> None:
        self.clock = clock
        self.people = People(sequencer=installation.writer, rows=installation.people, clock=clock)
        self.absences = Absences(
            sequencer=installation.writer, rows=installation.people, people=self.people, clock=clock
        )
        self.tokens = Tokens(sequencer=installation.writer, rows=installation.tokens, clock=clock)
        self.approvals = Approvals(
            sequencer=installation.writer,
            store=installation.approving,
            clock=clock,
            rules=ApprovalRules(),
            notifier=Told(),
            new_id=new_id,
            roster=Listed(self.people, self.absences, (), clock),
        )
        self.doors = Credentials(self.tokens, self.people, Settings())

    async def add(self, name: str, *groups: str, role: str = "approver", words: str = WORDS) -> None:
        """Add somebody, or set a new passphrase."""
        await self.people.add(name, role=role, groups=groups, passphrase=words, by="root")

    async def token(self, name: str, kind: TokenKind = TokenKind.APPROVER) -> Approver:
        """Mint a token, and come with it."""
        until = datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC) + timedelta(hours=1)
        found = self.doors.token((await self.tokens.mint_control(kind, name, until, by="root")).text)
        assert found is not None
        return found

    def words(self, name: str, words: str = WORDS) -> Approver:
        """Come with a passphrase."""
        found = self.doors.passphrase(name, words)
        assert found is not None
        return found

    async def asked(self) -> Approval:
        """Have two people asked; a moment passes."""
        approval = await self.approvals.open(replace(wanted(), obligations=TWO))
        self.clock.forward(1)
        return approval

    async def said(self, approval: Approval, by: Approver) -> str:
        """Approve, and return the code of the refusal; empty: it counts."""
        try:
            await self.approvals.decide(approval.id, Decision.APPROVE, by=by)
        except ApprovalError as error:
            return error.code
        return ""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An installation with three people, before anything is asked."""
    places = places_in(tmp_path)
    create(places)
    clock = StillClock()
    installation = open_installation(places, clock)
    found = House(installation, clock)
    for name in ("alice", "bob"):
        await found.add(name, "oncall")
    await found.add("root", role="admin")
    yield found
    await installation.close()


async def test_who_was_there_before_approves_by_every_door(house: House) -> None:
    """A passphrase and a token of before count, and what was done to others changes nothing of it."""
    by_token = await house.token("bob")
    approval = await house.asked()
    await house.add("carl", "oncall")
    assert await house.said(approval, house.words("alice")) == ""
    assert await house.said(approval, by_token) == ""


async def test_whom_an_admin_adds_now_approves_nothing_that_waits(house: House) -> None:
    """By no door: not a new person, and not one who was removed and comes back."""
    approval = await house.asked()
    await house.add("mallory", "oncall")
    await house.people.remove("bob", by="root")
    await house.add("bob", "oncall")
    for name in ("mallory", "bob"):
        assert await house.said(approval, house.words(name)) == "newer_than_approval"
        assert await house.said(approval, await house.token(name)) == "newer_than_approval"
    later = await house.approvals.open(replace(wanted(), digest="e" * 64, obligations=TWO))
    assert await house.said(later, house.words("mallory")) == ""


async def test_what_an_admin_makes_for_others_now_approves_nothing_that_waits(house: House) -> None:
    """A token minted, a passphrase set, groups given, a role given, groups lent."""
    approval = await house.asked()
    assert await house.said(approval, await house.token("bob")) == "newer_than_approval"
    assert await house.said(approval, await house.token("alice", TokenKind.ADMIN)) == "newer_than_approval"
    await house.add("alice", "oncall", words="another")
    assert await house.said(approval, house.words("alice", "another")) == "newer_than_approval"
    root = house.words("root")
    await house.absences.note("bob", delegate="root", is_away=True, until_us=START_US + 3_600_000_000, by="root")
    house.clock.forward(1)
    assert await house.said(approval, root) == "newer_than_approval"
    await house.add("root", "oncall", role="admin")
    assert await house.said(approval, house.words("root")) == "newer_than_approval"
    assert house.approvals.tally(house.approvals.get(approval.id)).given == 0


async def test_a_new_passphrase_takes_no_right_and_no_vote_away(house: House) -> None:
    """The person is who he was: another credential of his from before counts, and what he said stands."""
    by_token = await house.token("alice")
    approval = await house.asked()
    await house.add("bob", "oncall", words="another")
    assert await house.said(approval, by_token) == ""
    await house.add("alice", "oncall", words="another")
    assert house.approvals.tally(house.approvals.get(approval.id)).given == 1


async def test_groups_that_change_void_a_vote(house: House) -> None:
    """Also where he keeps the group that was asked for: who he is to the rows is no longer what it was."""
    approval = await house.asked()
    assert await house.said(approval, house.words("alice")) == ""
    await house.add("alice", "oncall", "dba")
    assert house.approvals.tally(house.approvals.get(approval.id)).given == 0


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


async def test_a_session_by_a_newer_address_approves_nothing_that_waits(side: Side) -> None:
    """The page says why, offers no approval, and still the denial; an address of before is as good as ever."""
    before = await code_for(side, "bob")
    approval = await side.approvals.open(wanted())
    side.clock.forward(1)
    mallory, _ = await by_code(side, await code_for(side, "alice"))
    page = (await mallory.open(f"/approve/{approval.id}")).text
    assert "What you signed in with is newer than this" in page.replace("what you", "What you")
    assert 'value="approve"' not in page
    assert 'value="deny"' in page
    answer = await mallory.answer(approval.id, "approve")
    assert answer.status_code == 403
    assert "is newer than this" in answer.text
    bob, _ = await by_code(side, before)
    assert (await bob.answer(approval.id, "approve")).status_code == 303


async def test_a_newer_passkey_approves_nothing_that_waits(side: Side) -> None:
    """Neither as what began the session nor as the tap that a row asks for; an older one does, in any session."""
    alice, old = await enrolled(side, "alice")
    approval = await side.approvals.open(replace(wanted(), obligations=Obligations(auth="passkey")))
    side.clock.forward(1)
    mallory, _ = await by_code(side, await code_for(side, "bob"))
    new = soft_key(side)
    await add_passkey(mallory, new)
    assert "is newer than this" in (await mallory.open(f"/approve/{approval.id}")).text
    for browser, key, expected in ((mallory, new, 403), (alice, old, 303)):
        data = {"csrf": await browser.csrf(), "decision": "approve"}
        path = f"/api/approvals/{approval.id}/passkey"
        asked = await browser.client.post(path, data=data, headers=browser.headers)
        answer = await browser.answer(approval.id, "approve", credential=key.get(asked.json()))
        assert answer.status_code == expected


async def test_the_api_says_so_with_its_code(side: Side) -> None:
    """A session by a newer address, over JSON."""
    approval = await side.approvals.open(wanted())
    side.clock.forward(1)
    mallory, _ = await by_code(side, await code_for(side, "alice"))
    headers = {**mallory.headers, "x-csrf-token": await mallory.csrf()}
    shown = (await mallory.client.get(f"/api/approvals/{approval.id}")).json()
    answer = await mallory.client.post(
        f"/api/approvals/{approval.id}/decision", json={"decision": "approve"}, headers=headers
    )
    assert (answer.status_code, said(answer)) == (403, "newer_than_approval")
    assert "newer" in str(shown)
