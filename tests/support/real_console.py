"""The control side over a real installation: its writer, SQLite file and sealing, spoken to in process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson

from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.api.desks import AwsHandout, Peopling, Tokening
from firewall.console.app import Console, Desks
from firewall.console.pushing.room import PushDesk
from firewall.console.rooms import Room
from firewall.console.roster import Listed
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.tokens.absences import Absences
from firewall.tokens.access_keys import AccessKeys
from firewall.tokens.people import People
from firewall.tokens.service import Minted, Tokens
from tests.support.approving import StillClock, Told, new_id
from tests.support.control_side import PUBLIC, Browser, CredentialDouble, Desk, Doors
from tests.support.guarding import places_in

ROLES = ("viewer", "approver", "auditor", "admin")


@dataclass(slots=True)
class RealConsole:
    """A console and everything behind it."""

    console: Console
    installation: Installation
    tokens: Tokens
    tokening: Tokening
    approvals: Approvals
    clock: StillClock
    doors: Doors
    public: str

    def console_client(self) -> httpx.AsyncClient:
        """Return a client of the console, in process."""
        transport = httpx.ASGITransport(self.console.app, client=("198.51.100.7", 50000))
        return httpx.AsyncClient(transport=transport, base_url=self.public)

    async def signed_in(self, name: str) -> Browser:
        """Return a browser with a session of somebody; each role has a person of its name."""
        browser = Browser(self.console_client(), self.public)
        assert (await browser.sign_in(name)).status_code == 303
        return browser

    async def post(self, browser: Browser, path: str, **fields: str) -> httpx.Response:
        """Send a form of one of our own pages."""
        data = {"csrf": await browser.csrf()} | fields
        return await browser.client.post(path, data=data, headers=browser.headers)

    async def minted(self, **changes: object) -> Minted:
        """Mint an agent token for eight hours."""
        now = datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)
        plain: dict[str, object] = {
            "environment": "staging",
            "owner": "olga",
            "agent": "coder",
            "expires_at": now + timedelta(hours=8),
        }
        return await self.tokens.mint_agent(Grant(**(plain | changes)), by="root")  # type: ignore[arg-type]  # tests name the fields

    def entries(self, kind: str) -> list[dict[str, object]]:
        """Return the data of every entry of a kind, oldest first."""
        rows = self.installation.reader.execute(
            "SELECT body FROM audit_entries WHERE kind = ? ORDER BY seq", (kind,)
        )
        return [orjson.loads(row[0]) for row in rows]


@asynccontextmanager
async def real_console(
    folder: Path,
    rooms: Callable[[RealConsole], Sequence[Room]],
    public: str = PUBLIC,
    *,
    push: Callable[[RealConsole], PushDesk] | None = None,
) -> AsyncIterator[RealConsole]:
    """Open an installation in a folder and build a console with rooms over it."""
    places = places_in(folder)
    create(places)
    clock = StillClock()
    installation = open_installation(places, clock)
    writer = installation.writer
    people = People(sequencer=writer, rows=installation.people, clock=clock)
    tokens = Tokens(sequencer=writer, rows=installation.tokens, clock=clock)
    absences = Absences(sequencer=writer, rows=installation.people, people=people, clock=clock)
    approvals = Approvals(
        sequencer=writer,
        store=installation.approving,
        clock=clock,
        rules=ApprovalRules(public_url=public),
        notifier=Told(),
        new_id=new_id,
        roster=Listed(people, absences, (), clock),
    )
    tokening = Tokening(tokens, clock, aws=AwsHandout(AccessKeys(Secret("k" * 32)), {}, "http://127.0.0.1:8787"))
    doors, desk = Doors(), Desk()
    doors.people |= {role: Approver(role, role) for role in ROLES}
    made = RealConsole(None, installation, tokens, tokening, approvals, clock, doors, public)  # type: ignore[arg-type]  # set two lines below
    made.console = Console(
        approvals=approvals,
        authenticator=doors,
        sequencer=writer,
        clock=clock,
        desks=Desks(
            tokens=tokening,
            people=Peopling(people, tokens),
            policy=desk,
            entries=desk,
            credentials=CredentialDouble(desk.asked),
            status=desk,
            rooms=rooms(made),
            push=push(made) if push is not None else None,
        ),
        control_listen=public.removeprefix("http://").replace("localhost", "127.0.0.1"),
    )
    try:
        yield made
    finally:
        await installation.close()
