"""Who may be erased by whom, and what must end before: over a real log."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firewall.approvals.people import Approver
from firewall.console.asking import SignedOutError
from firewall.console.auth import Access
from firewall.console.erasing.errors import ErasureError
from firewall.console.erasing.pages import API, PATH, ErasingPages, shown
from firewall.console.erasing.service import Erased, Erasing, Parts
from firewall.console.erasing.standing import Standing
from firewall.console.rooms import Frame, Room
from firewall.console.rows import Row, Tab
from firewall.core.erasure import EraseSubject
from firewall.core.errors import AuthError, FirewallError
from firewall.core.glass import BreakGlass, Finding, ReviewGlass
from firewall.core.token import TokenKind
from firewall.core.work import Committed, PutPerson, Record, Unit, Unmet
from firewall.sequencer.erasing import ErasureLookup
from firewall.tokens.links import Links
from firewall.tokens.people import People
from tests.support.approving import wanted
from tests.support.real_console import RealConsole, real_console

ADA = Approver("ada", "admin")
WHY = "asked for it"
DAY_S = 24 * 3600


@dataclass(slots=True)
class House:
    """A console, what erases, and what it told to forget."""

    real: RealConsole
    erasing: Erasing
    people: People
    links: Links
    forgotten: list[str]
    late: list[Unit]
    """What is written as soon as somebody is erased."""

    async def add(self, name: str, role: str) -> None:
        """Add somebody."""
        await self.people.add(name, role=role, groups=(), passphrase="p", by="init")

    def key(self, name: str) -> object:
        """Return the key of a name, or None."""
        return self.real.installation.keystore.known(name)

    async def code(self, subject: str, by: Approver = ADA, *, revoke: bool = True) -> str:
        """Return the code with which erasing somebody is refused."""
        with pytest.raises(ErasureError) as refused:
            await self.erasing.erase(subject, reason=WHY, revoke=revoke, by=by)
        return refused.value.code


class Bare:
    """A room that is the page of erasing alone."""

    tab = Tab("/console/log", "Log", Access.LOG)

    def __init__(self, pages: ErasingPages) -> None:
        self._pages = pages

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""
        return self._pages.rows(frame, self.tab)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house without `solo`, with an admin, an approver and somebody whose agent asked."""
    made: list[House] = []

    def rooms(real: RealConsole) -> Sequence[Room]:
        installation, clock = real.installation, real.clock
        writer = installation.writer
        people = People(sequencer=writer, rows=installation.people, clock=clock)
        numbers = iter(range(100))
        links = Links(
            sequencer=writer, rows=installation.proofs, clock=clock, new_id=lambda: f"lnk_{next(numbers)}"
        )
        forgotten: list[str] = []
        late: list[Unit] = []

        def forget(name: str) -> None:
            forgotten.append(name)
            for unit in late:
                writer.follow(unit)

        erasing = Erasing(
            Parts(real.tokens, people, links, real.approvals),
            sequencer=writer,
            rows=ErasureLookup(installation.reader, installation.keystore),
            clock=clock,
            is_emptied=lambda: writer.is_emptied,
            configured={
                "anna": "anna@example.com",
                "ann": "ann@example.com",
                "bo": "b@example.com",
                "bo2": "b@example.com",
            },
            forget=(forget,),
        )
        made.append(House(real, erasing, people, links, forgotten, late))
        return (Bare(ErasingPages(erasing)),)

    async with real_console(tmp_path, rooms) as real:
        (found,) = made
        for name, role in (("ada", "admin"), ("admin", "admin"), ("anna", "approver")):
            await found.add(name, role)
        real.clock.forward(2 * DAY_S)
        real.installation.sealing.key_for("olga")
        yield found


async def test_nobody_erases_himself(house: House) -> None:
    """Whatever his name is written like; another admin does."""
    assert await house.code("ada") == "erase_self"
    other = Approver("admin", "admin", aliases=("ada",))
    assert await house.code("ada", other) == "erase_self"
    done = await house.erasing.erase("ada", reason=WHY, revoke=True, by=Approver("admin", "admin"))
    assert house.real.installation.keystore.find(done.who.key) is None


@pytest.mark.parametrize(("one", "other"), [("ann", "ann@example.com"), ("bo", "bo2")])
async def test_accounts_that_share_a_name_are_one_person(house: House, one: str, other: str) -> None:
    """80: Neither account erases the other, and a reason that has any of the names is refused."""
    for name in (one, other):
        await house.add(name, "admin")
    house.real.clock.forward(2 * DAY_S)
    for erased, by in ((one, other), (other, one)):
        assert await house.code(erased, Approver(by, "admin")) == "erase_self"
        with pytest.raises(ErasureError) as refused:
            await house.erasing.erase(erased, reason=f"{by} asked", revoke=True, by=ADA)
        assert refused.value.code == "reason_names_subject"


