"""What ends while somebody signs in, or taps: what he showed a moment before begins and decides nothing."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.codecs.passkeys.place import party_of
from firewall.console.api.desks import Peopling
from firewall.console.app import Console, Desks
from firewall.console.credentials import Credentials
from firewall.console.proving.mounting import Proving
from firewall.console.roster import Listed
from firewall.core.approval import ApprovalStatus
from firewall.core.ids import spell_id
from firewall.core.ports import Sequencer
from firewall.core.verdict import Obligations
from firewall.core.work import Outcome, Unit, UseLink, UsePasskey
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.settings.settings import Settings
from firewall.tokens.absences import Absences
from firewall.tokens.links import Links
from firewall.tokens.passkeys import Passkeys
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.approving import StillClock, Told, new_id, until, wanted
from tests.support.control_side import PUBLIC, Browser, CredentialDouble, Desk
from tests.support.enrolling import add_passkey
from tests.support.guarding import places_in
from tests.support.softkey import SoftKey

WORDS = "amber-anchor-apple-arrow-autumn-badge-123"
OTHERS = "zenith-zebra-yarrow-wolf-winter-window-321"
LIMIT_S = 60


@dataclass
class Gate:
    """A writer that keeps the first answer about a step back until it is let go; the commit stands before that."""

    inner: Sequencer
    step: type = UsePasskey
    is_set: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def submit(self, unit: Unit) -> Outcome:
        """As the port says."""
        outcome = await self.inner.submit(unit)
        if self.is_set and any(isinstance(one, self.step) for one in unit.steps):
            self.is_set = False
            self.reached.set()
            await self.free.wait()
        return outcome

    @property
    def is_open(self) -> bool:
        """As the port says."""
        return self.inner.is_open

    def pseudonym(self, name: str) -> str:
        """As the port says."""
        return self.inner.pseudonym(name)


class Checking(Credentials):
    """Credentials whose check of a passphrase is done, and told once it is let go."""

    checked = False
    free: threading.Event

    def passphrase(self, name: str, passphrase: str) -> Approver | None:
        """As the port says."""
        found = super().passphrase(name, passphrase)
        self.checked = True
        assert self.free.wait(LIMIT_S)
        return found


@dataclass
class House:
    """A console over real files, whose answers can be kept back."""

    installation: Installation
    clock: StillClock
    people: People
    links: Links
    passkeys: Passkeys
    approvals: Approvals
    gate: Gate
    doors: Checking
    console: Console

    def browser(self) -> Browser:
        """Return one without a session."""
        transport = httpx.ASGITransport(self.console.app, client=("198.51.100.7", 50000))
        return Browser(httpx.AsyncClient(transport=transport, base_url=PUBLIC), PUBLIC)

    async def add(self, words: str = WORDS) -> None:
        """Add alice, or give her another passphrase."""
        await self.people.add("alice", role="approver", groups=("oncall",), passphrase=words, by="root")
        self.console.sessions.end_of("alice")

    async def replaced(self) -> None:
        """Give alice another passphrase, as an admin does; not a microsecond has passed."""
        await self.add(OTHERS)

    async def added_again(self) -> None:
        """Remove alice, and add somebody of her name."""
        await self.people.remove("alice", by="root")
        self.console.sessions.end_of("alice")
        await self.add(OTHERS)

    async def by_link(self, browser: Browser, code: str) -> httpx.Response:
        """Send the code of a one-time address."""
        return await browser.client.post("/console/link", data={"code": code}, headers=browser.headers)

    async def enrolled(self) -> tuple[Browser, SoftKey]:
        """Return alice's browser, and her passkey."""
        browser = self.browser()
        code = (await self.links.for_sign_in("alice", by="root")).secret.reveal()
        assert (await self.by_link(browser, code)).status_code == 303
        key = SoftKey(origin=self.passkeys.party.origin, rp_id=self.passkeys.party.id)
        assert (await add_passkey(browser, key)).status_code == 303
        return browser, key

    async def revoked(self) -> None:
        """Revoke alice's passkey, as an admin does."""
        gone = await self.passkeys.revoke(self.passkeys.of("alice")[0].id, by="root")
        self.console.sessions.end_of_passkey(gone.id)

    async def during(
        self, step: type, asked: Awaitable[httpx.Response], done: Callable[[], Awaitable[None]]
    ) -> httpx.Response:
        """Do something between the commit of a step and whoever waits for it."""
        self.gate.step, self.gate.is_set = step, True
        answering = asyncio.ensure_future(asked)
        await asyncio.wait_for(self.gate.reached.wait(), LIMIT_S)
        await done()
        self.gate.free.set()
        return await asyncio.wait_for(answering, LIMIT_S)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An installation with alice."""
    places = places_in(tmp_path)
    create(places)
    clock, numbers = StillClock(), itertools.count(1)
    installation = open_installation(places, clock)
    gate = Gate(installation.writer)
    people = People(sequencer=installation.writer, rows=installation.people, clock=clock)
    tokens = Tokens(sequencer=installation.writer, rows=installation.tokens, clock=clock)
    absences = Absences(sequencer=installation.writer, rows=installation.people, people=people, clock=clock)
    approvals = Approvals(
        sequencer=installation.writer,
        store=installation.approving,
        clock=clock,
        rules=ApprovalRules(public_url=PUBLIC),
        notifier=Told(),
        new_id=new_id,
        roster=Listed(people, absences, (), clock),
    )

    def proof_id(prefix: str) -> Callable[[], str]:
        return lambda: spell_id(prefix, next(numbers).to_bytes(17, "big"))

    party = party_of(PUBLIC)
    assert party is not None
    rows = installation.proofs
    passkeys = Passkeys(party=party, sequencer=gate, rows=rows, clock=clock, new_id=proof_id("pky"))
    links = Links(sequencer=gate, rows=rows, clock=clock, new_id=proof_id("lnk"))
    doors, desk = Checking(tokens, people, Settings()), Desk()
    doors.free = threading.Event()
    desks = Desks(
        tokens=desk,
        people=Peopling(people, tokens),
        policy=desk,
        entries=desk,
        credentials=CredentialDouble(desk.asked),
        status=desk,
        proving=Proving(clock=clock, links=links, passkeys=passkeys, sequencer=gate, public_url=PUBLIC),
    )
    console = Console(
        approvals=approvals,
        authenticator=doors,
        sequencer=installation.writer,
        clock=clock,
        desks=desks,
        control_listen="127.0.0.1:8788",
    )
    made = House(installation, clock, people, links, passkeys, approvals, gate, doors, console)
    await made.add()
    clock.forward(1)
    yield made
    doors.free.set()
    gate.free.set()
    await installation.close()


def _is_out(page: httpx.Response) -> bool:
    return "Passphrase" in page.text and 'name="csrf"' not in page.text


@pytest.mark.parametrize("what", ["replaced", "added_again", "nothing"])
async def test_a_passphrase_that_is_replaced_while_it_is_checked_begins_nothing(house: House, what: str) -> None:
    """Its check had found it right; the sign-out that came with the new one had no session to end yet."""
    browser = house.browser()
    signing = asyncio.create_task(browser.sign_in("alice", WORDS))
    await until(lambda: house.doors.checked)
    if what != "nothing":
        await getattr(house, what)()
    house.doors.free.set()
    answer = await asyncio.wait_for(signing, LIMIT_S)
    if what == "nothing":
        assert answer.status_code == 303
        assert not _is_out(await browser.open("/console/"))
        return
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert _is_out(await browser.open("/console/"))
    kinds = house.installation.reader.execute("SELECT kind FROM audit_entries").fetchall()
    assert ("approver.signed_in",) not in kinds
    assert (await house.browser().sign_in("alice", OTHERS)).status_code == 303


@pytest.mark.parametrize("what", ["replaced", "added_again"])
async def test_a_session_is_none_as_soon_as_its_passphrase_is_another(house: House, what: str) -> None:
    """Whether or not anybody ended it, and without a moment passing."""
    house.doors.free.set()
    browser = house.browser()
    assert (await browser.sign_in("alice", WORDS)).status_code == 303
    if what == "added_again":
        await house.people.remove("alice", by="root")
    await house.people.add("alice", role="approver", groups=(), passphrase=OTHERS, by="root")
    assert _is_out(await browser.open("/console/"))


@pytest.mark.parametrize("what", ["replaced", "added_again"])
async def test_a_one_time_address_that_is_spent_before_a_change_begins_nothing(house: House, what: str) -> None:
    """It was of the account, and beside the passphrase, of before."""
    browser = house.browser()
    code = (await house.links.for_sign_in("alice", by="root")).secret.reveal()
    answer = await house.during(UseLink, house.by_link(browser, code), getattr(house, what))
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert _is_out(await browser.open("/console/"))


async def test_a_one_time_address_that_is_revoked_meanwhile_begins_nothing(house: House) -> None:
    """Looked at and found good; using it up is one commit with its condition, which the revocation came before."""
    made = await house.links.for_sign_in("alice", by="root")
    found = house.links.look(made.secret.reveal(), made.link.use)
    await house.links.revoke(found.id, by="root")
    browser = house.browser()
    assert (await house.by_link(browser, made.secret.reveal())).status_code == 403
    with pytest.raises(Exception, match="not valid"):
        await house.links.spend(found)


@pytest.mark.parametrize("what", ["revoked", "added_again"])
async def test_a_passkey_that_ends_while_its_use_is_committed_begins_nothing(house: House, what: str) -> None:
    """Its sessions were ended before there was this one."""
    _, key = await house.enrolled()
    browser = house.browser()
    asked = await browser.client.post("/api/session/passkey", headers=browser.headers)
    fields = {"next": "/console/", "credential": key.get(asked.json())}
    tapped = browser.client.post("/console/sign-in/passkey", data=fields, headers=browser.headers)
    answer = await house.during(UsePasskey, tapped, getattr(house, what))
    assert answer.status_code == 403
    assert "stayhand=" not in answer.headers.get("set-cookie", "")
    assert _is_out(await browser.open("/console/"))


@pytest.mark.parametrize(("what", "status"), [("revoked", 403), ("added_again", 403), ("replaced", 401)])
async def test_a_tap_whose_right_ends_while_it_is_committed_decides_nothing(
    house: House, what: str, status: int
) -> None:
    """The passkey was revoked, the person is another, or his sessions ended with his passphrase."""
    browser, key = await house.enrolled()
    house.clock.forward(1)
    approval = await house.approvals.open(replace(wanted(), obligations=Obligations(auth="passkey")))
    csrf = await browser.csrf()
    data = {"csrf": csrf, "decision": "approve"}
    asked = await browser.client.post(f"/api/approvals/{approval.id}/passkey", data=data, headers=browser.headers)
    assert asked.status_code == 200, asked.text
    fields = data | {"credential": key.get(asked.json())}
    tapped = browser.client.post(f"/approve/{approval.id}", data=fields, headers=browser.headers)
    answer = await house.during(UsePasskey, tapped, getattr(house, what))
    assert answer.status_code == status
    assert house.approvals.get(approval.id).status is ApprovalStatus.PENDING
