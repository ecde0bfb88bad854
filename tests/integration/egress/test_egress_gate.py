"""The forward proxy with a real server, real curl and a raw TLS client in front, and real upstreams behind."""

import base64
import gzip
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support import sockets
from tests.support.certificates import certificate
from tests.support.installation import Served, install, serving, verify
from tests.support.upstreams import proxy_of, served_over_tls

TARGET_KEY = "tgt-canary-5b1d9e7a3c"
STOLEN = "8d7c2e6a-1111-4222-8333-944445555666"
LIMIT_S = 30
_SETTINGS = """
[egress]
listen = "127.0.0.1:0"
hold_s = 0

[[egress.host]]
hosts = ["localhost:{port}"]
private = true
ca = "{pem}"

[[target]]
name = "railway"
environment = "staging"
kind = "graphql"
base_url = "{base}"
pack = "backboard.railway.app"
credential = {{ env = "SHOP_TOKEN" }}
header = "Project-Access-Token: {{credential}}"
hosting = "self"
hold_s = 0

[[target]]
name = "live"
environment = "production"
base_url = "{base}"
pack = "api.live.example"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"

[[target]]
name = "cluster"
environment = "staging"
kind = "kubernetes"
base_url = "{channels}"
pack = "k8s.shop.example"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
scoped = true
hold_s = 0
websocket = true
"""
DELETE = {"query": 'mutation { volumeDelete(volumeId: "3d2c42fb") }'}


@dataclass(slots=True)
class Seen:
    """What upstreams were asked."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """Return `METHOD target` of every request."""
        return [f"{method} {path}" for method, path, _, _ in self.requests]


def _app(seen: Seen) -> Starlette:
    async def answer(request: Request) -> Response:
        body = await request.body()
        path = request.scope["raw_path"].decode()
        query = request.scope["query_string"].decode()
        seen.requests.append((request.method, f"{path}?{query}" if query else path, dict(request.headers), body))
        if path == "/moved":
            return Response(status_code=302, headers={"location": "https://elsewhere.example/x"})
        if path == "/bomb":
            return Response(gzip.compress(bytes(16 << 20), 9), headers={"content-encoding": "gzip"})
        if path == "/same":
            return Response(status_code=304, headers={"etag": '"1"'})
        return JSONResponse({"ok": True}, headers={"set-cookie": "a=b", "x-kept": "yes"})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


@dataclass(slots=True)
class House:
    """A running firewall with its forward proxy, what lies behind, and an agent."""

    firewall: Served
    seen: Seen
    proxy: str
    port: int
    bundle: Path
    token: str
    channels: sockets.Target

    @contextmanager
    def inside(self, place: str) -> Iterator[ssl.SSLSocket]:
        """Open a tunnel to a place and speak TLS in it."""
        proof = base64.b64encode(f"stayhand:{self.token}".encode()).decode()
        head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: Basic {proof}\r\n\r\n"
        context = ssl.create_default_context(cafile=str(self.bundle))
        with sockets.dialled(int(self.proxy.rpartition(":")[2])) as way:
            way.sendall(head.encode())
            assert sockets.until_head(way)[0].startswith(b"HTTP/1.1 200")
            with context.wrap_socket(way, server_hostname=place.partition(":")[0]) as within:
                yield within

    def curl(self, *words: str, token: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run the real curl as the agent does; the answer's head comes first."""
        known = self.token if token is None else token
        proxy = self.proxy.replace("http://", f"http://stayhand:{known}@") if known else self.proxy
        return subprocess.run(
            [
                "curl",
                "-sS",
                "-i",
                "--suppress-connect-headers",
                "--noproxy",
                "",
                "--cacert",
                str(self.bundle),
                "-x",
                proxy,
                *words,
            ],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.bundle.parent)},
        )

    def client(self, token: str = "") -> httpx.Client:
        """Return a client that keeps its connections."""
        return httpx.Client(
            proxy=httpx.Proxy(self.proxy, auth=("stayhand", token or self.token)),
            verify=ssl.create_default_context(cafile=str(self.bundle)),
            trust_env=False,
            timeout=LIMIT_S,
        )

    @property
    def index(self) -> str:
        """The address of the listed upstream."""
        return f"https://localhost:{self.port}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with a forward proxy, a listed host over TLS, and targets."""
    seen = Seen()
    folder = tmp_path_factory.mktemp("egress")
    pem = certificate(folder, "localhost")
    with served(_app(seen)) as base, served_over_tls(_app(seen), pem) as port, sockets.target() as channels:
        settings = _SETTINGS.format(base=base, port=port, pem=pem, channels=channels.address)
        installed = install(folder / "house", settings=settings)
        with serving(installed, env={"SHOP_TOKEN": TARGET_KEY}) as running:
            handout = httpx.get(f"{running.control}/api/egress", headers=running.admin, trust_env=False).json()
            bundle = folder / "bundle.pem"
            bundle.write_text(handout["bundle"])
            token = running.mint(env="staging", owner="oleg")
            yield House(running, seen, proxy_of(running), port, bundle, token, channels)


