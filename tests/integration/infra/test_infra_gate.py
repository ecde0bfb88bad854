"""The infrastructure gate with a real server, real sockets and a real target behind it."""

import asyncio
import http.client
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support.installation import Served, install, serving, verify
from tests.support.story import story

TARGET_KEY = "tgt-canary-5b1d9e7a3c"
LIMIT_S = 30

_SETTINGS = """
[[target]]
name = "shop"
environment = "staging"
base_url = "{base}/base"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
hold_s = 1
timeout_s = 5
scoped = true

[[target]]
name = "railway"
environment = "staging"
kind = "graphql"
base_url = "{base}"
pack = "backboard.railway.app"
credential = {{ env = "SHOP_TOKEN" }}
header = "Project-Access-Token: {{credential}}"
hosting = "self"
hold_s = 1

[[target]]
name = "cluster"
environment = "staging"
kind = "kubernetes"
base_url = "{base}"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
hold_s = 1
scoped = true

[[target]]
name = "live"
environment = "production"
base_url = "{base}"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"

[[target]]
name = "database"
environment = "staging"
base_url = "{base}"
pack = "postgrest"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
scoped = true
hold_s = 0

[[target]]
name = "supabase"
environment = "staging"
base_url = "{base}"
pack = "api.supabase.com"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
scoped = true
hold_s = 0

[[target]]
name = "registry"
environment = "staging"
base_url = "{base}"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
raw_paths = true
"""


@dataclass(slots=True)
class Seen:
    """What the target was asked."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """Return `METHOD target` of every request."""
        return [f"{method} {path}" for method, path, _, _ in self.requests]


def _app(seen: Seen) -> Starlette:
    async def answer(request: Request) -> Response:
        body = await request.body()
        raw: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        path = raw.decode() + (f"?{query.decode()}" if query else "")
        seen.requests.append((request.method, path, dict(request.headers), body))
        if path.endswith("/slow"):
            await asyncio.sleep(30)
        if path.endswith(("/stream", "/pieces")):
            length = {"content-length": "21"} if path.endswith("/pieces") else {}
            return StreamingResponse(_lines(), media_type="text/plain", headers=length)
        if path.endswith("/moved"):
            return Response(status_code=302, headers={"location": "http://127.0.0.1:1/steal"})
        if path.endswith("/within"):
            base = str(request.base_url)
            pages = {
                "location": f"{base}base/v1/items?page=2",
                "link": f'<{base}base/v1/items?page=3>; rel="next"',
            }
            return Response(status_code=307, headers=pages)
        if path.endswith("/empty"):
            return Response(status_code=204)
        if path.endswith("/endless"):
            return StreamingResponse(_ticks(), media_type="text/plain")
        headers = {"set-cookie": "a=b", "x-echo": TARGET_KEY, "x-kept": "yes"}
        return JSONResponse({"ok": True, "echo": request.headers.get("authorization", "")}, headers=headers)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


async def _lines() -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"line %d\n" % number
        await asyncio.sleep(0.01)


async def _ticks() -> AsyncIterator[bytes]:
    for _ in range(10 * LIMIT_S * 10):
        yield b"tick\n"
        await asyncio.sleep(0.1)


@dataclass(slots=True)
class House:
    """A server, the target behind it, and an agent."""

    firewall: Served
    seen: Seen
    token: str

    def ask(self, method: str, path: str, *, token: str = "", **more: object) -> httpx.Response:
        """Ask as the agent does."""
        headers = {"x-stayhand-token": token or self.token, **dict(more.pop("headers", {}))}  # type: ignore[call-overload]  # a table
        with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
            request = client.build_request(method, f"{self.firewall.agents}/infra/x", headers=headers, **more)  # type: ignore[arg-type]  # as httpx takes them
            request.url = request.url.copy_with(raw_path=f"/infra/{path}".encode())
            return client.send(request)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with targets whose holds are short."""
    seen = Seen()
    with served(_app(seen)) as base:
        installed = install(tmp_path_factory.mktemp("infra"), settings=_SETTINGS.format(base=base))
        with serving(installed, env={"SHOP_TOKEN": TARGET_KEY}) as running:
            yield House(running, seen, running.mint(env="staging"))


