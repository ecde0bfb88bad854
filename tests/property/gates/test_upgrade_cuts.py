"""A handshake and what stands around it, cut anywhere: it is heard alone or not at all; nothing is smuggled."""

import asyncio
import itertools
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from firewall.gates.edge.protocol import EdgeConfig, EdgeProtocol, Limits
from firewall.gates.edge.refusal import render_json
from firewall.gates.edge.send import send_whole
from firewall.gates.edge.upgrade import UPGRADE
from firewall.routing.duplex import Duplex
from tests.support.sockets import new_key, request

KEY = new_key()
SHAKE = request("/infra/x", key=KEY)
PLAIN = b"GET /infra/y HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PARTS = st.lists(st.sampled_from([SHAKE, PLAIN, b"\x81\x00", b"\r\n", b"G"]), min_size=1, max_size=3)


class Server:
    """Accepts every handshake when it is told to, and answers everything else at once."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.tunnels: list[Duplex] = []
        self.may_accept = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive
        self.paths.append(scope["path"])
        upgrade = scope["state"].get(UPGRADE)
        if upgrade is None:
            await send_whole(send, 200, [], b"ok")
            return
        await self.may_accept.wait()
        if upgrade.is_open:
            self.tunnels.append(upgrade.accept([]))


class Wire:
    """A connection whose other end is the test: what was written, and whether it is closed."""

    def __init__(self) -> None:
        self.out = b""
        self.is_closed = False
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: self.is_closed
        self.transport.write.side_effect = self._write
        self.transport.close.side_effect = self.transport.abort.side_effect = self._close
        self.transport.get_extra_info.return_value = None

    def _write(self, data: bytes) -> None:
        self.out += bytes(data)

    def _close(self) -> None:
        self.is_closed = True


async def _played(raw: bytes, cuts: list[int]) -> tuple[Server, Wire]:
    """Feed the bytes in pieces, let the application run, and let it accept what is still open."""
    server, wire = Server(), Wire()
    config = EdgeConfig(server, limits=Limits(), render=render_json, drain_s=1, upgrades=(b"/infra/",))
    protocol = EdgeProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire.transport)
    places = sorted({0, *(at % (len(raw) + 1) for at in cuts), len(raw)})
    for start, end in itertools.pairwise(places):
        if not wire.is_closed:
            protocol.data_received(raw[start:end])
        for _ in range(4):
            await asyncio.sleep(0)
    server.may_accept.set()
    for _ in range(4):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    return server, wire


@given(parts=PARTS, cuts=st.lists(st.integers(0, 2000), max_size=6), between=st.booleans())
def test_nothing_behind_a_handshake_is_ever_heard(parts: list[bytes], cuts: list[int], *, between: bool) -> None:
    """A tunnel begins only for a handshake that ends the bytes; no byte behind one is heard, or in a tunnel."""
    bounds = list(itertools.accumulate(map(len, parts))) if between else []
    server, wire = asyncio.run(_played(b"".join(parts), [*cuts, *bounds]))
    shakes = [number for number, part in enumerate(parts) if part == SHAKE]
    heard_shakes = server.paths.count("/infra/x")
    assert heard_shakes <= 1
    if server.tunnels:
        assert shakes == [len(parts) - 1]
        assert set(parts[:-1]) <= {PLAIN, b"\r\n"}
        assert wire.out.count(b"HTTP/1.1 101 ") == 1
        assert server.tunnels[0].end is not None
    else:
        assert b"HTTP/1.1 101 " not in wire.out
    if shakes and heard_shakes:
        assert server.paths[-1] == "/infra/x"


def test_a_handshake_alone_is_heard_however_it_is_cut() -> None:
    """Every single cut gives the same: one tunnel, and nothing else."""
    for at in range(0, len(SHAKE), 7):
        server, wire = asyncio.run(_played(SHAKE, [at]))
        assert len(server.tunnels) == 1
        assert wire.out.startswith(b"HTTP/1.1 101 ")
