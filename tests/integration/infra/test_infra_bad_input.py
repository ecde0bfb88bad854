"""Bad input at the infrastructure gate, kind by kind: a stable code for each, nothing sent, nothing lost.

What comes from the agent is refused or held by name; what comes from the other side is told as it is. The server
goes on as before, and its memory stays within bounds.
"""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.bench.processes import Measured
from tests.support.installation import Served, install, serving, verify

LIMIT_S = 30
GROWTH_MIB = 160
KEY = "tgt-canary-" + "77ab10"
_TARGET = """
[[target]]
name = "{name}"
environment = "staging"
kind = "{kind}"
base_url = "{base}"
credential = {{ env = "BAD_INPUT_TOKEN" }}
hosting = "self"
scoped = true
hold_s = 0
timeout_s = 5
max_body_mib = 1
"""
_KINDS = {"shop": "rest", "railway": "graphql", "cluster": "kubernetes"}
DEEP = b"[" * 2000 + b"]" * 2000
ALIASES = " ".join(f'a{number}: volumeDelete(volumeId: "v{number}")' for number in range(10_000))
BOMB = gzip.compress(bytes(32 << 20), 9)
"""Mebibytes of nothing."""
JSON = {"content-type": "application/json"}


def _query(text: str) -> bytes:
    return json.dumps({"query": text}).encode()


@dataclass(frozen=True, slots=True)
class Bad:
    """One request and the answer that it gets."""

    name: str
    method: str
    path: str
    status: int
    code: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


ROWS = (
    Bad("unknown target", "GET", "nobody/v1/x", 404, "target_not_found"),
    Bad("no target", "GET", "", 404, "target_not_found"),
    Bad("dots", "GET", "shop/v1/../admin", 400, "path_refused"),
    Bad("encoded dots", "GET", "shop/v1/%2e%2e/admin", 400, "path_refused"),
    Bad("encoded slash", "GET", "shop/v1%2fx", 400, "path_refused"),
    Bad("two slashes", "GET", "shop//v1", 400, "path_refused"),
    Bad("a body with GET", "GET", "shop/v1/x", 400, "body_refused", b"{}", JSON),
    Bad(
        "a compressed body",
        "POST",
        "shop/v1/x",
        415,
        "content_encoding_refused",
        gzip.compress(b"0" * 9_000_000),
        {"content-encoding": "gzip"},
    ),
    Bad(
        "a brotli body", "POST", "shop/v1/x", 415, "content_encoding_refused", b"\x0b", {"content-encoding": "br"}
    ),
    Bad("a body over the limit", "POST", "shop/v1/x", 413, "body_too_large", b"0" * 1_100_000),
    Bad(
        "a websocket",
        "GET",
        "cluster/api/v1/namespaces/web/pods/x/exec?command=sh",
        426,
        "websocket_refused",
        headers={"connection": "upgrade", "upgrade": "websocket"},
    ),
    Bad("deep, rest", "DELETE", "shop/v1/x", 403, "approval:hold:ended", DEEP, JSON),
    Bad("no JSON, graphql", "POST", "railway/graphql/v2", 403, "approval:hold:ended", b"{", JSON),
    Bad("deep, graphql", "POST", "railway/graphql/v2", 403, "approval:hold:ended", DEEP, JSON),
    Bad(
        "deep selection",
        "POST",
        "railway/graphql/v2",
        403,
        "approval:hold:ended",
        _query("{a" * 2000 + "}" * 2000),
        JSON,
    ),
    Bad(
        "10,000 aliases",
        "POST",
        "railway/graphql/v2",
        403,
        "approval:call:too_large",
        _query(f"mutation {{ {ALIASES} }}"),
        JSON,
    ),
    Bad(
        "persisted",
        "POST",
        "railway/graphql/v2",
        403,
        "approval:hold:ended",
        b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "aa"}}}',
        JSON,
    ),
    Bad(
        "an upload",
        "POST",
        "railway/graphql/v2",
        403,
        "approval:hold:ended",
        b"--x\r\n\r\n{}\r\n--x--",
        {"content-type": "multipart/form-data; boundary=x"},
    ),
    Bad(
        "deep, kubernetes", "PATCH", "cluster/api/v1/namespaces/web/pods/x", 403, "approval:hold:ended", DEEP, JSON
    ),
    Bad("no resource", "DELETE", "cluster/api", 403, "approval:hold:ended"),
    Bad(
        "a dry run that is none",
        "DELETE",
        "cluster/api/v1/namespaces/web/pods/x?dryRun=None",
        403,
        "approval:hold:ended",
    ),
)
"""What an agent can send."""

