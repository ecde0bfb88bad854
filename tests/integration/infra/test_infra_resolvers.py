"""Ids looked up before they are judged: a real server, real sockets, and Railway's published schema behind."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from firewall.classify.resolvers.things import MAX_GIVEN
from firewall.demo.serving import served
from tests.support.installation import Served, install, serving, verify
from tests.support.railway import Railway
from tests.support.railway_state import (
    ACCOUNT_TOKEN,
    PRODUCTION,
    PROJECT,
    SPARE,
    STAGING,
    VOLUME,
    Asked,
    Backup,
    Instance,
    Token,
    Volume,
)
from tests.support.story import until_told

LIMIT_S = 20
READING = "5b8e02d1-" + "77aa-4c0b-9d31-6e1f40c2b9e4"
NOBODYS = "00000000-1111-4222-8333-444444444444"
DELETE = "mutation($id: String!) { volumeDelete(volumeId: $id) }"
RENAME = 'mutation($id: String!) { volumeUpdate(volumeId: $id, input: {name: "x"}) { id } }'
INSTANCE = "query($id: String!) { volumeInstance(id: $id) { id } }"
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
timeout_s = 5
per_minute = 6000
most_ids = 5
"""


@dataclass(slots=True)
class Door:
    """Stands before the provider and can be shut."""

    app: ASGIApp
    shut: bool = False
    """Answers 503 to the resolver, and only to it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        bearer = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if self.shut and bearer.endswith(READING.encode()):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"<b>no</b>"})
            return
        await self.app(scope, receive, send)


@dataclass(slots=True)
class House:
    """A firewall, Railway behind it, and an agent of staging."""

    firewall: Served
    railway: Railway
    door: Door
    token: str
    fresh: "list[int]" = field(default_factory=lambda: [0])

    def run(self, query: str, *, token: str = "", **variables: object) -> httpx.Response:
        """Send a document as the agent does."""
        return httpx.post(
            f"{self.firewall.agents}/infra/railway/graphql/v2",
            json={"query": query, "variables": variables},
            headers={"x-stayhand-token": token or self.token},
            trust_env=False,
            timeout=LIMIT_S,
        )

    def by_agent(self) -> list[Asked]:
        """Return what reached Railway with the target's credential."""
        return [one for one in self.railway.asked if one.token == ACCOUNT_TOKEN]

    def by_resolver(self) -> int:
        """Return how many questions the resolver has asked."""
        return sum(one.token == READING for one in self.railway.asked)

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

    def page_of(self, approval: str) -> dict[str, object]:
        """Return what the approver is shown."""
        got = httpx.get(
            f"{self.firewall.control}/api/approvals/{approval}", headers=self.firewall.approver, trust_env=False
        )
        found: dict[str, object] = got.json()
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for the module; tests make volumes of their own."""
    railway = Railway()
    railway.tokens[READING] = Token(reads_only=True)
    door = Door(railway.app())
    with served(door) as base:
        installed = install(tmp_path_factory.mktemp("resolvers"), settings=_SETTINGS.format(base=base))
        with serving(installed, env={"RAILWAY_TOKEN": ACCOUNT_TOKEN, "RAILWAY_READING": READING}) as running:
            yield House(running, railway, door, running.mint(env="staging"))


@pytest.fixture(autouse=True)
def _open(house: House) -> Iterator[None]:
    """Every test begins with an open door."""
    house.door.shut = False
    yield
    house.door.shut = False


def test_a_volume_shared_with_production_is_denied_like_one_that_does_not_exist(house: House) -> None:
    """The incident: one id, two environments. The same words and status as for an id that nobody knows."""
    before, asked = len(house.by_agent()), house.by_resolver()
    shared = house.run(DELETE, id=VOLUME)
    for_shared = house.by_resolver() - asked
    nobodys = house.run(DELETE, id=NOBODYS)
    assert (shared.status_code, nobodys.status_code) == (403, 403)
    assert shared.json() == nobodys.json()
    assert "outside your environment or unknown" in shared.json()["detail"]
    assert house.by_resolver() - asked - for_shared == for_shared == 1
    assert house.railway.is_whole()
    assert len(house.by_agent()) == before
    assert house.firewall.pending() == []


def test_what_lies_in_the_own_environment_is_asked_and_sent_once(house: House) -> None:
    """A volume of staging alone is staging's: asked with what is known of it, sent after approval, once."""
    held = house.run(DELETE, id=SPARE).json()
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == held["approval_id"]]
    assert waiting["environment"] == "staging"
    shown = json.dumps(house.page_of(held["approval_id"]))
    assert "volume cache of shop, in staging, 96 MB" in shown
    assert "last restore point 3 hours old, stored in the same volume: lost with it" in shown
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    assert house.run(DELETE, id=SPARE).status_code == 200
    assert house.railway.deleted == [SPARE]
    assert house.run(DELETE, id=SPARE).json()["code"] == "grant:resource:unknown"


