"""A machine whose clock is set: what is in memory ends in time, what is stored goes by the clock; whole wiring."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

import firewall
from firewall.app.application import Application
from firewall.app.running import running
from firewall.approvals.people import Approver
from firewall.approvals.wanted import Wanted
from firewall.cli.main import stayhand
from firewall.console.sessions import IDLE_US, LIFE_US
from firewall.core.approval import ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError, AuthError
from firewall.core.token import TokenKind
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings
from tests.support.approving import subject, view, wanted
from tests.support.setting import SetClock

DAY_S = 24 * 3600
BACK_S = -30 * DAY_S
ALICE, EVE = (Approver(name, "approver", auth="passkey") for name in ("alice", "eve"))


def _writes(digest: str) -> Wanted:
    """Return a call that waits for somebody."""
    return wanted(digest=digest * 64, effects=("write",), subject=subject(actions=(view(effects=("write",)),)))


PERMITTED, OPEN, NEW = (_writes(digest) for digest in "abc")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return what `stayhand init` writes, with its state beside it."""
    stayhand.main(["init", "--data-dir", str(tmp_path / "state"), str(tmp_path)], standalone_mode=False)
    return load_settings(str(tmp_path / "stayhand.toml"), {})


async def _add(application: Application, name: str) -> None:
    await application.people.add(name, role="approver", groups=(), passphrase="p", by="init")


async def _minted(application: Application, machine: SetClock) -> str:
    """Return a token that is good for an hour."""
    ends = datetime.fromtimestamp(machine.now_us() / 1e6 + 3600, UTC)
    return (await application.tokens.mint_control(TokenKind.ADMIN, "root", ends, by="init")).text


@pytest.mark.parametrize("steps", [1, 7])
async def test_a_session_ends_when_its_time_has_passed(settings: Settings, steps: int) -> None:
    """82: The clock is set back by a month, once or again and again, whether or not somebody looks."""
    machine = SetClock()
    async with running(settings, clock=machine) as application:
        sessions = application.console.sessions
        session, cookies = sessions.start("root", begun="passkey")
        for _ in range(steps):
            machine.set_by(BACK_S)
            machine.forward(min(IDLE_US, LIFE_US // steps) / 1e6 - 1)
            assert sessions.find(cookies.shows) is not None
        machine.set_by(BACK_S)
        machine.forward(IDLE_US / 1e6 + 1)
        assert not sessions.is_live(session)
        assert sessions.find(cookies.shows) is None


async def test_a_session_ends_early_where_the_clock_goes_forward(settings: Settings) -> None:
    """82: It does not come back when the clock is right again, nor with a restart."""
    machine = SetClock()
    async with running(settings, clock=machine) as application:
        sessions = application.console.sessions
        seen, cookies = sessions.start("root", begun="passkey")
        _, unseen = sessions.start("root", begun="passkey")
        machine.set_by(-BACK_S)
        assert not sessions.is_live(seen)
        assert sessions.find(cookies.shows) is None
        machine.set_by(BACK_S)
        assert sessions.find(cookies.shows) is None
    async with running(settings, clock=machine) as application:
        for old in (cookies, unseen):
            assert application.console.sessions.find(old.shows) is None


async def test_nothing_that_began_after_the_clock_went_back_outlives_a_restart(settings: Settings) -> None:
    """82: Token, permit and what waits end in time, and who decides is who was there."""
    machine = SetClock()
    async with running(settings, clock=machine) as application:
        approvals = application.approvals
        machine.set_by(BACK_S)
        machine.forward(60)
        token = await _minted(application, machine)
        await _add(application, "alice")
        machine.forward(60)
        permitted = (await approvals.open(PERMITTED)).id
        await approvals.decide(permitted, Decision.APPROVE, by=ALICE, permit=Permit(5, 600))
        waits = (await approvals.open(OPEN)).id
    machine.forward(2 * DAY_S)
    async with running(settings, clock=machine) as application:
        approvals = application.approvals
        with pytest.raises(AuthError):
            application.tokens.check(token)
        assert approvals.usable(PERMITTED.principal, PERMITTED.digest) is None
        await _add(application, "eve")
        with pytest.raises(ApprovalError):
            await approvals.decide(waits, Decision.APPROVE, by=EVE)
        assert approvals.get(waits).status is not ApprovalStatus.APPROVED
        new = (await approvals.open(NEW)).id
        assert (await approvals.decide(new, Decision.APPROVE, by=ALICE)).status is ApprovalStatus.APPROVED


async def test_what_is_stored_goes_by_the_machines_clock(settings: Settings) -> None:
    """82: A clock that is set back by a day lengthens a token by a day and no more, with a restart or without."""
    machine = SetClock()
    async with running(settings, clock=machine) as application:
        token = await _minted(application, machine)
        machine.set_by(-DAY_S)
        machine.forward(3600)
        application.tokens.check(token)
    async with running(settings, clock=machine) as application:
        machine.forward(DAY_S - 1)
        application.tokens.check(token)
        machine.forward(1)
        with pytest.raises(AuthError):
            application.tokens.check(token)


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
