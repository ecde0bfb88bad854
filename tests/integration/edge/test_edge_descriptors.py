"""A listener that somebody fills leaves the others, and what judges calls, the descriptors that they need."""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress

import pytest

from firewall.gates.edge.descriptors import KEPT, share
from tests.support.wire import status_of, talk

LIMIT_S = 60
HARD = 400
"""Descriptors that the server may have."""
SERVER = """
import asyncio, resource, tempfile
resource.setrlimit(resource.RLIMIT_NOFILE, (128, {hard}))
from firewall.gates.edge.server import Listener, serve_listeners

async def app(scope, receive, send):
    with tempfile.TemporaryFile():
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}})
        await send({{"type": "http.response.body", "body": b""}})

def started(ports):
    print(*ports, flush=True)

asyncio.run(serve_listeners([Listener(app, "127.0.0.1", 0)] * 2, started=started))
"""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_a_full_listener_stops_no_other() -> None:
    """Six hundred connections that say nothing, against a process of 400 descriptors."""
    code = SERVER.format(hard=HARD)
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(LIMIT_S), AsyncExitStack() as held:
            assert server.stdout is not None
            filled, other = map(int, (await server.stdout.readline()).split())
            for _ in range(600):
                _, writer = await asyncio.open_connection("127.0.0.1", filled)
                held.callback(writer.close)
            with suppress(ConnectionError):  # told that there are too many, or dropped
                got = await talk(filled, GET)
                assert not got or status_of(got) == 503
            assert status_of(await talk(other, GET)) == 200
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.parametrize(
    ("descriptors", "listeners", "connections"),
    [(16_384, 2, 4032), (1024, 2, 192), (1024, 3, 128), (KEPT, 2, 16), (64, 1, 16)],
)
def test_connections_are_shared_out(descriptors: int, listeners: int, connections: int) -> None:
    """Half of what is not kept for files, for all listeners together; a few in any case."""
    assert share(descriptors, listeners) == connections
