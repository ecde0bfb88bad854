"""A machine whose clock is set back: whatever ends does so when its time has passed, on the whole wiring."""

import ast
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import firewall
from firewall.app.application import Application
from firewall.app.clock import SteadyClock
from firewall.app.running import running
from firewall.approvals.people import Approver
from firewall.approvals.wanted import Wanted
from firewall.cli.main import stayhand
from firewall.codecs.passkeys.ceremony import PasskeyError
from firewall.console.proving.challenges import LIFE_US as CHALLENGE_US
from firewall.console.proving.challenges import Challenges, Purpose
from firewall.console.sessions import IDLE_US, LIFE_US
from firewall.core.approval import ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError, AuthError
from firewall.core.proofs import LinkUse
from firewall.core.token import TokenKind
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings
from firewall.tokens.links import SIGN_IN_S, LinkError, Links
from tests.support.approving import subject, view, wanted
from tests.support.setting import SetClock

BACK_S = -30 * 24 * 3600
ALICE = Approver("alice", "approver", auth="passkey")
WRITES = wanted(effects=("write",), subject=subject(actions=(view(effects=("write",)),)))


@dataclass(frozen=True, slots=True)
class House:
    """A running installation on a machine whose clock the test sets."""

    application: Application
    machine: SetClock

    def back(self, seconds: float) -> None:
        """Set the clock back by a month, and let time pass."""
        self.machine.set_by(BACK_S)
        self.machine.forward(seconds)

    async def opened(self, asked: Wanted = WRITES) -> str:
        """Open an approval that Alice may answer."""
        await self.application.people.add("alice", role="approver", groups=(), passphrase="p", by="init")
        self.machine.forward(60)
        return (await self.application.approvals.open(asked)).id


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return what `stayhand init` writes, with its state beside it."""
    stayhand.main(["init", "--data-dir", str(tmp_path / "state"), str(tmp_path)], standalone_mode=False)
    return load_settings(str(tmp_path / "stayhand.toml"), {})


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """An installation, running."""
    machine = SetClock()
    async with running(settings, clock=machine) as application:
        yield House(application, machine)


@pytest.mark.parametrize("steps", [1, 7])
async def test_a_session_ends_when_its_time_has_passed(house: House, steps: int) -> None:
    """82: Nobody's looking keeps it longer, and setting the clock back again and again does not either."""
    sessions = house.application.console.sessions
    session, cookies = sessions.start("root", begun="passkey")
    for _ in range(steps):
        house.back(min(IDLE_US, LIFE_US // steps) / 1e6 - 1)
        assert sessions.find(cookies.shows) is not None
    house.back(IDLE_US / 1e6 + 1)
    assert not sessions.is_live(session)
    assert sessions.find(cookies.shows) is None


async def test_a_token_ends_when_its_time_has_passed(house: House) -> None:
    """82: Seen or not."""
    ends = datetime.fromtimestamp(house.machine.now_us() / 1e6 + 3600, UTC)
    tokens = house.application.tokens
    seen, unseen = [await tokens.mint_control(TokenKind.ADMIN, "root", ends, by="init") for _ in range(2)]
    house.back(3599)
    tokens.check(seen.text)
    house.back(1)
    for one in (seen, unseen):
        with pytest.raises(AuthError):
            tokens.check(one.text)


async def test_what_waits_ends_when_its_time_has_passed(house: House) -> None:
    """82: It is approved no more, and said to be expired."""
    approvals = house.application.approvals
    found = approvals.get(await house.opened())
    house.back((found.expires_at - found.opened_at) / 1e6)
    with pytest.raises(ApprovalError) as refused:
        await approvals.decide(found.id, Decision.APPROVE, by=ALICE)
    assert refused.value.code == "approval_expired"
    assert approvals.get(found.id).status is ApprovalStatus.EXPIRED


async def test_a_permit_ends_when_its_time_has_passed(house: House) -> None:
    """82: A repeat is asked about again, though uses are left."""
    approvals = house.application.approvals
    one = await house.opened()
    await approvals.decide(one, Decision.APPROVE, by=ALICE, permit=Permit(5, 600))
    house.back(599)
    assert approvals.usable(WRITES.principal, WRITES.digest) is not None
    house.back(1)
    assert approvals.usable(WRITES.principal, WRITES.digest) is None


async def test_whoever_is_added_after_the_clock_went_back_is_new(house: House) -> None:
    """82: He was not there when the call was asked about, whatever the machine's clock says."""
    approvals = house.application.approvals
    one = await house.opened()
    house.back(1)
    await house.application.people.add("eve", role="approver", groups=(), passphrase="p", by="init")
    with pytest.raises(ApprovalError):
        await approvals.decide(one, Decision.APPROVE, by=Approver("eve", "approver", auth="passkey"))
    assert approvals.get(one).status is ApprovalStatus.PENDING


async def test_links_and_challenges_end_when_their_time_has_passed(house: House) -> None:
    """82: An address that signs in, and what a passkey is to sign."""
    installation, clock = house.application.installation, SteadyClock(house.machine)
    links = Links(sequencer=installation.writer, rows=installation.proofs, clock=clock, new_id=lambda: "lnk_1")
    challenges = Challenges(clock)
    made = await links.for_sign_in("alice", by="root")
    challenge = challenges.issue(Purpose.SIGN_IN, bound="b", source="s")
    house.back(CHALLENGE_US / 1e6)
    with pytest.raises(PasskeyError):
        challenges.spend(challenge, Purpose.SIGN_IN, bound="b")
    house.back(SIGN_IN_S - CHALLENGE_US / 1e6 - 1)
    found = links.look(made.secret.reveal(), LinkUse.SIGN_IN)
    house.back(1)
    with pytest.raises(LinkError):
        links.look(made.secret.reveal(), LinkUse.SIGN_IN)
    with pytest.raises(LinkError):
        await links.spend(found)


def test_no_room_where_things_end_asks_the_machine_itself() -> None:
    """82: Console, approvals and tokens are given their clock, so none of them can be wound back."""
    asked = {"time", "time_ns", "now", "utcnow", "today"}
    found = [
        f"{path}:{node.lineno}"
        for room in ("console", "approvals", "tokens")
        for path in sorted((Path(firewall.__path__[0]) / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in asked
        and isinstance(node.value, ast.Name)
        and node.value.id in {"time", "datetime", "date"}
    ]
    assert found == []
