"""The control side over a log in memory, spoken to in process or over a real socket."""

import asyncio
import contextlib
import itertools
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import uvicorn
from starlette.types import ASGIApp

from firewall.approvals.channels.port import Health, Trouble
from firewall.approvals.forms import Ended, Forms, Settling
from firewall.approvals.glass import Glass, GlassRules
from firewall.approvals.people import Approver
from firewall.approvals.reviewing import Reviews
from firewall.approvals.service import Approvals
from firewall.codecs.passkeys.place import party_of
from firewall.console.api.approvals import Editor
from firewall.console.api.pins import UnknownServerError
from firewall.console.app import Console, Desks
from firewall.console.approving.approvers import Answering, ApproverRoom
from firewall.console.approving.reviews import ReviewRoom
from firewall.console.approving.room import untroubled
from firewall.console.approving.slack import SlackDesk
from firewall.console.proving.mounting import Proving
from firewall.console.proving.oidc_pages import Known
from firewall.console.proving.openid import OpenId
from firewall.console.rooms import Room
from firewall.console.routes.providers import Overview, ProviderPage
from firewall.core.absence import Absence
from firewall.core.approval import Decision, FormState
from firewall.core.errors import FirewallError
from firewall.core.ids import spell_id
from firewall.core.notice import Alert
from firewall.core.secret import Secret
from firewall.core.token import TokenKind, spell
from firewall.core.work import (
    EndAbsence,
    EndLink,
    EndPasskey,
    PutAbsence,
    PutLink,
    PutPasskey,
    Unmet,
    UseLink,
    UsePasskey,
)
from firewall.sequencer.reading import ProofLookup
from firewall.storage.sqlite import absences, proofs
from firewall.storage.sqlite.schema import ABSENCES, PROOFS, PUSHES
from firewall.tokens.absences import Absences
from firewall.tokens.links import Links
from firewall.tokens.passkeys import Passkeys
from tests.support.approving import ALICE, BOB, ROOT, MemoryLog, StillClock, Told, approvals
from tests.support.figures import TwoAccounts, figure_rooms

PUBLIC = "http://localhost:8788"
SECRET = "amber-anchor-apple-arrow-autumn-badge-123"
APPROVER_TOKEN = spell("control", TokenKind.APPROVER, b"a" * 32)
ADMIN_TOKEN = spell("control", TokenKind.ADMIN, b"b" * 32)
SERVICE_TOKEN = spell("control", TokenKind.SERVICE, b"c" * 32)
AGENT_TOKEN = spell("staging", TokenKind.AGENT, b"d" * 32)


