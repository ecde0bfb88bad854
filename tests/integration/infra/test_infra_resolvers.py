"""Ids looked up before they are judged: a real server, real sockets, and Railway's published schema behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.demo.serving import served
from tests.support.installation import Served, install, serving
from tests.support.railway import Railway
from tests.support.railway_state import ACCOUNT_TOKEN, SPARE, VOLUME, Asked, Token

LIMIT_S = 20
READING = "5b8e02d1-" + "77aa-4c0b-9d31-6e1f40c2b9e4"
NOBODYS = "00000000-1111-4222-8333-444444444444"
_SETTINGS = """
[[target]]
name = "railway"
environment = "staging"
kind = "graphql"
base_url = "{base}"
pack = "backboard.railway.app"
credential = {{ env = "RAILWAY_TOKEN" }}
hosting = "self"
hold_s = 0

[target.resolver]
credential = {{ env = "RAILWAY_READING" }}
timeout_s = 3
"""


@dataclass(slots=True)
class House:
    """A firewall, Railway behind it, and an agent of staging."""

    firewall: Served
    railway: Railway
    token: str

    def run(self, query: str, **variables: object) -> httpx.Response:
        """Send a document as the agent does."""
        return httpx.post(
            f"{self.firewall.agents}/infra/railway/graphql/v2",
            json={"query": query, "variables": variables},
            headers={"x-stayhand-token": self.token},
            trust_env=False,
            timeout=LIMIT_S,
        )

    def by_agent(self) -> list[Asked]:
        """Return what reached Railway with the target's credential."""
        return [one for one in self.railway.asked if one.token == ACCOUNT_TOKEN]


DELETE = "mutation($id: String!) { volumeDelete(volumeId: $id) }"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of its own for each test: state changes."""
    railway = Railway()
    railway.tokens[READING] = Token(reads_only=True)
    with served(railway.app()) as base:
        installed = install(tmp_path, settings=_SETTINGS.format(base=base))
        with serving(installed, env={"RAILWAY_TOKEN": ACCOUNT_TOKEN, "RAILWAY_READING": READING}) as running:
            yield House(running, railway, running.mint(env="staging"))


def test_a_volume_shared_with_production_is_denied_like_one_that_does_not_exist(house: House) -> None:
    """The incident: one id, two environments. The same words and status as for an id that nobody knows."""
    shared, nobodys = house.run(DELETE, id=VOLUME), house.run(DELETE, id=NOBODYS)
    assert (shared.status_code, nobodys.status_code) == (403, 403)
    assert shared.json() == nobodys.json()
    assert "outside your environment or unknown" in shared.json()["detail"]
    assert house.railway.is_whole()
    assert not house.by_agent()
    assert house.firewall.pending() == []


def test_what_lies_in_the_own_environment_is_asked_and_sent_once(house: House) -> None:
    """A volume of staging alone is staging's: asked with what is known of it, sent after approval, once."""
    held = house.run(DELETE, id=SPARE).json()
    (waiting,) = house.firewall.pending()
    assert waiting["environment"] == "staging"
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    assert house.run(DELETE, id=SPARE).status_code == 200
    assert house.railway.deleted == [SPARE]
    assert len(house.by_agent()) == 1
    assert house.run(DELETE, id=SPARE).status_code == 403
