"""The control side over the real writer, SQLite, argon2 and sockets: decided by a click, proven in the log."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from audit import VerifierKey
from audit.verify import verify
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.api.desks import Peopling
from firewall.console.app import Console, Desks
from firewall.console.credentials import Credentials
from firewall.console.roster import Listed
from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.token import TokenKind
from firewall.core.verdict import Obligations
from firewall.core.work import Unit
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.settings.settings import Settings
from firewall.tokens.absences import Absences
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.approving import ALICE, COMMAND, ROOT, Told, WallClock, new_id, wanted
from tests.support.control_side import Browser, CredentialDouble, Desk, free_socket, served
from tests.support.guarding import places_in

PASSPHRASE = "amber-canary-of-the-console-4711"


@dataclass(slots=True)
class Real:
    """A running control side over files."""

    url: str
    installation: Installation
    approvals: Approvals
    people: People
    folder: Path


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    """A fresh installation with alice as approver, served on loopback."""
    places = places_in(tmp_path)
    create(places)
    clock = WallClock()
    installation = open_installation(places, clock)
    people = People(sequencer=installation.writer, rows=installation.people, clock=clock)
    await people.add("alice", role="approver", groups=(), passphrase=PASSPHRASE, by="init")
    absences = Absences(sequencer=installation.writer, rows=installation.people, people=people, clock=clock)
    bound = free_socket()
    port = bound.getsockname()[1]
    approvals = Approvals(
        sequencer=installation.writer,
        store=installation.approving,
        clock=clock,
        rules=ApprovalRules(public_url=f"http://localhost:{port}"),
        notifier=Told(),
        new_id=new_id,
        roster=Listed(people, absences, (), clock),
    )
    tokens = Tokens(sequencer=installation.writer, rows=installation.tokens, clock=clock)
    desk = Desk()
    console = Console(
        approvals=approvals,
        authenticator=Credentials(tokens, people, Settings()),
        sequencer=installation.writer,
        clock=clock,
        desks=Desks(
            tokens=desk,
            people=desk,
            policy=desk,
            entries=desk,
            credentials=CredentialDouble(desk.asked),
            status=desk,
        ),
        control_listen=f"127.0.0.1:{port}",
    )
    async with served(console.app, bound):
        yield Real(f"http://127.0.0.1:{port}", installation, approvals, people, tmp_path)
    await installation.close()


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_click_is_committed_used_once_and_proven(real: Real) -> None:
    """From opening to use over real parts; the verifier finds nothing wrong and no file holds what is sealed."""
    approval = await real.approvals.open(wanted())
    waiting = asyncio.create_task(real.approvals.wait(approval.id, until_us=approval.opened_at + 60_000_000))
    async with httpx.AsyncClient(base_url=real.url, trust_env=False) as client:
        browser = Browser(client, real.url)
        assert (await browser.sign_in("alice", "wrong")).status_code == 401
        assert (await browser.sign_in("nobody", PASSPHRASE)).status_code == 401
        assert (await browser.sign_in("alice", PASSPHRASE)).status_code == 303
        page = await browser.open(f"/approve/{approval.id}")
        assert "rm -rf /srv/data" in page.text
        answers = await asyncio.gather(*(browser.answer(approval.id, "approve") for _ in range(5)))
        assert sorted(one.status_code for one in answers) == [303, 409, 409, 409, 409]
        assert (await asyncio.wait_for(waiting, 30)).status is ApprovalStatus.APPROVED
        await real.people.remove("alice", by="root")
        assert "Passphrase" in (await browser.open("/console/")).text
    usable = real.approvals.usable("olga/claude-code", approval.digest)
    assert usable is not None
    step, record = real.approvals.consume_step(usable)
    unit = Unit(records=(record,), steps=(step,))
    outcomes = await asyncio.gather(*(real.installation.writer.submit(unit) for _ in range(4)))
    assert [type(one).__name__ for one in outcomes].count("Committed") == 1
    withdrawn = await real.approvals.open(replace(wanted(), digest="e" * 64))
    assert await real.approvals.cancel_of_token("tok_1") == 1
    with pytest.raises(ApprovalError):
        await real.approvals.decide(withdrawn.id, Decision.APPROVE, by=ALICE)
    report = verify(real.folder / "data" / "stayhand.db", [VerifierKey.parse(real.installation.verify_key)])
    assert report.ok, report.findings
    stored = _files(real.folder)
    for secret in (PASSPHRASE, COMMAND, "removes everything below", "tidy up the old build"):
        assert secret.encode() not in stored


async def test_opposite_answers_at_once_leave_one_decision(real: Real) -> None:
    """53: two people click approve and deny in the same moment, again and again: one is heard, one told so."""
    await real.people.add("bob", role="approver", groups=(), passphrase=PASSPHRASE, by="init")
    async with (
        httpx.AsyncClient(base_url=real.url, trust_env=False) as first,
        httpx.AsyncClient(base_url=real.url, trust_env=False) as second,
    ):
        alice, bob = Browser(first, real.url), Browser(second, real.url)
        for browser, name in ((alice, "alice"), (bob, "bob")):
            assert (await browser.sign_in(name, PASSPHRASE)).status_code == 303
        for number in range(8):
            approval = await real.approvals.open(replace(wanted(), digest=f"{number:064x}"))
            answers = await asyncio.gather(alice.answer(approval.id, "approve"), bob.answer(approval.id, "deny"))
            assert sorted(one.status_code for one in answers) == [303, 409]
            is_approved = answers[0].status_code == 303
            expected = ApprovalStatus.APPROVED if is_approved else ApprovalStatus.DENIED
            assert real.approvals.get(approval.id).status is expected
            usable = real.approvals.usable("olga/claude-code", approval.digest)
            assert (usable is not None) is is_approved
            assert len(real.approvals.get(approval.id).votes) <= 1


async def test_what_was_shown_is_said_of_whoever_asks(real: Real) -> None:
    """A passphrase is a passphrase and a token a token, so that a row can ask for something else."""
    tokens = Tokens(sequencer=real.installation.writer, rows=real.installation.tokens, clock=WallClock())
    until = datetime.now(UTC) + timedelta(hours=1)
    minted = await tokens.mint_control(TokenKind.APPROVER, "alice", until, by="root")
    doors = Credentials(tokens, real.people, Settings())
    by_word, by_token = doors.passphrase("alice", PASSPHRASE), doors.token(minted.text)
    assert by_word is not None
    assert by_token is not None
    assert (by_word.auth, by_token.auth) == ("passphrase", "token")


WEAKER = [
    ("admin", "admin", "admin"),
    ("admin", "approver", "approver"),
    ("admin", "viewer", "viewer"),
    ("admin", "auditor", "auditor"),
    ("approver", "admin", "approver"),
    ("approver", "approver", "approver"),
    ("approver", "viewer", "viewer"),
    ("approver", "auditor", "auditor"),
]


@pytest.mark.parametrize(("kind", "role", "may"), WEAKER)
async def test_a_token_gives_no_more_than_its_holder_may_now(real: Real, kind: str, role: str, may: str) -> None:
    """The configuration named somebody anew after his token was minted: the weaker of both counts."""
    tokens = Tokens(sequencer=real.installation.writer, rows=real.installation.tokens, clock=WallClock())
    until = datetime.now(UTC) + timedelta(hours=1)
    minted = await tokens.mint_control(TokenKind(kind), "alice", until, by="root")
    people = People(
        sequencer=real.installation.writer,
        rows=real.installation.people,
        clock=WallClock(),
        roles={"alice": role},
    )
    found = Credentials(tokens, people, Settings()).token(minted.text)
    assert found is not None
    assert found.role == may


async def test_a_service_token_is_a_services_whoever_is_called_so(real: Real) -> None:
    """Its holder's rights are not its own."""
    tokens = Tokens(sequencer=real.installation.writer, rows=real.installation.tokens, clock=WallClock())
    minted = await tokens.mint_control(
        TokenKind.SERVICE, "alice", datetime.now(UTC) + timedelta(hours=1), by="root"
    )
    found = Credentials(tokens, real.people, Settings()).token(minted.text)
    assert found is not None
    assert found.role == "service"