class ProvenLog(MemoryLog):
    """A log in memory that keeps passkeys and links with the statements of the real store."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for statement in (*PROOFS, *PUSHES, ABSENCES):
            self.connection.execute(statement)

    def _apply(self, step: object, index: int) -> Unmet | None:
        if isinstance(step, PutPasskey | UsePasskey | EndPasskey | PutLink | UseLink | EndLink):
            return proofs.prove(self.connection, step, index)
        if isinstance(step, PutAbsence):
            absences.put_absence(self.connection, step)
            return None
        if isinstance(step, EndAbsence):
            return absences.end_absence(self.connection, step, index)
        return super()._apply(step, index)

    def absences(self) -> list[Absence]:
        """As `AbsenceRows` says."""
        return absences.listing(self.connection)


class Doors:
    """An authenticator whose people can be removed."""

    def __init__(self) -> None:
        self.people = {one.name: one for one in (ALICE, BOB, ROOT, Approver("olga", "approver"))}
        self.tried: list[str] = []
        self.marks: dict[str, str] = {}
        """Of those who have a passphrase that is not their first."""
        self.revoked: set[str] = set()
        """Tokens that ended."""

    def token(self, text: str) -> Approver | None:
        """As the port says."""
        known = {
            APPROVER_TOKEN: Approver("alice", "approver", ("oncall",), via="token"),
            ADMIN_TOKEN: Approver("root", "admin", via="token"),
            SERVICE_TOKEN: Approver("prometheus", "service", via="token"),
        }
        return None if text in self.revoked else known.get(text)

    def passphrase(self, name: str, passphrase: str) -> Approver | None:
        """As the port says."""
        self.tried.append(name)
        return self.people.get(name) if passphrase == SECRET else None

    def person(self, name: str) -> Approver | None:
        """As the port says."""
        return self.people.get(name)

    def mark(self, name: str) -> str:
        """As the port says."""
        return self.marks.get(name, f"the first of {name}") if name in self.people else ""

    def get(self, name: str) -> Approver | None:
        """As people are looked up."""
        return self.people.get(name)


class Desk:
    """Every desk at once; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.pins = PinDouble(self.asked)
        self.overview = Overview((), 1_795_262_400_000_000)

    async def mint(self, wish: Mapping[str, object], by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("mint", dict(wish), by.name))
        return {"id": "tok_new", "token": "shown once", "expires_at": "2026-11-21T12:00:00Z"}

    async def list(self, after: str = "") -> list[Mapping[str, object]]:
        """As the port says."""
        if after:
            self.asked.append(("list", after))
            return [{"id": "tok_2"}] if after == "tok_1" else []
        return [{"id": "tok_1", "name": "alice"}]

    async def show(self, token_id: str) -> Mapping[str, object]:
        """As the port says."""
        if token_id != "tok_1":
            raise FirewallError("there is no such token", code="token_unknown", status=404)
        return {"id": token_id}

    async def narrow(self, token_id: str, wish: Mapping[str, object], by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("narrow", token_id, dict(wish), by.name))
        return {"id": "tok_child", "token": "shown once"}

    async def revoke(self, token_id: str, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("revoke", token_id, by.name))
        return {"id": token_id, "revoked": True}

    async def add(self, wish: Mapping[str, object], by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("add", dict(wish), by.name))
        return {"name": wish["name"], "role": "approver", "groups": [], "passphrase": "shown once"}

    async def remove(self, name: str, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("remove", name, by.name))
        return {"name": name, "removed": True}

    async def load(self, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self.asked.append(("load", by.name))
        return {"rows": 12}

    async def get(self, seq: int, by: Approver) -> Mapping[str, object] | None:
        """As the port says."""
        self.asked.append(("entry", seq, by.name))
        return {"seq": seq, "kind": "approval.opened"} if seq < 10 else None

    def is_ready(self) -> bool:
        """As the port says."""
        return True

    def parts(self) -> Mapping[str, str]:
        """As the port says."""
        return {"log": "open"}

    def metrics(self) -> bytes:
        """As the port says."""
        return b"stayhand_up 1\n"

    def look(self) -> Overview:
        """As the port says."""
        return self.overview


class CredentialDouble:
    """A vault's desk that remembers what it was asked."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    async def kept(self) -> list[Mapping[str, object]]:
        """As the port says."""
        self._asked.append(("kept",))
        return [{"name": "one"}]

    async def keep(self, name: str, purpose: str, value: Secret, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self._asked.append(("keep", name, purpose, value, by.name))
        return {"name": name}

    async def rotate(self, name: str, value: Secret, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self._asked.append(("rotate", name, value, by.name))
        return {"name": name}

    async def forget(self, name: str, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self._asked.append(("forget", name, by.name))
        return {"name": name}

    async def try_out(self, name: str, by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self._asked.append(("try", name, by.name))
        return {"name": name}


class PinDouble:
    """A desk of pins that remembers what it was asked."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked
        self.rows: list[Mapping[str, object]] = []
        self.servers = ["fresh", "notes"]

    def listing(self, server: str = "") -> list[Mapping[str, object]]:
        """As the port says."""
        found = [row for row in self.rows if server in ("", row["server"])]
        if server and not found and server not in self.servers:
            raise UnknownServerError(server, self.servers)
        return found

    async def approve(self, server: str, wanted: Mapping[str, str], by: Approver) -> Mapping[str, object]:
        """As the port says."""
        self._asked.append(("approve", server, dict(wanted), by.name))
        return {"server": server, "approved": list(wanted)}


class ScriptedRunner:
    """Runs forms as the real one does, but for sending them: what becomes of each is said by the test."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self.editor: Editor | None = None
        self.ended = Ended(FormState.DONE, 201)

    async def run(self, approval_id: str, number: int, *, by: Approver, typed: str | None = None) -> None:
        """As the port says."""
        approval, form = self._forms.check(approval_id, number, by, typed=typed)
        await self._forms.begin(approval, number, by, typed=typed)
        is_done = self.ended.state is FormState.DONE
        decision = Decision.APPROVE if form.before else Decision.DENY
        await self._forms.end(approval, self.ended, then=Settling(decision, by, typed=typed) if is_done else None)


class Silent:
    """A teller that tells nobody."""

    async def alert(self, alert: Alert) -> None:
        """As the port says."""


@dataclass(slots=True)
class Side:
    """A control side and everything behind it."""

    log: MemoryLog
    clock: StillClock
    doors: Doors
    desk: Desk
    approvals: Approvals
    console: Console
    runner: ScriptedRunner
    proving: Proving
    public: str = PUBLIC

    def client(self, **options: object) -> httpx.AsyncClient:
        """Return a client of this side, in process."""
        transport = httpx.ASGITransport(self.console.app, client=("198.51.100.7", 50000))
        return httpx.AsyncClient(transport=transport, base_url=self.public, **options)  # type: ignore[arg-type]  # passed on

    async def signed_in(self, name: str = "alice") -> "Browser":
        """Return a browser with a session."""
        browser = Browser(self.client(), self.public)
        answer = await browser.sign_in(name)
        assert answer.status_code == 303, answer.text
        return browser


@dataclass(slots=True)
class Browser:
    """What a browser sends with a form of our own page."""

    client: httpx.AsyncClient
    public: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers = {"origin": self.public, "sec-fetch-site": "same-origin"}

    async def sign_in(self, name: str, passphrase: str = SECRET, back: str = "/console/") -> httpx.Response:
        """Fill in the sign-in form."""
        fields = {"name": name, "passphrase": passphrase, "next": back}
        return await self.client.post("/console/sign-in", data=fields, headers=self.headers)

    async def open(self, path: str) -> httpx.Response:
        """Open a page."""
        return await self.client.get(path)

    async def csrf(self) -> str:
        """Return the CSRF token of the session, as our own pages carry it."""
        page = (await self.client.get("/console/")).text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found, page
        return found[1]

    async def answer(self, approval_id: str, decision: str, **fields: str) -> httpx.Response:
        """Click a button of an approval's page."""
        data = {"csrf": await self.csrf(), "decision": decision} | fields
        return await self.client.post(f"/approve/{approval_id}", data=data, headers=self.headers)


def control_side(
    public: str = PUBLIC,
    listen: str = "127.0.0.1:8788",
    *,
    channels: Callable[[], Sequence[Health]] = tuple,
    troubles: Callable[[str], Sequence[Trouble]] = untroubled,
    clock: StillClock | None = None,
    openid: OpenId | None = None,
    known: Known | None = None,
    slack: SlackDesk | None = None,
    told: Told | None = None,
    rooms: Sequence[Room] | None = None,
    glass: GlassRules | None = None,
    **rules: object,
) -> Side:
    """Build a control side; `rooms`: beside those of providers, answers and reviews; None: those of figures."""
    log, doors, desk = ProvenLog(), Doors(), Desk()
    clock = clock or StillClock()
    proving = _proving(log, clock, public, openid, known or Known({}, {}))
    service = approvals(log, clock, told, public_url=public, **rules)
    answering = Answering(log, names=lambda: [*doors.people], pseudonym=log.pseudonym, clock=clock)
    runner = ScriptedRunner(Forms(approvals=service, sequencer=log, store=log, clock=clock))
    reviews = Reviews(approvals=service, sequencer=log, store=log, clock=clock, teller=Silent(), remind_s=14_400)
    room = ReviewRoom(reviews, service, sequencer=log, clock=clock)
    own = (ProviderPage(desk), ApproverRoom(answering), room)
    console = Console(
        approvals=service,
        authenticator=doors,
        sequencer=log,
        clock=clock,
        desks=Desks(
            tokens=desk,
            people=desk,
            policy=desk,
            entries=desk,
            credentials=CredentialDouble(desk.asked),
            status=desk,
            runner=runner,
            rooms=(*own, *(figure_rooms() if rooms is None else rooms)),
            glass=Glass(
                approvals=service,
                sequencer=log,
                clock=clock,
                rules=glass,
                broken=reviews.broken,
                unreviewed=reviews.count,
                use_of=log.glass_use,
            ),
            pins=desk.pins,
            proving=proving,
            absences=Absences(sequencer=log, rows=log, people=doors, clock=clock),  # type: ignore[arg-type]  # looked up alone
            slack=slack,
            spend=TwoAccounts(),
        ),
        control_listen=listen,
        channels=channels,
        troubles=troubles,
    )
    return Side(log, clock, doors, desk, service, console, runner, proving, public)


def _proving(log: ProvenLog, clock: StillClock, public: str, openid: OpenId | None, known: Known) -> Proving:
    numbers = itertools.count(1)

    def new_id(prefix: str) -> str:
        return spell_id(prefix, next(numbers).to_bytes(17, "big"))

    rows, party = ProofLookup(log.connection), party_of(public)
    passkeys = party and Passkeys(party=party, sequencer=log, rows=rows, clock=clock, new_id=lambda: new_id("pky"))
    links = Links(sequencer=log, rows=rows, clock=clock, new_id=lambda: new_id("lnk"))
    return Proving(
        clock=clock,
        links=links,
        passkeys=passkeys or None,
        sequencer=log,
        public_url=public,
        openid=openid,
        known=known,
    )


def free_socket() -> socket.socket:
    """Return a bound loopback socket: its port is known before anything is built for it."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


@contextlib.asynccontextmanager
async def served(app: ASGIApp, bound: socket.socket) -> AsyncIterator[int]:
    """Serve an application on a bound socket; yields the port."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
            if task.done():
                task.result()
        yield int(bound.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        bound.close()
