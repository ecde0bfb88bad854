"""The incident through an MCP server: configured as staging's, called with the id of production's volume."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from starlette.applications import Starlette

from firewall.demo.serving import served
from tests.support import mcp_railway
from tests.support.installation import Served, install, serving, verify
from tests.support.mcp_posting import Said, posting
from tests.support.railway import Railway
from tests.support.railway_state import (
    ACCOUNT_TOKEN,
    PRODUCTION,
    SPARE,
    STAGING,
    VOLUME,
    Asked,
    Backup,
    Instance,
    Token,
    Volume,
)

READING = "5b8e02d1-" + "77aa-4c0b-9d31-6e1f40c2b9e4"
NOBODYS = "00000000-1111-4222-8333-444444444444"
_SETTINGS = """
[[target]]
name = "api"
environment = "production"
kind = "graphql"
base_url = "{api}"
pack = "backboard.railway.app"
credential = {{ env = "RAILWAY_TOKEN" }}
hosting = "self"

[target.resolver]
credential = {{ env = "RAILWAY_READING" }}
timeout_s = 5
per_minute = 6000

[[mcp_server]]
name = "railway"
environment = "staging"
url = "{server}/mcp"
credential = {{ env = "RAILWAY_TOKEN" }}
hosting = "self"
hold_s = 0

[[mcp_server.argument]]
target = "api"

[[mcp_server.argument]]
tools = ["disk_*"]
at = "/disk/key"
target = "api"
thing = "volume"
"""


@dataclass(slots=True)
class House:
    """A firewall, Railway and its MCP server behind it, and an agent of staging."""

    firewall: Served
    railway: Railway
    token: str
    fresh: "list[int]" = field(default_factory=lambda: [0])

    def call(self, tool: str, **arguments: object) -> Said:
        """Call a tool of the server as the agent does."""

        async def run() -> Said:
            async with posting(f"{self.firewall.agents}/mcp/railway", self.token) as poster:
                return await poster.modern("tools/call", name=tool, arguments=arguments)

        return asyncio.run(run())

    def refused(self, said: Said) -> dict[str, object]:
        """Return what stands about a refusal beside its text."""
        result = said.answer["result"]
        assert isinstance(result, dict), said.answer
        assert result["isError"] is True
        found: dict[str, object] = result["_meta"]["stayhand.dev/refusal"]
        return found

    def by_agent(self) -> list[Asked]:
        """Return what reached Railway with the server's credential."""
        return [one for one in self.railway.asked if one.token == ACCOUNT_TOKEN]

    def volume(self, *environments: str, backups: int = 1) -> str:
        """Make a volume with an instance in each environment; return its id."""
        self.fresh[0] += 1
        ident = f"{self.fresh[0]:08x}-0a42-4c9f-a6d8-c1f24e80d004"
        taken = [Backup(f"bk-{ident}-{n}", "", self.railway.now - timedelta(hours=5 + n)) for n in range(backups)]
        instances = [
            Instance(f"vi-{self.fresh[0]}-{n}", one, 200.0, list(taken)) for n, one in enumerate(environments)
        ]
        self.railway.volumes[ident] = Volume(ident, f"data-{self.fresh[0]}", instances)
        return ident


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for the module; tests make volumes of their own."""
    railway = Railway()
    railway.tokens[READING] = Token(reads_only=True)
    with served(railway.app()) as api, served(Starlette(routes=[mcp_railway.route(api)])) as server:
        installed = install(tmp_path_factory.mktemp("railway"), settings=_SETTINGS.format(api=api, server=server))
        with serving(installed, env={"RAILWAY_TOKEN": ACCOUNT_TOKEN, "RAILWAY_READING": READING}) as running:
            yield House(running, railway, running.mint(env="staging"))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("volume_delete", {"volumeId": VOLUME}),
        ("disk_drop", {"disk": {"key": VOLUME}}),
        ("run_query", {"query": f'mutation {{ volumeDelete(volumeId: "{VOLUME}") }}'}),
        (
            "run_query",
            {"query": "mutation($v: String!) { volumeDelete(volumeId: $v) }", "variables": {"v": VOLUME}},
        ),
        ("get_environment", {"environmentId": PRODUCTION}),
    ],
)
def test_what_lies_in_production_is_denied_through_a_server_of_staging(
    house: House, tool: str, arguments: dict[str, object]
) -> None:
    """The incident: the id of production's volume, by name, by pointer or in GraphQL; nothing reaches Railway."""
    before = len(house.by_agent())
    said = house.refused(house.call(tool, **arguments))
    assert said["code"] == "grant:resource:unknown"
    assert house.railway.is_whole()
    assert len(house.by_agent()) == before
    assert house.firewall.pending() == []


def test_what_nobody_knows_is_refused_in_the_same_words(house: House) -> None:
    """An id elsewhere and one that does not exist cannot be told apart."""
    shared, nobodys = (house.call("volume_delete", volumeId=one) for one in (VOLUME, NOBODYS))
    assert shared.text == nobodys.text


def test_what_lies_in_staging_is_asked_and_deleted_once(house: House) -> None:
    """A volume of staging alone is staging's: asked with what is known of it, run once after approval."""
    held = house.refused(house.call("volume_delete", volumeId=SPARE))
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == held["approvalId"]]
    assert waiting["environment"] == "staging"
    assert house.firewall.decide(str(held["approvalId"]), "approve").status_code == 200
    assert "errors" not in json.loads(house.call("volume_delete", volumeId=SPARE).text)
    assert house.railway.deleted == [SPARE]
    assert house.refused(house.call("volume_delete", volumeId=SPARE))["code"] == "grant:resource:unknown"


def test_a_change_of_the_world_asks_anew(house: House) -> None:
    """Approved with two backups; they are gone when it would be sent: not sent, asked anew."""
    ident = house.volume(STAGING, backups=2)
    held = house.refused(house.call("volume_delete", volumeId=ident))
    assert house.firewall.decide(str(held["approvalId"]), "approve").status_code == 200
    house.railway.volumes[ident].instances[0].backups.clear()
    again = house.refused(house.call("volume_delete", volumeId=ident))
    assert again["approvalId"] != held["approvalId"]
    assert ident in house.railway.volumes
    assert house.firewall.decide(str(again["approvalId"]), "approve").status_code == 200
    house.call("volume_delete", volumeId=ident)
    assert ident not in house.railway.volumes


def test_a_volume_that_moved_to_production_after_the_approval_is_not_deleted(house: House) -> None:
    """What people agreed to was staging's; it is production's as well when it would be sent: denied."""
    ident = house.volume(STAGING)
    held = house.refused(house.call("volume_delete", volumeId=ident))
    assert house.firewall.decide(str(held["approvalId"]), "approve").status_code == 200
    house.railway.volumes[ident].instances.append(Instance("vi-late", PRODUCTION, 900.0, []))
    assert house.refused(house.call("volume_delete", volumeId=ident))["code"] == "grant:resource:unknown"
    assert ident in house.railway.volumes


def test_a_read_of_what_staging_holds_asks_nobody(house: House) -> None:
    """An id that is found in staging is read there at once, as the pack says what reads, and the log holds."""
    before = [one["id"] for one in house.firewall.pending()]
    said = house.call("get_environment", environmentId=STAGING)
    assert json.loads(said.text)["data"]["environment"]["name"] == "staging"
    assert [one["id"] for one in house.firewall.pending()] == before
    assert verify(house.firewall.installed).returncode == 0