async def test_who_is_added_again_comes_without_his_tokens(real: Real) -> None:
    """Also one that was used just now; what serves programs stays, and a new passphrase takes nothing away."""
    tokens = Tokens(sequencer=real.installation.writer, rows=real.installation.tokens, clock=WallClock())
    until = datetime.now(UTC) + timedelta(hours=1)
    kinds = (TokenKind.APPROVER, TokenKind.ADMIN, TokenKind.SERVICE)
    minted = [await tokens.mint_control(kind, "alice", until, by="root") for kind in kinds]
    doors = Credentials(tokens, real.people, Settings())
    await real.people.add("alice", role="approver", groups=(), passphrase=PASSPHRASE, by="root")
    assert all(doors.token(one.text) for one in minted)
    await Peopling(real.people, tokens).remove("alice", ROOT)
    await real.people.add("alice", role="approver", groups=(), passphrase=PASSPHRASE, by="root")
    fresh = Tokens(sequencer=real.installation.writer, rows=real.installation.tokens, clock=WallClock())
    for known in (doors, Credentials(fresh, real.people, Settings())):
        assert [known.token(one.text) is not None for one in minted] == [False, False, True]


async def test_who_is_added_again_has_not_voted(real: Real) -> None:
    """What was said under his name before does not count; a new passphrase takes no vote back."""
    for name in ("alice", "bob"):
        await real.people.add(name, role="approver", groups=("oncall",), passphrase=PASSPHRASE, by="root")
    two = Obligations(demands=(demand_of("oncall", quorum=2),))
    approval = await real.approvals.open(replace(wanted(), obligations=two))
    await real.approvals.decide(approval.id, Decision.APPROVE, by=ALICE)
    await real.people.add("alice", role="approver", groups=("oncall",), passphrase="another", by="root")
    assert real.approvals.tally(real.approvals.get(approval.id)).given == 1
    await real.people.remove("alice", by="root")
    await real.people.add("alice", role="approver", groups=("oncall",), passphrase=PASSPHRASE, by="root")
    assert real.approvals.tally(real.approvals.get(approval.id)).given == 0
