"""31: whose word is enough for a call whose place nobody knows, by what an installation names as production."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.app.unplaced import Unplaced
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.grant import Grant
from firewall.policy.in_force import Rules
from firewall.policy.load import load
from firewall.policy.people import Approvers
from firewall.sequencer.opening import create, open_installation
from firewall.settings.mcp import McpServer
from firewall.settings.settings import Settings
from firewall.settings.targets import Target
from firewall.settings.values import SecretRef
from firewall.tokens.service import Tokens
from tests.support.approving import StillClock
from tests.support.guarding import places_in
from tests.support.policy_folder import write_folder

ROWS = "p, *, *, *, *, *, , ask,\n"
STAGING = '[[environment]]\nname = "staging"\nhosts = ["*.staging.example.com"]\n'
PRODUCTION = '[[environment]]\nname = "production"\nhosts = ["*.example.com"]\n'
SECRET = SecretRef(env="STAYHAND_TEST_UNSET")
SHOP = Target(name="shop", environment="production", base_url="https://shop.example.com", credential=SECRET)
DESK = McpServer(name="desk", environment="prod", url="https://desk.example.com/mcp")


class House:
    """Real files, with policies that name what a test says."""

    def __init__(self, folder: Path, tokens: Tokens, clock: StillClock) -> None:
        self._folder = folder
        self._tokens = tokens
        self._clock = clock
        self.rules = Rules(load(write_folder(folder, ROWS, environments=STAGING)), folder, Approvers)

    def name(self, environments: str) -> None:
        """Load another environments.toml."""
        write_folder(self._folder, ROWS, environments=environments)
        self.rules.load()

    async def asked(self, environment: str = "staging") -> Approval:
        """Return what an agent asks that was given an environment."""
        until = datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC) + timedelta(hours=1)
        grant = Grant(environment=environment, owner="olga", agent="coder", expires_at=until)
        return approval_by((await self._tokens.mint_agent(grant, by="root")).id)

    def unplaced(self, settings: Settings | None = None) -> Unplaced:
        """Return who answers, under some settings."""
        return Unplaced(settings or Settings(), self.rules, self._tokens)


def approval_by(token: str) -> Approval:
    """Return what the agent with a token asks about a place that nobody knows."""
    return Approval("apr_1", ApprovalStatus.PENDING, "d" * 64, "p", token, "", "unresolved", ("write",), 1, 2)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open it."""
    clock = StillClock()
    places = places_in(tmp_path / "data")
    create(places)
    opened = open_installation(places, clock)
    tokens = Tokens(sequencer=opened.writer, rows=opened.tokens, clock=clock)
    yield House(tmp_path / "policies", tokens, clock)
    await opened.close()


async def test_where_nothing_is_production_an_owner_may_answer(house: House) -> None:
    """One person who named nothing as production is not kept from his own agents."""
    assert not house.unplaced()(await house.asked())


async def test_a_row_of_the_policies_is_enough_from_its_load_on(house: House) -> None:
    """However long the call waits already."""
    unplaced, approval = house.unplaced(), await house.asked()
    house.name(STAGING + PRODUCTION)
    assert unplaced(approval)
    house.name(STAGING)
    assert not unplaced(approval)


@pytest.mark.parametrize("settings", [Settings(target=(SHOP,)), Settings(mcp_server=(DESK,))])
async def test_a_target_or_a_server_in_production_is_enough(house: House, settings: Settings) -> None:
    """What the settings reach in production is production, whatever environments.toml says."""
    assert house.unplaced(settings)(await house.asked())


async def test_an_agent_of_production_and_one_that_nobody_knows(house: House) -> None:
    """A grant for production is enough, and so is a token of which nothing is found."""
    assert house.unplaced()(await house.asked("production"))
    assert house.unplaced()(approval_by("tok_gone"))
