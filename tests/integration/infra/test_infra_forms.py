"""Forms that an approver has us run: first or instead of a held request, once, and what follows for it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support.installation import Served, cli, install, serving, verify
from tests.support.story import kinds, story

KEY = "tgt-canary-" + "3c4d5e6f70"
LIMIT_S = 30
_TARGET = """
[[target]]
name = "{name}"
environment = "staging"
base_url = "{base}"
pack = "{pack}"
credential = {{ env = "FORMS_TOKEN" }}
hosting = "self"
scoped = true
hold_s = {hold}
timeout_s = {timeout}
"""
_TARGETS = (
    ("ocean", "api.digitalocean.com", 0, 20),
    ("hasty", "api.digitalocean.com", 0, 1),
    ("patient", "api.digitalocean.com", 30, 20),
    ("github", "api.github.com", 0, 20),
)
_LOOKED = """
[[target]]
name = "looked"
environment = "staging"
base_url = "{base}"
pack = "api.digitalocean.com"
credential = {{ env = "FORMS_TOKEN" }}
hosting = "self"
hold_s = 0

[target.resolver]
credential = {{ env = "FORMS_READING" }}
timeout_s = 20
per_minute = 6000
"""
READING = "reading-canary-" + "71b2c3d4"
STEADY, GROWING = (f"0000000{number}-e098-11e5-ad9f-000f53306ae1" for number in (1, 2))
_PLACES = """
[[environment]]
name = "staging"
tags = ["digitalocean/env:staging"]
"""
_ROWS = """
p, *, staging, *, *asks-*, write, , ask,
p, *, staging, *, *oncall-*, write, , ask, group=oncall
"""
_PEOPLE = "".join(f'\n[[approver]]\nname = "{name}"\ngroups = ["oncall"]\n' for name in ("dana", "erin"))
_ANSWERS: dict[str, tuple[int, object]] = {
    "good": (201, {"snapshot": {"id": "s1", "name": "before-deletion"}}),
    "broken": (500, {"message": "no"}),
    "refused": (422, {"message": "no"}),
    "async": (201, {"action": {"id": 1, "status": "in-progress"}}),
    "taken": (202, {}),
}


@dataclass(slots=True)
class Api:
    """What the vendors' APIs were asked; volumes are named by how their snapshots go."""

    asked: list[str] = field(default_factory=list)
    bearers: set[str] = field(default_factory=set)
    base: str = ""
    snapshots: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Of the volumes that a resolver looks up."""
    is_silent: threading.Event = field(default_factory=threading.Event)
    """Set when a request came that is not answered."""

    def of(self, volume: str) -> list[str]:
        """Return the methods that a volume was sent, in order."""
        return [line.partition(" ")[0] for line in self.asked if f"/{volume}" in line]

    async def answer(self, request: Request) -> Response:
        """Answer by the first part of the volume's name."""
        if request.headers.get("authorization") == f"Bearer {READING}":
            return self._seen(request)
        self.asked.append(f"{request.method} {request.url.path}")
        self.bearers.add(request.headers.get("authorization", ""))
        parts = request.url.path.split("/")
        if request.method == "PATCH":
            return JSONResponse({"archived": True})
        if request.method == "DELETE":
            return Response(status_code=204)
        how = parts[3].partition("-")[0]
        if how == "silent":
            self.is_silent.set()
            await asyncio.sleep(LIMIT_S)
        self.snapshots.setdefault(parts[3], []).append({"id": "s1", "created_at": "2026-11-21T12:00:00Z"})
        status, body = _ANSWERS.get(how, _ANSWERS["good"])
        return JSONResponse(body, status)

    def _seen(self, request: Request) -> Response:
        """Answer a resolver; one volume grows while its snapshot is taken."""
        volume = request.url.path.split("/")[3]
        taken = self.snapshots.get(volume, [])
        if request.url.path.endswith("/snapshots"):
            return JSONResponse({"snapshots": taken, "links": {}})
        size = 11 if volume == GROWING and taken else 10
        found = {"id": volume, "name": "data", "size_gigabytes": size, "droplet_ids": [], "tags": ["env:staging"]}
        return JSONResponse({"volume": found})