def test_a_listed_host_is_read_without_any_credential(house: House) -> None:
    """The answer comes back over our own TLS; the host sees neither the token nor fields that could carry data."""
    got = house.curl(
        f"{house.index}/simple/pip/?format=json", "-H", "x-data: workspace-content", "-H", "accept: a/b"
    )
    assert got.stdout.startswith("HTTP/1.1 200"), got.stdout + got.stderr
    method, path, headers, _ = house.seen.requests[-1]
    assert (method, path) == ("GET", "/simple/pip/?format=json")
    assert headers["accept"] == "a/b"
    assert "x-data" not in headers
    assert not any("shd_" in value for value in headers.values())
    assert "x-stayhand-entry:" in got.stdout
    assert "x-kept: yes" in got.stdout
    assert "set-cookie" not in got.stdout


def test_a_hundred_requests_share_one_connection(house: House) -> None:
    """Kept-alive connections stay usable, each request being judged by itself."""
    before = len(house.seen.requests)
    with house.client() as client:
        entries = {client.get(f"{house.index}/k/{number}").headers["x-stayhand-entry"] for number in range(100)}
    assert len(entries) == 100
    assert len(house.seen.requests) - before == 100


def test_a_request_to_a_targets_host_becomes_that_targets(house: House) -> None:
    """The credential is added here, and the request goes where the target lies."""
    query = json.dumps({"query": "query { me { id } }"})
    got = house.curl(
        "https://backboard.railway.app/graphql/v2", "-H", "content-type: application/json", "-d", query
    )
    assert got.stdout.startswith("HTTP/1.1 200"), got.stdout + got.stderr
    _, path, headers, _ = house.seen.requests[-1]
    assert path == "/graphql/v2"
    assert headers["project-access-token"] == TARGET_KEY
    assert TARGET_KEY not in got.stdout


def test_a_deletion_waits_for_people_and_happens_once(house: House) -> None:
    """The volume's deletion is held, then refused; after approval the identical request is sent once."""
    words = (
        "https://backboard.railway.app/graphql/v2",
        "-H",
        "content-type: application/json",
        "-d",
        json.dumps(DELETE),
    )
    before = len(house.seen.requests)
    held = house.curl(*words)
    assert held.stdout.startswith("HTTP/1.1 403"), held.stdout + held.stderr
    document = json.loads(held.stdout.partition("\n\n")[2] or held.stdout.splitlines()[-1])
    assert document["code"] == "approval:hold:ended"
    assert len(house.seen.requests) == before
    assert house.firewall.decide(document["approval_id"], "approve").status_code == 200
    assert house.curl(*words).stdout.startswith("HTTP/1.1 200")
    assert len(house.seen.requests) == before + 1
    assert house.curl(*words).stdout.startswith("HTTP/1.1 403")
    assert len(house.seen.requests) == before + 1


def test_a_stolen_credential_is_foreign(house: House) -> None:
    """The incident's curl, with the token out of a file: refused by name, and nothing is sent."""
    before = len(house.seen.requests)
    for url in ("https://backboard.railway.app/graphql/v2", f"{house.index}/x"):
        got = house.curl(url, "-H", f"Authorization: Bearer {STOLEN}", "-d", json.dumps(DELETE))
        assert got.stdout.startswith("HTTP/1.1 403"), got.stdout + got.stderr
        assert '"code":"credential_foreign"' in got.stdout
    assert len(house.seen.requests) == before


def test_a_targets_redirect_is_asked_through_the_proxy_again(house: House) -> None:
    """It comes back as the target wrote it; a program that follows it is judged like before, here refused."""
    got = house.curl("-L", "https://backboard.railway.app/moved")
    assert "location: https://elsewhere.example/x" in got.stdout
    assert "response 403" in got.stderr


def test_another_environments_target_is_not_reached(house: House) -> None:
    """A staging token meets a production target's host: refused, and told so."""
    got = house.curl("https://api.live.example/v1/items")
    assert got.stdout.startswith("HTTP/1.1 403")
    assert '"code":"target_not_found"' in got.stdout


def test_what_nobody_listed_is_refused_with_what_to_use_instead(house: House) -> None:
    """Over CONNECT and over plain http: 403 with a stable code."""
    assert "response 403" in house.curl("https://evil.example/x").stderr
    got = house.curl("http://evil.example/x")
    assert got.stdout.startswith("HTTP/1.1 403")
    assert '"code":"egress_host_unlisted"' in got.stdout
    assert "/infra/" in got.stdout
    plain = house.curl("http://docs.rs/serde/")
    assert '"code":"egress_plain_http"' in plain.stdout


def test_without_a_good_token_nothing_is_served(house: House) -> None:
    """407 and a challenge: with no token, with a bad one."""
    for token in ("", "shd_staging_agent_nonsense"):
        assert "response 407" in house.curl(f"{house.index}/x", token=token).stderr
        plain = house.curl("http://deb.debian.org/x", token=token).stdout
        assert plain.startswith("HTTP/1.1 407")
        assert 'proxy-authenticate: Basic realm="stayhand"' in plain


