"""Clients that leave while several are asked for them: whatever was asked by then is booked, all of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.billed import BUDGET, billed, eventually, rows
from tests.support.billing import USED_MICROS
from tests.support.installation import Served

SETTINGS = (
    BUDGET
    + """
[[provider]]
name = "chat"
dialect = "openai-chat"
base_url = "{url}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}

[[provider]]
name = "other"
dialect = "openai-chat"
base_url = "{url}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}

[[route]]
name = "steps"
cascade = ["chat/priced-ok", "other/priced-slow"]
checks = {{ matches = "^never" }}

[[route]]
name = "judged"
cascade = ["chat/priced-ok", "other/priced-ok"]
checks = {{ judge = "other/priced-slow", criterion = "is true" }}

[[route]]
name = "hedged"
chain = ["chat/priced-slow", "other/priced-slow"]
hedge_after_ms = 1

[[route]]
name = "broken"
chain = ["chat/priced-cut", "other/priced-slow"]
"""
)
SLOW_MICROS = 2 * 40
"""What an answer of the slow model that nobody counted costs at most."""


@dataclass(slots=True)
class House:
    """A server with routes and the provider behind it."""

    firewall: Served

    def leave(self, route: str) -> None:
        """Ask a route and hang up a second later."""
        token = self.firewall.mint(team="t", tags=[f"feature={route}"])
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{self.firewall.agents}/v1/chat/completions",
                json={"model": route, "messages": [], "max_tokens": 40},
                headers={"authorization": f"Bearer {token}"},
                timeout=httpx.Timeout(30, read=1.5),
                trust_env=False,
            )

    def line(self, feature: str) -> tuple[str, int, int, int]:
        """Return state, cost, input and number of attempts of the one call of a feature."""
        query = "SELECT state, cost, input, attempts FROM spend_calls WHERE feature = ? AND state <> 'open'"
        (line,) = eventually(self.firewall, query, feature)
        assert rows(self.firewall, "SELECT total(held) FROM spend_accounts") == [(0,)]
        return line  # type: ignore[return-value]  # a row of the ledger


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose routes ask several for one answer."""
    with billed(tmp_path_factory.mktemp("leaving"), SETTINGS) as running:
        yield House(running)


@pytest.mark.parametrize(
    ("route", "least", "counted"),
    [
        ("steps", USED_MICROS + SLOW_MICROS, 100),
        ("judged", USED_MICROS + 2, 100),
        ("hedged", 2 * SLOW_MICROS, 0),
    ],
)
def test_whoever_was_asked_before_the_client_left_is_booked(
    house: House, route: str, least: int, counted: int
) -> None:
    """A step that failed its check, an answer before its judge, both of a hedge: each, as far as it is known."""
    house.leave(route)
    state, cost, read, attempts = house.line(route)
    assert (state, attempts) == ("estimated", 2)
    assert cost >= least
    assert read >= counted


def test_who_leaves_while_a_fallback_works_pays_for_what_broke_off(house: House) -> None:
    """An attempt that broke off may be charged for as well: two requests, two estimates."""
    house.leave("broken")
    state, cost, _, attempts = house.line("broken")
    assert state == "estimated"
    assert attempts >= 2
    assert cost >= 2 * SLOW_MICROS
