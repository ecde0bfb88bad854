"""WebSockets byte for byte: a target that does what the pod's name in a path says, and a client that sees all.

Beside them, a port that nobody has.
"""

import base64
import contextlib
import hashlib
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LIMIT_S = 30
PROTOCOL = "v5.channel.k8s.io"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def proof(key: bytes) -> bytes:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def until_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read a head; returns it and what came behind it. Empty: the other side closed first."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = sock.recv(65536)
        if not piece:
            return b"", seen
        seen += piece
    head, _, rest = seen.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def field_of(head: bytes, name: str) -> bytes:
    """Return a header field's value; empty: there is none."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name.encode():
            return value.strip()
    return b""


def frame(payload: bytes, opcode: int = 2, *, is_last: bool = True) -> bytes:
    """Return one frame of a server (RFC 6455, 5.2)."""
    size = len(payload)
    short = size if size < 126 else 126 if size < 1 << 16 else 127
    more = size.to_bytes({126: 2, 127: 8}.get(short, 0), "big") if short > 125 else b""
    return bytes([opcode | (0x80 if is_last else 0), short]) + more + payload


@dataclass(slots=True)
class Target:
    """A server that agrees to WebSockets, or does one of the things that it must not."""

    address: str = ""
    secret: str = ""
    """What it says where it is asked to say its credential."""
    heads: list[bytes] = field(default_factory=list)
    """Every request, in order."""

    def to(self, pod: str) -> list[bytes]:
        """Return the requests about one pod."""
        return [head for head in self.heads if f"/pods/{pod}/".encode() in head]


_WRONG = {
    "plain": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "missing": b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nno pod!",
    "bare": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "unproved": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
}
_MORE = {"extended": b"sec-websocket-extensions: permessage-deflate\r\n"}
WRONG = ("plain", "bare", "unproved", "extended")
"""Pods whose answer is no agreement."""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def target() -> Iterator[Target]:
    """Serve on loopback for as long as the block lasts."""
    found = Target()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sock: socket.socket = self.request
            sock.settimeout(LIMIT_S)
            with contextlib.suppress(OSError):
                _serve(found, sock)

    with _Server(("127.0.0.1", 0), Handler) as server:
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


def _serve(found: Target, sock: socket.socket) -> None:
    head, _ = until_head(sock)
    found.heads.append(head)
    pod = head.partition(b"/pods/")[2].partition(b"/")[0].decode()
    if pod in _WRONG:
        sock.sendall(_WRONG[pod])
        return
    offered = field_of(head, "sec-websocket-protocol").partition(b",")[0]
    agreed = b"sec-websocket-protocol: " + offered + b"\r\n" if offered else b""
    first = frame(b"at once") if pod == "eager" else b""
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nset-cookie: a=b\r\n"
        b"sec-websocket-accept: " + proof(field_of(head, "sec-websocket-key")) + b"\r\n"
        + agreed + _MORE.get(pod, b"") + b"\r\n" + first
    )  # fmt: skip
    if pod == "teller":
        sock.sendall(frame(b"my key is " + found.secret[:6].encode()))
        sock.recv(1)
        sock.sendall(frame(found.secret[6:].encode() + b" and more"))
    while piece := sock.recv(65536):
        sock.sendall(piece)


@dataclass(slots=True)
class Client:
    """One connection of an agent, after its handshake was answered."""

    sock: socket.socket
    head: bytes
    rest: bytes
    key: bytes

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.head.split(b" ", 2)[1])

    def take(self, size: int) -> bytes:
        """Read exactly so many bytes, or what came before the end."""
        while len(self.rest) < size:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self.rest += piece
        got, self.rest = self.rest[:size], self.rest[size:]
        return got

    def until_end(self) -> bytes:
        """Read until the connection ends; a reset ends it as well."""
        with contextlib.suppress(ConnectionError):
            while piece := self.sock.recv(65536):
                self.rest += piece
        got, self.rest = self.rest, b""
        return got


def request(path: str, *fields: str, key: bytes = b"", host: str = "127.0.0.1") -> bytes:
    """Return a handshake; `fields` come beside what every one has."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key.decode()}",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def new_key() -> bytes:
    """Return a Sec-WebSocket-Key."""
    return base64.b64encode(os.urandom(16))


@contextmanager
def dialled(port: int) -> Iterator[socket.socket]:
    """Connect for as long as the block lasts."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as sock:
        yield sock


def unused_port() -> int:
    """Return a port below those that connections get, so that nobody takes it before it is listened at."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
