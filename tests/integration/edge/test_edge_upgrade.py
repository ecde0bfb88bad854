"""Leaving HTTP at a real listener: only where it was told, only alone, and ended by a drain."""

import asyncio
from functools import partial

from starlette.types import Receive, Scope, Send

from firewall.gates.edge.middleware import Edge
from firewall.gates.edge.protocol import EdgeConfig
from firewall.gates.edge.send import send_whole
from firewall.gates.edge.server import Listener, serving
from firewall.gates.edge.upgrade import UPGRADE, Upgrade
from firewall.routing.duplex import End
from tests.support.sockets import new_key, request
from tests.support.wire import status_of

_LIMIT_S = 30


class Echo:
    """Says back what it is told after it has left HTTP; elsewhere it answers 200."""

    def __init__(self) -> None:
        self.ends: list[End | None] = []
        self.over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive
        upgrade = scope["state"].get(UPGRADE)
        if not isinstance(upgrade, Upgrade):
            await send_whole(send, 200, [], b"ok")
            return
        tunnel = upgrade.accept([(b"sec-websocket-accept", b"x")])
        while piece := await tunnel.read():
            await tunnel.write(piece)
        self.ends.append(tunnel.end)
        self.over.set()
        tunnel.close()


def listener(app: Echo) -> Listener:
    """Return where it is served."""
    edge = Edge(app, max_body_bytes=1000, foreign_prefixes=("/infra/",))
    return Listener(edge, "127.0.0.1", 0, configured=partial(EdgeConfig, upgrades=(b"/infra/",)))


async def test_it_goes_on_as_bytes_until_the_server_drains() -> None:
    """Also behind an answered request of the same connection; draining ends it, and the server stops."""
    app = Echo()
    async with asyncio.timeout(_LIMIT_S):
        async with serving([listener(app)]) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
            writer.write(b"GET /infra/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
            writer.write(request("/infra/x", key=new_key()))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            said = b"GET /infra/y HTTP/1.1\r\n\r\n"
            writer.write(said)
            assert await reader.readexactly(len(said)) == said
            running.stop()
            assert await reader.read() == b""
            writer.close()
    assert app.ends == [End.DRAINED]


async def test_a_client_that_leaves_ends_it() -> None:
    """The application reads the end, and knows who made it."""
    app = Echo()
    async with asyncio.timeout(_LIMIT_S), serving([listener(app)]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(request("/infra/x", key=new_key()))
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await app.over.wait()
    assert app.ends == [End.CLOSED]


async def test_elsewhere_nothing_leaves_http() -> None:
    """A path that nobody named gets 426, whatever it asks."""
    app = Echo()
    async with asyncio.timeout(_LIMIT_S), serving([listener(app)]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(request("/v1/responses", key=new_key()))
        assert status_of(await reader.read()) == 426
        writer.close()
    assert app.ends == []