def test_a_read_goes_with_our_credential(house: House) -> None:
    """The agent's token stays here, the target gets its own credential, and the answer comes back without it."""
    got = house.ask("GET", "shop/v1/items?limit=3", headers={"accept": "application/json"})
    assert got.status_code == 200, got.text
    method, path, headers, _ = house.seen.requests[-1]
    assert (method, path) == ("GET", "/base/v1/items?limit=3")
    assert headers["authorization"] == f"Bearer {TARGET_KEY}"
    assert headers["accept"] == "application/json"
    assert not any("shd_" in value for value in headers.values())
    assert TARGET_KEY not in got.text + repr(got.headers)
    assert got.json()["echo"] == "Bearer [redacted]"
    assert (got.headers["x-kept"], "set-cookie" in got.headers) == ("yes", False)
    assert int(got.headers["x-stayhand-entry"]) >= 0


def test_answers_are_streamed_and_heads_have_no_body(house: House) -> None:
    """A streamed answer arrives whole; HEAD ends with its head."""
    assert house.ask("GET", "shop/stream").text == "line 0\nline 1\nline 2\n"
    got = house.ask("HEAD", "shop/v1/items")
    assert (got.status_code, got.content) == (200, b"")


def test_what_comes_whole_goes_whole(house: House) -> None:
    """A short answer has its length again, one without content has none, and HEAD says what it was told."""
    assert house.ask("GET", "shop/v1/items").headers["content-length"].isdigit()
    pieces = house.ask("GET", "shop/pieces")
    assert (pieces.headers["content-length"], pieces.content) == ("21", b"line 0\nline 1\nline 2\n")
    empty = house.ask("GET", "shop/empty")
    assert (empty.status_code, "content-length" in empty.headers, empty.content) == (204, False, b"")
    assert house.ask("HEAD", "shop/v1/items").headers["content-length"].isdigit()


def test_a_deletion_waits_for_people_and_happens_once(house: House) -> None:
    """Held, then 403 with the approval; after approval the identical request is sent once, and no third time."""
    held = house.ask("DELETE", "shop/v1/items/7")
    assert held.status_code == 403
    document = held.json()
    assert held.headers["content-type"] == "application/problem+json"
    assert document["code"] == "hold:ended" or document["approval_id"].startswith("apr_")
    assert document["status_url"] == f"/v1/approvals/{document['approval_id']}"
    assert "DELETE /base/v1/items/7" not in house.seen.paths()
    assert house.firewall.decide(document["approval_id"], "approve").status_code == 200
    got = house.ask("DELETE", "shop/v1/items/7", headers={"user-agent": "another-try"})
    assert got.status_code == 200
    assert house.seen.paths().count("DELETE /base/v1/items/7") == 1
    assert house.ask("DELETE", "shop/v1/items/7").status_code == 403
    assert house.seen.paths().count("DELETE /base/v1/items/7") == 1


def test_an_approval_fits_no_other_request(house: House) -> None:
    """One changed byte in path, query, body or a header that means something is another request."""
    held = house.ask("DELETE", "shop/v1/boxes/1", json={"force": False}).json()
    assert house.firewall.decide(held["approval_id"], "approve").status_code == 200
    others = [
        house.ask("DELETE", "shop/v1/boxes/2", json={"force": False}),
        house.ask("DELETE", "shop/v1/boxes/1?all=1", json={"force": False}),
        house.ask("DELETE", "shop/v1/boxes/1", json={"force": True}),
        house.ask("DELETE", "shop/v1/boxes/1", json={"force": False}, headers={"if-match": "x"}),
    ]
    assert [one.status_code for one in others] == [403] * 4
    assert not [path for path in house.seen.paths() if "boxes" in path]


