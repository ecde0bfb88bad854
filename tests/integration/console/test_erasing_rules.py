"""Who may be erased by whom, and what must end before: over a real log."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.approvals.people import Approver
from firewall.console.auth import Access
from firewall.console.erasing.pages import API, PATH, ErasingPages, shown
from firewall.console.erasing.service import Erasing, ErasureError, Parts
from firewall.console.rooms import Frame, Room
from firewall.console.rows import Row, Tab
from firewall.core.glass import BreakGlass, Finding, ReviewGlass
from firewall.core.work import Committed, Unit
from firewall.sequencer.erasing import ErasureLookup
from firewall.tokens.links import Links
from firewall.tokens.people import People
from tests.support.approving import wanted
from tests.support.real_console import RealConsole, real_console

ADA = Approver("ada", "admin")
WHY = "asked for it"


@dataclass(slots=True)
class House:
    """A console, what erases, and what it told to forget."""

    real: RealConsole
    erasing: Erasing
    people: People
    links: Links
    forgotten: list[str]

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
        erasing = Erasing(
            Parts(real.tokens, people, links, real.approvals),
            sequencer=writer,
            rows=ErasureLookup(installation.reader, installation.keystore),
            clock=clock,
            configured=("anna",),
            forget=(forgotten.append,),
        )
        made.append(House(real, erasing, people, links, forgotten))
        return (Bare(ErasingPages(erasing)),)

    async with real_console(tmp_path, rooms) as real:
        (found,) = made
        for name, role in (("ada", "admin"), ("anna", "approver")):
            await found.people.add(name, role=role, groups=(), passphrase="p", by="init")
        real.installation.sealing.key_for("olga")
        yield found


async def test_nobody_erases_himself(house: House) -> None:
    """Whatever his name is written like; another admin does."""
    assert await house.code("ada") == "erase_self"
    other = Approver("root", "admin", aliases=("ada",))
    assert await house.code("ada", other) == "erase_self"
    assert await house.code("ada", Approver("root", "admin")) == "last_admin"
    await house.people.add("root", role="admin", groups=(), passphrase="p", by="init")
    done = await house.erasing.erase("ada", reason=WHY, revoke=True, by=Approver("root", "admin"))
    assert house.real.installation.keystore.find(done.who.key) is None


async def test_the_last_who_could_answer_stays(house: House) -> None:
    """An approver goes where an admin could answer; where the last admin is gone, he does not."""
    await house.people.remove("ada", by="init")
    assert await house.code("anna") == "last_approver"
    await house.people.add("ada", role="admin", groups=(), passphrase="p", by="init")
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