@dataclass(slots=True)
class House:
    """A running firewall, what lies behind it, and an agent."""

    firewall: Served
    api: Api
    token: str

    def delete(self, volume: str, *, target: str = "ocean", token: str = "") -> httpx.Response:
        """Ask to delete a volume, as the agent does."""
        return self.ask("DELETE", f"{target}/v2/volumes/{volume}", token=token)

    def ask(self, method: str, path: str, *, token: str = "", json: object = None) -> httpx.Response:
        """Ask anything."""
        headers = {"x-stayhand-token": token or self.token}
        return httpx.request(
            method,
            f"{self.firewall.agents}/infra/{path}",
            headers=headers,
            json=json,
            trust_env=False,
            timeout=LIMIT_S,
        )

    def first(self, approval: str, **more: object) -> httpx.Response:
        """Have the form run, as the approver."""
        return httpx.post(
            f"{self.firewall.control}/api/approvals/{approval}/decision",
            json={"decision": "approve", "first": True, **more},
            headers=self.firewall.approver,
            trust_env=False,
            timeout=LIMIT_S,
        )

    def shown(self, approval: str) -> dict[str, object]:
        """Return what an approver is shown."""
        got = httpx.get(
            f"{self.firewall.control}/api/approvals/{approval}", headers=self.firewall.approver, trust_env=False
        )
        found: dict[str, object] = got.json()
        return found

    def states(self, approval: str) -> list[str]:
        """Return how its forms went."""
        runs = self.shown(approval)["runs"]
        return [str(run["state"]) for run in runs] if isinstance(runs, list) else []


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all; every test has volumes of its own."""
    api = Api()
    methods = ["GET", "POST", "PATCH", "DELETE"]
    with served(Starlette(routes=[Route("/{path:path}", api.answer, methods=methods)])) as base:
        api.base = base
        settings = "".join(
            _TARGET.format(name=name, base=base, pack=pack, hold=hold, timeout=timeout)
            for name, pack, hold, timeout in _TARGETS
        )
        installed = install(
            tmp_path_factory.mktemp("forms"), settings=settings + _LOOKED.format(base=base) + _PEOPLE
        )
        policy = installed.config.with_name("policies") / "policy.csv"
        policy.write_text(policy.read_text() + _ROWS)
        places = policy.with_name("environments.toml")
        places.write_text(places.read_text() + _PLACES)
        with serving(installed, env={"FORMS_TOKEN": KEY, "FORMS_READING": READING}) as running:
            yield House(running, api, running.mint(env="staging", destructive_per_hour=1000))


def test_a_snapshot_then_the_original_are_one_decision(house: House) -> None:
    """One word: the snapshot is taken with our credential, only then the agent's own request is released, once."""
    held = house.delete("good-1").json()
    assert house.api.of("good-1") == []
    got = house.first(held["approval_id"])
    assert (got.status_code, got.json()["status"]) == (200, "approved"), got.text
    assert house.api.of("good-1") == ["POST"]
    assert house.api.bearers == {f"Bearer {KEY}"}
    assert house.states(held["approval_id"]) == ["done"]
    assert house.delete("good-1").status_code == 204
    assert house.delete("good-1").status_code == 403
    assert house.api.of("good-1") == ["POST", "DELETE"]
    told = [one for one in story(house.firewall.installed) if one.approval == held["approval_id"]]
    assert [kind for kind in kinds(told) if kind not in ("approval.viewed", "tool.judged")] == [
        "approval.opened", "form.begun", "form.ended", "approval.voted", "approval.consumed", "tool.released",
    ]  # fmt: skip
    begun = next(one for one in told if one.kind == "form.begun")
    assert begun.data["digest"] == next(one for one in told if one.kind == "approval.opened").data["digest"]
    assert "/v2/volumes/good-1/snapshots" in str(begun.private["request"])
    ended = next(one for one in told if one.kind == "form.ended")
    judged = next(one for one in story(house.firewall.installed) if one.seq == ended.data["judged"])
    assert (judged.kind, "good-1/snapshots" in str(judged.private["arguments"])) == ("tool.judged", True)


def test_the_restore_point_that_a_snapshot_makes_is_no_change_of_the_world(house: House) -> None:
    """The approval is bound anew to the state with the snapshot in it, and the original is released in it."""
    held = house.delete(STEADY, target="looked").json()["approval_id"]
    asked = house.shown(held)["digest"]
    got = house.first(held).json()
    assert got["status"] == "approved"
    assert got["digest"] != asked
    assert house.delete(STEADY, target="looked").status_code == 204
    assert house.api.of(STEADY) == ["POST", "DELETE"]


def test_any_other_change_of_the_world_is_asked_anew(house: House) -> None:
    """A volume that has grown meanwhile is not what people were asked about: nothing is deleted."""
    held = house.delete(GROWING, target="looked").json()["approval_id"]
    got = house.first(held).json()
    assert (got["status"], [run["state"] for run in got["runs"]]) == ("pending", ["done"])
    again = house.delete(GROWING, target="looked").json()
    assert again["approval_id"] != held
    moved = house.shown(again["approval_id"])["moved"]
    assert any("size" in str(one) for one in moved) if isinstance(moved, list) else False
    assert house.api.of(GROWING) == ["POST"]


