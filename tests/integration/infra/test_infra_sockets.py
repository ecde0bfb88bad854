"""WebSockets through the infrastructure gate, byte for byte: judged, held, released once, carried, and ended."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.support import sockets
from tests.support.installation import Served, install, serving, verify
from tests.support.sockets import LIMIT_S, PROTOCOL, Client, Target
from tests.support.story import story, until_told

KEY = "tgt-canary-" + "90e1f2a3b4"
LEAK = "gh" + "p_" + "aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
_TARGET = """
[[target]]
name = "{name}"
environment = "staging"
kind = "{kind}"
base_url = "{base}"
credential = {{ env = "SOCKET_TOKEN" }}
hosting = "self"
scoped = true
timeout_s = 20
{more}
"""
_TARGETS = (
    ("cluster", "kubernetes", "websocket = true\nhold_s = 0"),
    ("patient", "kubernetes", "websocket = true\nhold_s = 30"),
    ("brief", "kubernetes", "websocket = true\nhold_s = 0\nwebsocket_idle_s = 1"),
    ("short", "kubernetes", "websocket = true\nhold_s = 0\nwebsocket_total_s = 1"),
    ("shop", "rest", "websocket = true\nhold_s = 0"),
    ("shut", "kubernetes", "hold_s = 0"),
)


@dataclass(slots=True)
class House:
    """A running firewall, the target behind it, and an agent."""

    firewall: Served
    target: Target
    token: str

    @property
    def port(self) -> int:
        """Where agents connect."""
        return int(self.firewall.agents.rpartition(":")[2])

    def path(self, pod: str, *, target: str = "cluster", action: str = "exec?command=cat&command=%2Fx") -> str:
        """Return the path of a connection to a pod."""
        return f"/infra/{target}/api/v1/namespaces/web/pods/{pod}/{action}"

    @contextmanager
    def asked(self, path: str, *fields: str, token: str = "") -> Iterator[Client]:
        """Send one handshake and read the head of its answer."""
        key = sockets.new_key()
        own = f"Authorization: Bearer {token or self.token}"
        with sockets.dialled(self.port) as sock:
            sock.sendall(sockets.request(path, own, *fields, key=key))
            head, rest = sockets.until_head(sock)
            yield Client(sock, head, rest, key)

    def approve(self, path: str, *fields: str, token: str = "") -> None:
        """Ask, and have a person agree."""
        with self.asked(path, *fields, token=token) as held:
            document = json.loads(held.until_end())
            assert (held.status, document["code"]) == (403, "approval:hold:ended"), document
        assert self.firewall.decide(document["approval_id"], "approve").status_code == 200

    @contextmanager
    def opened(self, path: str, *fields: str, token: str = "") -> Iterator[Client]:
        """Ask, have it approved, ask again."""
        self.approve(path, *fields, token=token)
        with self.asked(path, *fields, token=token) as client:
            yield client

    def outcome(self, ended: str) -> dict[str, object]:
        """Return the newest outcome that ended so, once it is there."""
        until_told(self.firewall.installed, "tool.finished", lambda one: one.data.get("ended") == ended)
        found = story(self.firewall.installed, "tool.finished")
        return [one.data for one in found if one.data.get("ended") == ended][-1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all of these."""
    with sockets.target() as target:
        target.secret = KEY
        settings = "".join(
            _TARGET.format(name=name, kind=kind, base=target.address, more=more) for name, kind, more in _TARGETS
        )
        installed = install(tmp_path_factory.mktemp("sockets"), settings=settings)
        with serving(installed, env={"SOCKET_TOKEN": KEY}) as running:
            yield House(running, target, running.mint(env="staging"))


def test_exec_is_held_and_then_carried_once(house: House) -> None:
    """Asked with its command, released once after a yes; bytes go both ways, tokens do not, and the log counts."""
    path = house.path("calm", action="exec?command=rm&command=-rf&command=%2Fdata&stdout=true")
    offer = f"Sec-WebSocket-Protocol: {PROTOCOL}"
    with house.asked(path, offer) as held:
        assert held.status == 403
    assert not house.target.to("calm")
    (waiting,) = [one for one in house.firewall.pending() if "/data" in str(one["summary"])]
    assert {"exec", "destructive"} <= set(str(waiting["effects"]).replace("'", " ").replace(",", " ").split())
    assert house.firewall.decide(str(waiting["id"]), "approve").status_code == 200
    with house.asked(path, offer, "Sec-WebSocket-Extensions: permessage-deflate") as client:
        assert client.status == 101
        assert sockets.field_of(client.head, "sec-websocket-accept") == sockets.proof(client.key)
        assert sockets.field_of(client.head, "sec-websocket-protocol") == PROTOCOL.encode()
        assert not sockets.field_of(client.head, "set-cookie")
        client.sock.sendall(b"\x82\x05hello")
        assert client.take(7) == b"\x82\x05hello"
    (sent,) = house.target.to("calm")
    assert sockets.field_of(sent, "authorization") == f"Bearer {KEY}".encode()
    assert house.token.encode() not in sent
    assert b"permessage-deflate" not in sent
    told = house.outcome("client")
    assert (told["status"], told["sent_bytes"], told["received_bytes"]) == (101, 7, 7)
    with house.asked(path, offer) as again:
        assert again.status == 403
    assert len(house.target.to("calm")) == 1