async def test_whoever_was_made_an_admin_for_it_does_not_erase(house: House) -> None:
    """80: Account, role and what was shown are a day old, so that no admin makes somebody who hides his deed."""
    await house.add("temp", "admin")
    temp = Approver("temp", "admin")
    assert await house.code("ada", temp) == "eraser_too_new"
    now = house.real.clock.now_us()
    assert await house.code("anna", replace(ADA, proof_at=now)) == "eraser_too_new"
    house.real.clock.forward(DAY_S - 1)
    with pytest.raises(ErasureError, match=r"you may erase from \d{4}-\d\d-\d\dT.*Z on") as refused:
        await house.erasing.erase("ada", reason=WHY, revoke=True, by=temp)
    assert refused.value.status == 403
    assert house.key("ada") is not None
    house.real.clock.forward(1)
    done = await house.erasing.erase("anna", reason=WHY, revoke=True, by=replace(ADA, proof_at=now))
    assert house.real.installation.keystore.find(done.who.key) is None
    await house.erasing.erase("ada", reason=WHY, revoke=True, by=temp)


async def test_two_who_erase_each_other_do_not_both(house: House) -> None:
    """80: One ends; the other is nobody any more, and nothing was written about whoever is gone."""
    pairs = (("ada", "admin"), ("admin", "ada"))
    ended = await asyncio.gather(
        *(house.erasing.erase(who, reason=WHY, revoke=True, by=Approver(by, "admin")) for who, by in pairs),
        return_exceptions=True,
    )
    (done,) = [one for one in ended if isinstance(one, Erased)]
    (refused,) = [one for one in ended if isinstance(one, FirewallError)]
    assert refused.status in (401, 409)
    left = {one.name for one in house.people.listing()}
    assert left == {"ada", "admin", "anna"} - {done.who.name}
    assert house.key(done.who.name) is None


async def test_whoever_may_no_longer_is_stopped_before_the_next_step(house: House) -> None:
    """80: A session that ended, or a change among people, between two steps: the key stays."""
    await house.links.for_sign_in("anna", by="ada")
    asked = 0

    def still() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise SignedOutError("sign in first")

    with pytest.raises(SignedOutError):
        await house.erasing.erase("anna", reason=WHY, revoke=True, by=ADA, still=still)
    assert house.people.get("anna") is not None
    key = house.real.installation.keystore.known("anna")
    assert key is not None
    adding = asyncio.create_task(house.people.remove("admin", by="ada"))
    await asyncio.sleep(0)
    step = EraseSubject(
        key.id, "nobody", key.pseudonym("per_", "nobody"), 1, roster=house.real.approvals.changes()
    )
    outcome = await house.real.installation.writer.submit(Unit(steps=(step,)))
    await adding
    assert isinstance(outcome, Unmet)
    assert outcome.why == "roster"
    assert house.key("anna") is not None


async def test_what_a_call_leaves_behind_the_erasure_is_about_nobody(house: House) -> None:
    """80: The end of a call that ran is written, under a key that is kept nowhere; no key has the name again."""
    installation = house.real.installation
    ended = Record(kind="tool.finished", person="olga", principal="olga/coder", private={"what": "ended"})
    house.late.append(Unit(records=(ended,)))
    done = await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    assert shown(done)["new_entries"] is False
    await installation.writer.submit(Unit(records=(ended,)))
    assert house.key("olga") is None
    late = house.real.entries("tool.finished")
    assert len(late) == 2
    for one in late:
        sealed = one["sealed"]
        assert isinstance(sealed, dict)
        assert installation.keystore.find(sealed["key"]) is None
        assert sealed["key"] != done.who.key
    await house.real.minted()
    assert house.key("olga") is not None


async def test_whoever_comes_under_the_name_at_once_is_said(house: House) -> None:
    """80: Somebody new has a key of his own, and the answer says that the name has entries again."""
    house.late.append(Unit(steps=(PutPerson("olga", "approver", (), "hash", 1),)))
    house.late.append(Unit(records=(Record(kind="approver.added", person="olga", private={"name": "olga"}),)))
    done = await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    assert shown(done)["new_entries"] is True
    assert house.key("olga") is not None


async def test_no_memory_of_tokens_names_whoever_was_erased(house: House) -> None:
    """80: Whose tokens were seen is forgotten with him; those of others are not, and his stay refused."""
    real = house.real
    his, other = await real.minted(), await real.minted(owner="otto")
    held = await real.tokens.mint_control(
        TokenKind.SERVICE, "olga", datetime.fromtimestamp(real.clock.now_us() / 1e6 + 3600, UTC), by="root"
    )
    for minted in (his, other, held):
        real.tokens.check(minted.text)
    real.tokens.holder_of(his.id)
    assert "olga" in repr(vars(real.tokens))
    await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    assert "olga" not in repr(vars(real.tokens))
    for minted in (his, held):
        with pytest.raises(AuthError):
            real.tokens.check(minted.text)
    assert "olga" not in repr(vars(real.tokens))
    assert real.tokens.check(other.text).principal == "otto/coder"