ANSWERS: dict[str, tuple[bytes, int, str]] = {
    "garbage": (b"\x00\x01\x02 what\r\n\r\n", 502, "upstream_"),
    "nothing": (b"", 502, "upstream_"),
    "two lengths": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc", 502, "upstream_"),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 60_000, 502, "upstream_"),
    "brotli": (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\n\x3b", 502, "upstream_"),
    "a gzip bomb": (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(BOMB), BOMB),
        502,
        "upstream_",
    ),
    "a cut gzip": (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", 502, "upstream_"),
    "silence": (b"silence", 504, "upstream_"),
}
"""What the other side can answer to a read."""


class Other:
    """The other side: answers every connection with the same bytes, and counts the requests."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[bytes] = []
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                way, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(way,), daemon=True).start()

    def _one(self, way: socket.socket) -> None:
        with way:
            way.settimeout(LIMIT_S)
            head = b""
            while b"\r\n\r\n" not in head and (piece := way.recv(65536)):
                head += piece
            self.requests.append(head)
            if self.answer == b"silence":
                self._over.wait(LIMIT_S)
                return
            way.sendall(self.answer)

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(LIMIT_S)


@dataclass(slots=True)
class House:
    """A server with a target of each kind, and the other side."""

    firewall: Served
    other: Other
    token: str

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Ask as an agent does, the path as it stands: other clients mend it. Returns status and body."""
        way = http.client.HTTPConnection(self.firewall.agents.removeprefix("http://"), timeout=LIMIT_S)
        known = {"x-stayhand-token": self.token, **(headers or {})}
        way.request(method, f"/infra/{path}", body=body or None, headers=known)
        got = way.getresponse()
        found = got.status, got.read()
        way.close()
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for the module; at the end its log verifies."""
    other = Other()
    settings = "".join(_TARGET.format(name=name, kind=kind, base=other.base) for name, kind in _KINDS.items())
    installed = install(tmp_path_factory.mktemp("bad"), settings=settings)
    with serving(installed, env={"BAD_INPUT_TOKEN": KEY}) as running:
        yield House(running, other, running.mint(env="staging", max_requests_per_minute=10_000))
    other.close()
    assert verify(installed).returncode == 0


@pytest.mark.parametrize("bad", ROWS, ids=lambda bad: bad.name)
def test_what_an_agent_sends(house: House, bad: Bad) -> None:
    """A status and a code that stay the same, and nothing reaches the other side."""
    before = len(house.other.requests)
    status, said = house.ask(bad.method, bad.path, bad.body, bad.headers)
    assert (status, json.loads(said)["code"]) == (bad.status, bad.code), said[:500]
    assert json.loads(said)["status"] == status
    assert len(house.other.requests) == before


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_what_the_other_side_answers(house: House, name: str) -> None:
    """To a read: an error of ours that says what happened, never a piece of what came."""
    house.other.answer, status, code = ANSWERS[name]
    found, said = house.ask("GET", "shop/v1/items")
    assert found == status, said[:500]
    assert json.loads(said)["code"].startswith(code), said[:500]
    assert b"what" not in said


def test_nothing_grows(house: House) -> None:
    """After all of it, many times over, the server answers and its memory is what it was, give or take."""
    server = Measured("stayhand", house.firewall.process.pid, 0)
    before = server.rss_mib()
    house.other.answer = ANSWERS["a gzip bomb"][0]
    for _ in range(10):
        assert house.ask("GET", "shop/v1/items")[0] == 502
    heavy = [bad for bad in ROWS if len(bad.body) > 1500]
    for bad in heavy * 5:
        house.ask(bad.method, bad.path, bad.body, bad.headers)
    assert server.rss_mib() - before < GROWTH_MIB
    assert httpx.get(f"{house.firewall.control}/healthz", trust_env=False).status_code == 200