def test_a_waiting_agent_gets_its_answer_after_the_snapshot(house: House) -> None:
    """A request that is still held goes out when the snapshot is done, and not before."""
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(house.delete("good-2", target="patient")), daemon=True)
    known = {one["id"] for one in house.firewall.pending()}
    asking.start()
    new: set[object] = set()
    while not new and asking.is_alive():
        new = {one["id"] for one in house.firewall.pending()} - known
        threading.Event().wait(0.05)
    (approval,) = new
    assert house.first(str(approval)).json()["status"] in ("approved", "consumed")
    asking.join(LIMIT_S)
    assert answers[0].status_code == 204
    assert house.api.of("good-2") == ["POST", "DELETE"]


@pytest.mark.parametrize(
    ("volume", "state"),
    [("broken-1", "failed"), ("refused-1", "failed"), ("async-1", "accepted"), ("taken-1", "accepted")],
)
def test_a_snapshot_that_is_not_there_releases_nothing(house: House, volume: str, state: str) -> None:
    """Failed, or accepted and not through: the original stays held, and a person may still decide."""
    held = house.delete(volume).json()
    got = house.first(held["approval_id"]).json()
    assert (got["status"], [run["state"] for run in got["runs"]]) == ("pending", [state])
    assert house.delete(volume).json()["approval_id"] == held["approval_id"]
    assert house.api.of(volume) == ["POST"]
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    assert house.delete(volume).status_code == 204


def test_what_nobody_knows_is_not_repeated(house: House) -> None:
    """A snapshot whose answer never comes is unknown and shown so; only a person's new word sends it again."""
    held = house.delete("silent-1", target="hasty").json()
    assert house.first(held["approval_id"]).json()["status"] == "pending"
    assert house.states(held["approval_id"]) == ["unknown"]
    assert house.api.of("silent-1") == ["POST"]
    assert house.firewall.decide(held["approval_id"], "deny").status_code == 200
    assert house.first(held["approval_id"]).json()["error"]["code"] == "approval_decided"
    assert house.api.of("silent-1") == ["POST"]


def test_what_takes_its_place_settles_it(house: House) -> None:
    """Archived instead of deleted: the call is denied, the agent is told what was done, and nothing is deleted."""
    held = house.ask("DELETE", "github/repos/acme/app").json()
    got = house.first(held["approval_id"]).json()
    assert (got["status"], [run["state"] for run in got["runs"]]) == ("denied", ["done"])
    assert "done in its place" in str(got["reason"])
    assert house.api.of("acme") == ["PATCH"]
    again = house.ask("DELETE", "github/repos/acme/app").json()
    assert (again["status"], again["approval_id"]) == (403, held["approval_id"])
    assert house.api.of("acme") == ["PATCH"]


def test_who_may_not_decide_has_nothing_run(house: House) -> None:
    """A stranger, an agent's token, an unknown form, a wrong name, a wrong word: refused, nothing is sent."""
    held = house.delete("good-3").json()["approval_id"]
    address = f"{house.firewall.control}/api/approvals/{held}/decision"
    bad = [
        house.first(held, form=2),
        house.first(held, form=0),
        house.first(held, typed="another thing"),
        httpx.post(address, json={"decision": "approve", "first": True}, trust_env=False),
        httpx.post(
            address,
            json={"decision": "approve", "first": True},
            headers={"authorization": f"Bearer {house.token}"},
            trust_env=False,
        ),
        httpx.post(
            address,
            json={"decision": "deny", "first": True},
            headers=house.firewall.approver,
            trust_env=False,
        ),
    ]
    assert [one.status_code for one in bad] == [404, 404, 409, 401, 403, 400], [one.text for one in bad]
    assert house.api.of("good-3") == []
    assert house.states(held) == []


def test_a_revoked_token_has_nothing_run(house: House) -> None:
    """What the agent may no longer do is not done for it."""
    token_id, token = house.firewall.minted(env="staging", agent="leaver")
    held = house.delete("good-4", token=token).json()["approval_id"]
    httpx.delete(f"{house.firewall.control}/api/tokens/{token_id}", headers=house.firewall.admin, trust_env=False)
    assert house.first(held).json()["error"]["code"] in ("token_ended", "approval_decided")
    assert house.api.of("good-4") == []