def test_approved_while_held_goes_out_on_the_waiting_connection(house: House) -> None:
    """A person who decides within the hold: the first request gets its answer."""
    token = house.firewall.mint(env="staging", agent="patient")
    known = {one["id"] for one in house.firewall.pending()}
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(house.ask("DELETE", "shop/v1/held/1", token=token)), daemon=True
    )
    asking.start()
    end = time.monotonic() + LIMIT_S
    new: set[object] = set()
    while not new and time.monotonic() < end:
        new = {one["id"] for one in house.firewall.pending()} - known
    for one in new:
        house.firewall.decide(str(one), "approve")
    asking.join(LIMIT_S)
    if answers[0].status_code == 403:  # decided just after the hold had ended: the repeat is released
        answers.append(house.ask("DELETE", "shop/v1/held/1", token=token))
    assert answers[-1].status_code == 200
    assert house.seen.paths().count("DELETE /base/v1/held/1") == 1


def test_the_incidents_mutation_is_held_by_its_root_field(house: House) -> None:
    """GraphQL is read by what would run, behind aliases and variables; a query flows."""
    query = {"query": "query { projects { edges { node { id } } } }"}
    assert house.ask("POST", "railway/graphql/v2", json=query).status_code == 200
    mutation = {
        "query": "mutation M($v: String!) { harmless: volumeDelete(volumeId: $v) }",
        "variables": {"v": "3d2c42fb"},
    }
    before = len(house.seen.requests)
    held = house.ask("POST", "railway/graphql/v2", json=mutation)
    assert held.status_code == 403
    assert len(house.seen.requests) == before
    (waiting,) = [one for one in house.firewall.pending() if one["id"] == held.json()["approval_id"]]
    assert "destructive" in str(waiting["effects"])
    assert "3d2c42fb" in str(waiting["summary"])
    assert waiting["environment"] == "unresolved"
    assert house.seen.requests[-1][2]["project-access-token"] == TARGET_KEY


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "cluster/api/v1/namespaces/web/pods", 200),
        ("DELETE", "cluster/api/v1/namespaces/web/persistentvolumeclaims/data", 403),
        ("DELETE", "cluster/apis/apps/v1/namespaces/web/deployments", 403),
        ("POST", "cluster/api/v1/namespaces/web/pods/a/exec?command=sh", 403),
    ],
)
def test_kubernetes_requests_are_read_as_verbs(house: House, method: str, path: str, status: int) -> None:
    """Reads flow, deletions and exec are asked."""
    assert house.ask(method, path).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "database/users?select=id", None, 200),
        ("PATCH", "database/users?id=eq.7", {"plan": "free"}, 200),
        ("PATCH", "database/users", {"plan": "free"}, 403),
        ("PATCH", "database/users?id=neq.0", {"plan": "free"}, 403),
        ("DELETE", "database/users?id=eq.7", None, 403),
        ("POST", "database/rpc/exec_sql", {"sql": "drop table users"}, 403),
        ("POST", "supabase/v1/projects/ref/database/query", {"query": "select 1"}, 200),
        ("POST", "supabase/v1/projects/ref/database/query", {"query": "drop table users"}, 403),
    ],
)
def test_databases_over_http_are_judged_by_their_sql(
    house: House, method: str, path: str, body: object, status: int
) -> None:
    """What reads and what is limited flows; what loses a table's rows waits, whatever the method says."""
    before = len(house.seen.requests)
    got = house.ask(method, path, **({"json": body} if body else {}))
    assert got.status_code == status, got.text
    assert len(house.seen.requests) == before + (status == 200)


def test_targets_of_other_environments_do_not_exist(house: House) -> None:
    """A target of another environment, one outside the grant's globs and an unknown one look alike."""
    narrow = house.firewall.mint(env="staging", targets=["cluster"])
    answers = [
        house.ask("GET", "live/x"),
        house.ask("GET", "nowhere/x"),
        house.ask("GET", "shop/x", token=narrow),
    ]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(404, "target_not_found")}