def test_a_change_of_the_world_asks_anew_with_both_states(house: House) -> None:
    """Approved with five backups; they are gone when it is sent: not sent, asked anew, before and now shown."""
    ident = house.volume(STAGING, backups=2)
    held = house.run(DELETE, id=ident).json()
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    house.railway.volumes[ident].instances[0].backups.clear()
    again = house.run(DELETE, id=ident).json()
    assert again["approval_id"] != held["approval_id"]
    assert ident in house.railway.volumes
    moved = house.page_of(again["approval_id"])["moved"]
    assert {"what": f"volume:railway/{ident} backups", "before": "2", "now": "0"} in moved  # type: ignore[operator]  # a list
    assert house.page_of(held["approval_id"])["status"] == "cancelled"
    assert house.firewall.decide(again["approval_id"], "approve").status_code == 200
    assert house.run(DELETE, id=ident).status_code == 200
    assert ident not in house.railway.volumes


def test_what_cannot_be_looked_at_again_is_not_sent(house: House) -> None:
    """The resolver fails at the moment of sending: nothing goes, the approval stays for when it answers again."""
    ident = house.volume(STAGING)
    held = house.run(DELETE, id=ident).json()
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    house.door.shut = True
    refused = house.run(DELETE, id=ident)
    assert (refused.status_code, refused.json()["code"]) == (403, "world:state:unseen")
    assert ident in house.railway.volumes
    house.door.shut = False
    assert house.run(DELETE, id=ident).status_code == 200
    assert ident not in house.railway.volumes


def test_a_volume_that_moves_to_production_is_denied_though_approved(house: House) -> None:
    """Shared with production after the approval: denied whatever anybody agreed to, and never from a cache."""
    ident = house.volume(STAGING)
    held = house.run(DELETE, id=ident).json()
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    house.railway.volumes[ident].instances.append(Instance("vi-late", PRODUCTION, 1.0))
    assert house.run(DELETE, id=ident).json()["code"] == "grant:resource:unknown"
    assert ident in house.railway.volumes


def test_a_change_is_never_sent_on_a_cached_answer(house: House) -> None:
    """A write that the policy allows in staging is looked up each time; a read once for a while."""
    ident = house.volume(STAGING)
    assert house.run(RENAME, id=ident).status_code == 200
    house.railway.volumes[ident].instances.append(Instance("vi-later", PRODUCTION, 1.0))
    assert house.run(RENAME, id=ident).status_code == 403
    other = house.volume(STAGING)
    instance = house.railway.volumes[other].instances[0].id
    asked = house.by_resolver()
    assert house.run(INSTANCE, id=instance).status_code == 200
    looked = house.by_resolver() - asked
    assert looked >= 1
    assert house.run(INSTANCE, id=instance).status_code == 200
    assert house.by_resolver() - asked == looked


def test_an_id_behind_more_values_than_are_read_is_not_left_out(house: House) -> None:
    """A write that staging allows, with production's volume behind thousands of values: unresolved, asked."""
    document = "mutation($id: String!, $input: In!) { volumeUpdate(volumeId: $id, input: $input) { id } }"
    before, ident = len(house.by_agent()), house.volume(STAGING)
    found = house.run(document, id=ident, input={"labels": ["x"] * MAX_GIVEN, "volumeId": VOLUME})
    assert found.status_code == 403
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == found.json()["approval_id"]]
    assert waiting["environment"] == "unresolved"
    assert len(house.by_agent()) == before
    assert house.firewall.decide(found.json()["approval_id"], "deny").status_code == 200


def test_a_read_of_production_is_denied_as_well(house: House) -> None:
    """What lies in production alone is not shown to an agent of staging, nor is it told apart from nothing."""
    ident = house.volume(PRODUCTION)
    instance = house.railway.volumes[ident].instances[0].id
    there, nothing = house.run(INSTANCE, id=instance), house.run(INSTANCE, id="vi-nothing")
    assert there.status_code == 403
    assert there.json() == nothing.json()


def test_an_environment_named_beside_a_shared_volume_says_which_part(house: House) -> None:
    """A write to staging's part of a shared volume is staging's; to production's part it is denied."""
    ident = house.volume(STAGING, PRODUCTION)
    mount = (
        "mutation($v: String!, $e: String!) "
        '{ volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: {mountPath: "/x"}) }'
    )
    assert house.run(mount, v=ident, e=STAGING).status_code == 200
    assert house.run(mount, v=ident, e=PRODUCTION).json()["code"] == "grant:resource:unknown"
    assert house.run(f'query {{ project(id: "{PROJECT}") {{ name }} }}').status_code == 200