def test_one_click_at_a_time(house: House) -> None:
    """Two approvers who press at once have it run once."""
    held = house.delete("good-5").json()["approval_id"]
    answers: list[httpx.Response] = []
    pressing = [threading.Thread(target=lambda: answers.append(house.first(held)), daemon=True) for _ in range(4)]
    for one in pressing:
        one.start()
    for one in pressing:
        one.join(LIMIT_S)
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert house.api.of("good-5") == ["POST"]


def test_a_form_that_asks_itself_waits_for_its_own_approval(house: House) -> None:
    """The agent sends what was proposed: held, released once after a yes, like any request; the deletion stays."""
    (line,) = house.delete("asks-1").json()["first"]
    method, path, body = line.partition(": ")[2].split(" ", 2)
    held = house.ask(method, f"ocean{path}", json=json.loads(body)).json()
    assert held["code"] == "approval:hold:ended"
    assert house.api.of("asks-1") == []
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    assert house.ask(method, f"ocean{path}", json=json.loads(body)).status_code == 201
    assert house.ask(method, f"ocean{path}", json=json.loads(body)).status_code == 403
    assert house.api.of("asks-1") == ["POST"]


def test_an_approvers_word_covers_the_forms_own_question(house: House) -> None:
    """What would ask him again is agreed to with the same word, and recorded as a vote of its own."""
    held = house.delete("asks-2").json()["approval_id"]
    assert house.first(held).json()["status"] == "approved"
    assert house.api.of("asks-2") == ["POST"]
    opened = [
        one for one in story(house.firewall.installed, "approval.opened") if "asks-2/snap" in str(one.private)
    ]
    voted = [
        one for one in story(house.firewall.installed, "approval.voted") if one.approval == opened[0].approval
    ]
    assert [one.data["decision"] for one in voted] == ["approved"]


def test_a_form_that_somebody_else_must_approve_waits(house: House) -> None:
    """A row that asks another group is not covered: nothing is sent, and the original is held."""
    held = house.delete("oncall-1").json()["approval_id"]
    (run,) = house.first(held).json()["runs"]
    assert (run["state"], run["note"][:4]) == ("waiting", "apr_")
    assert house.shown(held)["status"] == "pending"
    assert house.api.of("oncall-1") == []


def test_the_command_line_runs_it(house: House) -> None:
    """`approvals approve ID --first` says what became of it; a form that fails is exit 1."""
    config = str(house.firewall.at_its_ports())
    env = {"STAYHAND_TOKEN": house.firewall.installed.shown["approver_token"]}
    good, bad = (house.delete(one).json()["approval_id"] for one in ("good-7", "broken-7"))
    done = cli("--config", config, "approvals", "approve", good, "--first", env=env)
    assert (done.returncode, done.stdout.strip()) == (0, good), done.stderr
    assert "done" in done.stderr
    failed = cli("--config", config, "approvals", "approve", bad, "--first", env=env)
    assert (failed.returncode, "failed" in failed.stderr) == (1, True), failed.stderr
    shown = cli("--config", config, "approvals", "show", bad, env=env)
    assert "failed" in shown.stdout
    assert "--first" in shown.stdout


def test_a_stopped_server_leaves_it_unknown(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Killed while the snapshot is under way: after a restart it is shown as unknown, and is not sent again."""
    settings = _TARGET.format(name="slow", base=house.api.base, pack="api.digitalocean.com", hold=0, timeout=60)
    installed = install(tmp_path_factory.mktemp("killed"), settings=settings)
    with serving(installed, env={"FORMS_TOKEN": KEY}) as running:
        there = House(running, house.api, running.mint(env="staging"))
        held = there.delete("silent-9", target="slow").json()["approval_id"]
        pressing = threading.Thread(target=lambda: _press(there, held), daemon=True)
        house.api.is_silent.clear()
        pressing.start()
        assert house.api.is_silent.wait(LIMIT_S)
        running.kill()
        pressing.join(LIMIT_S)
    with serving(installed, env={"FORMS_TOKEN": KEY}) as running:
        there = House(running, house.api, "")
        assert there.states(held) == ["unknown"]
        assert there.shown(held)["status"] == "pending"
    assert house.api.of("silent-9") == ["POST"]
    assert verify(installed).returncode == 0


def test_the_log_verifies(house: House) -> None:
    """Everything above stands in a log that verifies, without the credential."""
    assert verify(house.firewall.installed).returncode == 0
    assert KEY not in "".join(house.firewall.lines)


def _press(house: House, approval: str) -> None:
    try:
        house.first(approval)
    except httpx.HTTPError:
        return