@pytest.mark.parametrize("pod", sockets.WRONG)
def test_what_is_no_agreement_is_none(house: House, pod: str) -> None:
    """200, a 101 without a protocol, with a wrong proof, with an extension: 502, and nothing is carried."""
    with house.opened(house.path(pod)) as client:
        document = json.loads(client.until_end())
        assert (client.status, document["code"]) == (502, "indeterminate"), document


def test_a_refusal_of_the_target_is_passed_on(house: House) -> None:
    """The target's own 404 reaches the agent, as an answer and not as a tunnel."""
    with house.opened(house.path("missing")) as client:
        assert client.status == 404
        assert client.until_end().endswith(b"no pod!")


def test_ports_are_forwarded(house: House) -> None:
    """The subprotocol by which kubectl forwards ports is offered, chosen and passed on as it stands."""
    name = "SPDY/3.1+portforward.k8s.io"
    with house.opened(house.path("ports", action="portforward"), f"Sec-WebSocket-Protocol: {name}") as client:
        assert (client.status, sockets.field_of(client.head, "sec-websocket-protocol")) == (101, name.encode())


def test_what_comes_with_the_agreement_is_not_lost(house: House) -> None:
    """Bytes that the target sends in the packet of its 101 are the first of the tunnel."""
    with house.opened(house.path("eager")) as client:
        assert client.take(9) == sockets.frame(b"at once")


@pytest.mark.parametrize("pause", [False, True])
def test_nothing_may_come_before_the_answer(house: House, *, pause: bool) -> None:
    """Bytes behind the handshake, in its packet or while it is held, end it; the target hears nothing."""
    path = house.path(f"early{pause}".lower(), target="patient")
    raw = sockets.request(path, f"Authorization: Bearer {house.token}", key=sockets.new_key())
    smuggled = b"GET /infra/patient/api/v1/namespaces/web/pods HTTP/1.1\r\nHost: a\r\n\r\n"
    before = len(house.target.heads)
    with sockets.dialled(house.port) as sock:
        sock.sendall(raw if pause else raw + smuggled)
        if pause:
            _until(lambda: any("earlytrue" in str(one["summary"]) for one in house.firewall.pending()))
            sock.sendall(smuggled)
        head, rest = sockets.until_head(sock)
        client = Client(sock, head, rest, b"")
        assert client.status == 400
        body = client.until_end()
        assert b"upgrade_early" in body
        assert b"HTTP/1.1" not in body
    assert len(house.target.heads) == before


def test_nothing_may_go_before_the_handshake(house: House) -> None:
    """A handshake behind a request that is not answered yet is refused: whose bytes follow would be a guess."""
    own = f"Authorization: Bearer {house.token}"
    first = f"DELETE /infra/patient/api/v1/namespaces/web/pods/first HTTP/1.1\r\nHost: 127.0.0.1\r\n{own}\r\n\r\n"
    raw = first.encode() + sockets.request(house.path("behind"), own, key=sockets.new_key())
    with sockets.dialled(house.port) as sock:
        sock.sendall(raw)
        assert b"101" not in Client(sock, b"", b"", b"").until_end()
    assert not house.target.to("behind")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("Sec-WebSocket-Version: 8",), "websocket_malformed"),
        (("Sec-WebSocket-Key: again",), "websocket_malformed"),
        (("Sec-WebSocket-Protocol: a b",), "websocket_malformed"),
        (("Content-Length: 5",), "upgrade_refused"),
        (("Transfer-Encoding: chunked",), "upgrade_refused"),
        (("Upgrade: h2c",), "upgrade_refused"),
        (("Expect: 100-continue",), "upgrade_refused"),
        (
            (f"Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c2VjcmV0, {PROTOCOL}",),
            "credential_foreign",
        ),
    ],
)
def test_bad_handshakes_are_refused_by_name(house: House, fields: tuple[str, ...], code: str) -> None:
    """A handshake that is not one, has a body, or brings a credential: a stable code, and nothing is asked."""
    with house.asked(house.path("bad"), *fields) as client:
        assert code.encode() in client.until_end()
        assert 400 <= client.status < 404
    assert not house.target.to("bad")


def test_targets_say_whether_they_take_any(house: House) -> None:
    """Without `websocket = true` it is 426; at a REST target it is unknown and asks."""
    with house.asked(house.path("x", target="shut")) as client:
        assert (client.status, b"websocket_refused" in client.until_end()) == (426, True)
    with house.asked("/infra/shop/v1/stream") as client:
        assert (client.status, b"approval:hold:ended" in client.until_end()) == (403, True)
    (waiting,) = [one for one in house.firewall.pending() if "/v1/stream" in str(one["summary"])]
    assert "unknown" in str(waiting["effects"])