@pytest.mark.parametrize(
    ("line", "fields", "wanted"),
    [
        ("CONNECT {place} HTTP/1.0", (), 200),
        ("CONNECT {place} HTTP/1.0", ("Host: {place}",), 200),
        ("CONNECT {place} HTTP/1.0", ("Host: elsewhere.example:443",), 400),
        ("CONNECT {place} HTTP/1.0", ("Host: {place}", "Host: {place}"), 400),
        ("CONNECT {place} HTTP/1.1", ("Host: {place}",), 200),
        ("CONNECT {place} HTTP/1.1", (), 400),
        ("CONNECT {place} HTTP/2.0", ("Host: {place}",), 505),
    ],
)
def test_tunnels_are_asked_for_in_both_ways(house: House, line: str, fields: tuple[str, ...], wanted: int) -> None:
    """Python's own client asks in HTTP/1.0 without Host, curl in HTTP/1.1 with it; both names must agree."""
    proof = base64.b64encode(f"stayhand:{house.token}".encode()).decode()
    head = [line, *fields, f"Proxy-Authorization: Basic {proof}", "", ""]
    address = urlsplit(house.proxy)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), LIMIT_S) as way:
        way.sendall("\r\n".join(head).format(place=f"localhost:{house.port}").encode())
        said = way.makefile("rb").readline()
    assert int(said.split()[1]) == wanted, said


def test_redirects_are_the_programs_own_business(house: House) -> None:
    """A redirect of a listed host comes back as it is, and so does `not modified`; neither is followed."""
    with house.client() as client:
        moved = client.get(f"{house.index}/moved")
        assert (moved.status_code, moved.headers["location"]) == (302, "https://elsewhere.example/x")
        assert client.get(f"{house.index}/same").status_code == 304


def test_a_bomb_is_an_error_and_no_answer(house: House) -> None:
    """A compressed answer that nobody asked for and that would fill a disk is 502, before its first byte."""
    with house.client() as client:
        got = client.get(f"{house.index}/bomb")
    assert (got.status_code, got.json()["code"]) == (502, "upstream_malformed")


def test_addresses_that_could_carry_data_are_asked(house: House) -> None:
    """A long query and a long path are shown to a person, not sent; an encoded credential is denied."""
    before = len(house.seen.requests)
    encoded = "cG9zdGdyZXM6Ly9hcHA6aHVudGVyMmh1bnRlcjJAZGIuZXhhbXBsZS5jb20vYXBw"  # postgres://app:…@…
    asked, denied = "approval:hold:ended", "credential:foreign:used"
    with house.client() as client:
        for path, code in (
            ("/x?d=" + "a" * 300, asked), ("/" + "a/" * 300, asked), (f"/x?d={encoded}", denied),
        ):  # fmt: skip
            got = client.get(house.index + path)
            assert got.status_code == 403, got.text
            assert got.json()["code"] == code
    assert len(house.seen.requests) == before


def test_what_changes_things_is_judged(house: House) -> None:
    """Uploads and deletions at a listed host wait for a person."""
    before = len(house.seen.requests)
    with house.client() as client:
        for method in ("PUT", "POST", "DELETE"):
            got = client.request(method, f"{house.index}/-/package", content=b"{}")
            assert got.json()["code"] == "approval:hold:ended", got.text
    assert len(house.seen.requests) == before


def test_a_websocket_to_a_targets_host_is_that_targets(house: House) -> None:
    """Held like any request, then carried inside the tunnel's TLS, with the target's credential."""
    path = "/api/v1/namespaces/web/pods/calm/exec?command=id"
    key, place = sockets.new_key(), "k8s.shop.example:443"
    raw = sockets.request(path, key=key, host="k8s.shop.example")
    with house.inside(place) as way:
        way.sendall(raw)
        head, rest = sockets.until_head(way)
        document = json.loads(sockets.Client(way, head, rest, key).until_end())
        assert document["code"] == "approval:hold:ended", document
    assert house.firewall.decide(document["approval_id"], "approve").status_code == 200
    with house.inside(place) as way:
        way.sendall(raw)
        head, rest = sockets.until_head(way)
        client = sockets.Client(way, head, rest, key)
        assert client.status == 101
        assert sockets.field_of(head, "sec-websocket-accept") == sockets.proof(key)
        way.sendall(sockets.frame(b"both ways"))
        assert client.take(11) == sockets.frame(b"both ways")
    (sent,) = house.channels.to("calm")
    assert sockets.field_of(sent, "authorization") == f"Bearer {TARGET_KEY}".encode()


def test_a_websocket_to_any_other_host_is_refused(house: House) -> None:
    """A listed host is read, not talked to."""
    with house.inside(f"localhost:{house.port}") as way:
        way.sendall(sockets.request("/x", key=sockets.new_key(), host=f"localhost:{house.port}"))
        head, rest = sockets.until_head(way)
        client = sockets.Client(way, head, rest, b"")
        assert (client.status, b"websocket_refused" in client.until_end()) == (426, True)


def test_the_log_verifies(house: House) -> None:
    """Everything above stands in a log that an auditor can verify."""
    done = verify(house.firewall.installed)
    assert done.returncode == 0, done.stdout + done.stderr