@pytest.mark.parametrize(
    "path",
    [
        "shop/a/../b",
        "shop/a/%2e%2e/b",
        "shop/a/.%2E/b",
        "shop/a%2Fb",
        "shop/a%2f..%2fb",
        "shop//a",
        "shop/a;b/../c",
        "shop/a;b",
        "shop/a%00b",
        "shop/a%5Cb",
        "shop/a\\b",
        "registry/a%2F..%2Fb",
        "registry/a/..;/b",
        "registry/a/%2e%2e",
        "registry/a%0d%0ab",
    ],
)
def test_paths_that_can_be_read_twice_are_refused(house: House, path: str) -> None:
    """Dots never pass; encoded slashes, empty segments and parameters only where the target opts in."""
    before = len(house.seen.requests)
    # Not httpx, which would mend the path before it is sent.
    connection = http.client.HTTPConnection(house.firewall.agents.removeprefix("http://"), timeout=LIMIT_S)
    connection.putrequest("GET", f"/infra/{path}", skip_accept_encoding=True)
    connection.putheader("x-stayhand-token", house.token)
    connection.endheaders()
    got = connection.getresponse()
    assert got.status == 400, got.read()
    connection.close()
    assert len(house.seen.requests) == before


@pytest.mark.parametrize("path", ["registry/v2/a%2Fb/tags", "registry/x//y", "registry/a;v=1/b"])
def test_raw_paths_arrive_as_they_were_written(house: House, path: str) -> None:
    """A target that opts in is sent the very path."""
    assert house.ask("GET", path).status_code == 200
    assert house.seen.paths()[-1] == "GET " + path.removeprefix("registry")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer ghp_somebodyelses"},
        {"cookie": "session=1"},
        {"private-token": "glpat-zz"},
        {"x-api-key": "sk-foreign"},
        {"x-auth-token": "zzyzx"},
    ],
)
def test_a_credential_that_is_not_ours_is_stopped(house: House, headers: dict[str, str]) -> None:
    """A found credential is refused where it would be used, and the log says so."""
    before = len(house.seen.requests)
    got = house.ask("GET", "shop/v1/items", headers=headers)
    assert (got.status_code, got.json()["code"]) == (403, "credential_foreign")
    assert next(iter(headers.values())) not in got.text
    assert len(house.seen.requests) == before


def test_steering_fields_stay_here(house: House) -> None:
    """Method overrides, forwarding, hop-by-hop fields and a second credential field never reach the target."""
    steering = {
        "x-http-method-override": "DELETE",
        "x-forwarded-for": "1.2.3.4",
        "x-original-url": "/admin",
        "connection": "x-gone",
        "x-gone": "1",
        "te": "trailers",
        "x-stayhand-tags": "a=b",
    }
    assert house.ask("GET", "shop/v1/items", headers=steering).status_code == 200
    sent = house.seen.requests[-1][2]
    assert not set(sent) & set(steering) - {"connection"}


def test_without_a_token_nothing_happens(house: House) -> None:
    """No token, a bad one: 401, and the target hears nothing."""
    before = len(house.seen.requests)
    for token in ("nothing", "shd_staging_agent_" + "a" * 36):
        assert house.ask("GET", "shop/v1/items", token=token).status_code == 401
    assert len(house.seen.requests) == before


def test_requests_to_targets_draw_from_the_tokens_rate(house: House) -> None:
    """One a minute: the second is 429 with Retry-After, and the target hears nothing of it."""
    slow = house.firewall.mint(env="staging", agent="slow", owner="bob", max_requests_per_minute=1)
    assert house.ask("GET", "shop/v1/items", token=slow).status_code == 200
    before = len(house.seen.requests)
    limited = house.ask("GET", "shop/v1/items", token=slow)
    assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(limited.headers["retry-after"]) <= 61
    assert len(house.seen.requests) == before


def test_redirects_are_not_followed(house: House) -> None:
    """A redirect that leaves the target ends the exchange; nobody else is asked, and no address is told."""
    got = house.ask("GET", "shop/moved")
    assert (got.status_code, got.json()["code"]) == (502, "redirect_refused")
    assert "steal" not in got.text + repr(got.headers)