def test_spdy_is_refused_with_what_was_said_before(house: House) -> None:
    """A kubectl that falls back to SPDY shows its answer: it names the approval that the WebSocket waits for."""
    path = house.path("old")
    own = {"authorization": f"Bearer {house.token}", "connection": "Upgrade", "upgrade": "SPDY/3.1"}
    with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
        alone = client.post(f"{house.firewall.agents}{path}", headers=own)
        assert (alone.status_code, alone.json()["code"]) == (400, "spdy_refused")
        assert "kubectl 1.31" in alone.json()["detail"]
        with house.asked(path) as held:
            approval = json.loads(held.until_end())["approval_id"]
        behind = client.post(f"{house.firewall.agents}{path}", headers=own)
        assert (behind.status_code, approval in behind.text) == (403, True)
    assert len(house.target.to("old")) == 0


def test_a_revoked_token_ends_it(house: House) -> None:
    """Both connections end, and the outcome says why and how much went."""
    token_id, token = house.firewall.minted(env="staging", agent="leaver")
    with house.opened(house.path("revoked"), token=token) as client:
        client.sock.sendall(sockets.frame(b"abc"))
        assert client.take(5) == sockets.frame(b"abc")
        gone = httpx.delete(
            f"{house.firewall.control}/api/tokens/{token_id}", headers=house.firewall.admin, trust_env=False
        )
        assert gone.status_code < 300
        assert client.until_end() == b""
    told = house.outcome("revoked")
    assert (told["fault"], told["sent_bytes"], told["received_bytes"]) == ("token_revoked", 5, 5)


@pytest.mark.parametrize(("target", "ended"), [("brief", "idle"), ("short", "total")])
def test_limits_end_it(house: House, target: str, ended: str) -> None:
    """Silence for too long, and too long in all, end a tunnel from our side."""
    with house.opened(house.path("limited", target=target)) as client:
        assert client.status == 101
        assert client.until_end() == b""
    assert house.outcome(ended)["status"] == 101


def test_a_target_that_says_its_credential_is_cut_off(house: House) -> None:
    """The piece that completes it does not go on, wherever it was cut."""
    with house.opened(house.path("teller")) as client:
        assert client.take(18) == sockets.frame(b"my key is " + KEY[:6].encode())
        client.sock.sendall(b".")
        assert client.until_end() == b""
    assert house.outcome("credential")["received_bytes"] == 18


def test_credentials_that_come_back_are_hidden(house: House) -> None:
    """An agent without `secret` sees that there is one, and nothing of it; frames keep their lengths."""
    offer = f"Sec-WebSocket-Protocol: {PROTOCOL}"
    token = house.firewall.mint(env="staging", verbs=["read", "write", "delete", "exec"])
    with house.opened(house.path("leaky"), offer, token=token) as client:
        said = (b"\x01GITHUB_TOKEN=" + LEAK[:9].encode(), b"\x01" + LEAK[9:].encode() + b"\n", b"\x01done\n")
        wire = b"".join(map(sockets.frame, said))
        client.sock.sendall(wire)
        came = client.take(len(wire))
    assert len(came) == len(wire)
    assert came.endswith(sockets.frame(said[2]))
    assert b"GITHUB_TOKEN=[redacted" in came
    assert LEAK[:9].encode() not in came
    assert LEAK[9:].encode() not in came
    told = house.outcome("client")
    assert (told["status"], told["masked"]) == (101, 1)


def test_much_goes_both_ways_within_bounds(house: House) -> None:
    """Megabytes arrive whole though one side is slow to read: nothing is dropped."""
    sent = sockets.frame(bytes(range(256)) * (6 << 12))
    with house.opened(house.path("much")) as client:
        writer = threading.Thread(target=_send, args=(client.sock, sent), daemon=True)
        writer.start()
        assert client.take(len(sent)) == sent
        writer.join(LIMIT_S)


def test_a_client_that_left_while_it_was_held_starts_nothing(house: House) -> None:
    """Approved after the client had gone: nothing is sent, and the identical handshake is released."""
    path = house.path("left", target="patient")
    raw = sockets.request(path, f"Authorization: Bearer {house.token}", key=sockets.new_key())
    with sockets.dialled(house.port) as sock:
        sock.sendall(raw)
        _until(lambda: _waiting(house, "`left`"))
    (approval,) = _waiting(house, "`left`")
    assert house.firewall.decide(str(approval["id"]), "approve").status_code == 200
    with house.asked(path) as client:
        assert client.status == 101
    assert len(house.target.to("left")) == 1


def test_the_log_verifies_and_holds_no_credential(house: House) -> None:
    """Everything above stands in a log that verifies."""
    done = verify(house.firewall.installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert KEY not in "".join(house.firewall.lines)


def _waiting(house: House, words: str) -> list[dict[str, object]]:
    return [one for one in house.firewall.pending() if words in str(one["summary"])]


def _send(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)


def _until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