async def test_another_account_of_the_same_person_is_nobody_else(house: House) -> None:
    """The last who could administer, or answer, stays, though he has a second account."""
    standing = Standing(house.real.approvals, house.real.clock, {"ada": "a@example.com", "anna": "a@example.com"})
    standing.demand_another("anna", "approver")
    await house.people.remove("admin", by="ada")
    for role, code in (("admin", "last_admin"), ("approver", "last_approver")):
        with pytest.raises(ErasureError) as refused:
            standing.demand_another("anna", role)
        assert refused.value.code == code
    await house.add("bob", "approver")
    standing.demand_another("anna", "approver")
    standing.demand_another("anna", "viewer")


async def test_a_name_that_a_reader_keeps_is_said_until_it_is_gone(house: House) -> None:
    """80: The answer says that the write-ahead log still has it; without a reader that it has not."""
    path = house.real.installation.reader.execute("PRAGMA database_list").fetchone()[2]
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM audit_entries").fetchone()
    kept = await house.erasing.erase("anna", reason=WHY, revoke=True, by=ADA)
    assert shown(kept)["wal"] == "pending"
    reader.execute("COMMIT")
    reader.close()
    gone = await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    assert shown(gone)["wal"] == "emptied"


async def test_an_approver_goes_and_what_has_his_name_is_told(house: House) -> None:
    """What the configuration has of him is said; the answer does not repeat the name."""
    done = await house.erasing.erase("anna", reason=WHY, revoke=True, by=ADA)
    assert done.is_configured
    assert house.forgotten == ["anna"]
    assert shown(done)["configured"] is True
    assert "anna" not in str(shown(done))


async def test_what_waits_ends_with_its_own_entries_or_nothing_does(house: House) -> None:
    """Tokens, approvals, links and the right to sign in; without `revoke` they are counted and stay."""
    real = house.real
    await real.minted()
    approval = await real.approvals.open(wanted(principal="olga/coder"))
    await house.links.for_sign_in("anna", by="ada")
    with pytest.raises(ErasureError, match="1 token, 1 approval;"):
        await house.erasing.erase("olga", reason=WHY, revoke=False, by=ADA)
    with pytest.raises(ErasureError, match="1 link, the right to sign in"):
        await house.erasing.erase("anna", reason=WHY, revoke=False, by=ADA)
    assert real.approvals.get(approval.id).status.value == "pending"
    done = await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    assert (done.tokens, done.approvals, done.links) == (1, 1, 0)
    ended = await house.erasing.erase("anna", reason=WHY, revoke=True, by=ADA)
    assert (ended.tokens, ended.approvals, ended.links) == (0, 0, 1)
    kinds = ("token.revoked", "approval.cancelled", "approver.link_revoked", "approver.removed", "audit.erased")
    assert [len(real.entries(kind)) for kind in kinds] == [1, 1, 1, 1, 2]
    gone = real.approvals.get(approval.id)
    assert (gone.status.value, gone.subject) == ("cancelled", None)


async def test_break_glass_is_reviewed_before(house: House) -> None:
    """Neither the owner of the agent nor whoever broke the glass is erased while nobody reviewed it."""
    real = house.real
    writer = real.installation.writer
    approval = await real.approvals.open(wanted(principal="olga/coder"))
    anna = writer.pseudonym("anna")
    now = real.clock.now_us()
    broken = BreakGlass(approval.id, anna, (anna,), now, 5, now - 1, 0, "nobody answers")
    assert isinstance(await writer.submit(Unit(steps=(broken,))), Committed)
    for name in ("olga", "anna"):
        assert await house.code(name) == "review_open"
    assert real.approvals.get(approval.id).status.value == "pending"
    review = ReviewGlass(approval.id, writer.pseudonym("ada"), now, Finding.JUSTIFIED, "it was so", -1)
    assert isinstance(await writer.submit(Unit(steps=(review,))), Committed)
    await house.erasing.erase("olga", reason=WHY, revoke=True, by=ADA)
    use = real.installation.approving.glass_use(approval.id)
    assert use is not None
    assert (use.reason, use.note) == ("", "")


async def test_the_page_and_the_api_are_an_admins(house: House) -> None:
    """Others are refused, and a name that is typed otherwise the second time erases nobody."""
    real = house.real
    browser = await real.signed_in("auditor")
    assert (await browser.client.get(PATH)).status_code == 403
    admin = await real.signed_in("admin")
    assert (await admin.client.get(PATH)).status_code == 200
    wrong = await real.post(admin, PATH, subject="olga", typed="0lga", reason=WHY)
    assert wrong.status_code == 409
    assert 'value="olga"' in wrong.text
    done = await real.post(admin, PATH, subject="olga", typed="olga", reason=WHY)
    assert done.status_code == 200
    assert "Erased. It is entry" in done.text
    strange = await admin.client.post(API, json={"subject": "olga"}, headers=admin.headers)
    assert strange.status_code in (400, 403)