def test_a_redirect_within_the_target_leads_back_to_the_gate(house: House) -> None:
    """Its address is ours, so that a client that follows it is judged again; so is the next page of a list."""
    got = house.ask("GET", "shop/within")
    assert (got.status_code, got.headers["location"]) == (307, "/infra/shop/v1/items?page=2")
    assert got.headers["link"] == '</infra/shop/v1/items?page=3>; rel="next"'


def test_an_answer_has_one_date(house: House) -> None:
    """Ours: two would be read by nobody in the same way."""
    assert len(house.ask("GET", "shop/v1/items").headers.get_list("date")) == 1


def test_a_revoked_token_ends_an_answer_that_streams(house: House) -> None:
    """The connection ends within a second, in the middle of the answer, and the log says why."""
    token_id, token = house.firewall.minted(env="staging", agent="watcher")
    with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
        address = f"{house.firewall.agents}/infra/shop/endless"
        with client.stream("GET", address, headers={"x-stayhand-token": token}) as got:
            pieces = got.iter_raw()
            assert next(pieces) == b"tick\n"
            revoked = httpx.delete(
                f"{house.firewall.control}/api/tokens/{token_id}", headers=house.firewall.admin, trust_env=False
            )
            assert revoked.status_code < 300, revoked.text
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)  # it would be longer than the client's patience
    assert finished_with(house, "token_revoked")["status"] == 200


def finished_with(house: House, fault: str, kind: str = "tool.finished") -> dict[str, object]:
    """Return the newest entry about an exchange that ended so; outcomes are written after the answer has gone."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = [one.data for one in story(house.firewall.installed, kind) if one.data.get("fault") == fault]
        if found:
            return found[-1]
    raise AssertionError(f"no entry says {fault}")


def test_nobody_repeats_what_may_have_happened(house: House) -> None:
    """A write whose answer never comes is indeterminate: said, recorded, sent once."""
    got = house.ask("POST", "shop/v1/slow", json={"a": 1})
    if got.status_code == 403:
        assert house.firewall.decide(got.json()["approval_id"], "approve").status_code == 200
        got = house.ask("POST", "shop/v1/slow", json={"a": 1})
    assert (got.status_code, got.json()["code"]) == (504, "indeterminate")
    assert house.seen.paths().count("POST /base/v1/slow") == 1


def test_the_log_tells_it_and_verifies(house: House) -> None:
    """Everything above stands in a log that verifies, and neither it nor the output holds the credential."""
    done = verify(house.firewall.installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert TARGET_KEY not in "".join(house.firewall.lines)
    for path in house.firewall.installed.database.parent.iterdir():
        if path.is_file():
            assert TARGET_KEY.encode() not in path.read_bytes()


def _waiting(firewall: Served) -> str:
    """Return the id of the one pending approval, as soon as there is one."""
    for _ in range(LIMIT_S * 20):
        if found := firewall.pending():
            assert len(found) == 1, found
            return str(found[0]["id"])
        threading.Event().wait(0.05)
    raise AssertionError("nothing waits for approval")


def test_stopping_tells_who_waits_and_the_approval_stays(tmp_path: Path) -> None:
    """SIGTERM while a deletion is held: 403 with the approval that waits, nothing is sent, the repeat finds it."""
    seen = Seen()
    settings = _SETTINGS.replace("hold_s = 1\ntimeout_s = 5", "hold_s = 300")
    with served(_app(seen)) as base, ThreadPoolExecutor(1) as pool:
        installed = install(tmp_path, settings=settings.format(base=base))
        env = {"SHOP_TOKEN": TARGET_KEY}
        with serving(installed, env=env) as running:
            agent = House(running, seen, running.mint())
            held = pool.submit(agent.ask, "DELETE", "shop/v1/volumes/1")
            ident = _waiting(running)
            running.process.terminate()
            answer = held.result(LIMIT_S)
            assert (answer.status_code, answer.json()["approval_id"]) == (403, ident)
            assert running.process.wait(LIMIT_S) == 0
        with serving(installed, env=env) as running:
            assert _waiting(running) == ident
    assert seen.requests == []