def test_what_nobody_can_see_is_judged_by_the_strictest_rows(house: House) -> None:
    """With the resolver down everything but reads is asked as unresolved, and the approver is told why."""
    ident = house.volume(STAGING)
    house.door.shut = True
    held = house.run(RENAME, id=ident)
    assert held.status_code == 403
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == held.json()["approval_id"]]
    assert waiting["environment"] == "unresolved"
    assert "could not be looked up (status 503)" in json.dumps(house.page_of(str(waiting["id"])))


@pytest.mark.parametrize("ident", ["../x", "3d2c42fb", "' OR 1=1", VOLUME + "\n", "", "\uff21"])
def test_what_is_no_id_is_not_looked_up(house: House, ident: str) -> None:
    """It reaches no resolver; it stays unresolved, so a deletion of it is asked."""
    asked = house.by_resolver()
    held = house.run(DELETE, id=ident)
    assert (held.status_code, house.by_resolver()) == (403, asked)
    assert held.json()["code"] == "approval:hold:ended"


def test_ids_are_looked_up_only_behind_the_grant(house: House) -> None:
    """A token without the verb, or for another environment, makes the resolver ask nothing."""
    asked = house.by_resolver()
    reader = house.firewall.mint(env="staging", verbs=["read"], agent="reader")
    assert house.run(DELETE, id=house.volume(STAGING), token=reader).json()["code"] == "grant:verb:missing"
    other = house.firewall.mint(env="production", agent="other")
    assert house.run(DELETE, id=VOLUME, token=other).status_code == 404
    assert house.by_resolver() == asked


def test_ids_of_one_request_are_bounded(house: House) -> None:
    """More than are looked up leave the rest unresolved: the call is asked as such, and few questions go out."""
    ids = [house.volume(STAGING) for _ in range(8)]
    document = (
        "mutation { " + " ".join(f'a{n}: volumeDelete(volumeId: "{one}")' for n, one in enumerate(ids)) + " }"
    )
    asked = house.by_resolver()
    held = house.run(document)
    assert held.status_code == 403
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == held.json()["approval_id"]]
    assert waiting["environment"] in ("staging", "unresolved")
    shown = house.page_of(str(waiting["id"]))
    assert "unresolved" in {one["environment"] for one in shown["actions"]}  # type: ignore[attr-defined]  # a list
    # Judged when it came and again when the hold ended: one list and five volumes' backups each time.
    assert house.by_resolver() - asked <= 2 * 6


def test_the_page_says_what_would_be_lost(house: House) -> None:
    """The first screen of the approver's page holds the age and place of the last restore point, as text."""
    ident = house.volume(STAGING, backups=1)
    house.railway.volumes[ident].name = "<script>alert(1)</script>`x`"
    held = house.run(DELETE, id=ident).json()
    shown = json.dumps(house.page_of(held["approval_id"]))
    assert "last restore point 5 hours old, stored in the same volume: lost with it" in shown
    assert "<script>" not in shown.replace(json.dumps(DELETE), "")


def test_the_reversible_form_is_proposed_and_runs(house: House) -> None:
    """The refusal and the page name the exact request that loses nothing; sent as it stands it runs."""
    ident = house.volume(STAGING)
    held = house.run(DELETE, id=ident).json()
    (line,) = held["first"]
    assert line in held["detail"]
    assert house.page_of(held["approval_id"])["first"] == [line]
    method, path, body = line.partition(": ")[2].split(" ", 2)
    done = httpx.request(
        method,
        f"{house.firewall.agents}/infra/railway{path}",
        content=body,
        headers={"x-stayhand-token": house.token, "content-type": "application/json"},
        trust_env=False,
        timeout=LIMIT_S,
    )
    assert (done.status_code, "errors" in done.json()) == (200, False)
    assert ident in house.railway.volumes
    elsewhere = house.run(DELETE, id=VOLUME).json()
    assert "first" not in elsewhere
    assert "can be taken back" not in elsewhere["detail"]


def test_every_look_has_an_entry_and_no_credential_goes_anywhere(house: House) -> None:
    """The resolver's questions are counted in the log, which verifies; its credential stands in nothing."""
    ident = house.volume(STAGING)
    house.run(DELETE, id=ident)

    until_told(
        house.firewall.installed,
        "resource.resolved",
        lambda one: ident in json.dumps(one.private) and one.data["questions"] == 2,
    )
    data = Path(house.firewall.installed.shown["data_dir"])
    stored = b"".join(one.read_bytes() for one in data.iterdir() if one.is_file())
    assert b"resource.resolved" in stored
    assert verify(house.firewall.installed).returncode == 0
    assert READING.encode() not in stored
    assert READING not in "".join(house.firewall.lines)
    assert not re.search(r"Traceback|judging failed", "".join(house.firewall.lines))
    assert all(
        one.token != READING or not one.query.lstrip().startswith("mutation") for one in house.railway.asked
    )
