"""Two listeners in one loop: binding, draining, signals."""

import asyncio
import os
import signal
import socket

import pytest
from starlette.types import Receive, Scope, Send

from firewall.core.errors import ConfigError
from firewall.gates.edge.body import read_body
from firewall.gates.edge.server import Listener, serve_listeners, serving
from tests.cases.edge.rows import get
from tests.support.sockets import unused_port
from tests.support.wire import Witness, answer, status_of, talk


class Gate:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for `open`, then answer."""
        del scope
        await read_body(receive, 10)
        self.entered.set()
        await self.open.wait()
        await answer(send, b"done")


async def test_two_listeners_serve_two_applications() -> None:
    """Each port reaches its own application, and port 0 is known once serving."""
    agents, control = Witness(), Witness()
    async with serving([Listener(agents, "127.0.0.1", 0), Listener(control, "localhost", 0)]) as running:
        assert len(set(running.ports)) == 2
        assert status_of(await talk(running.ports[0], get("/a"))) == 200
        assert status_of(await talk(running.ports[1], get("/b"))) == 200
    assert [scope["path"] for scope in agents.scopes] == ["/a"]
    assert [scope["path"] for scope in control.scopes] == ["/b"]


async def test_a_taken_port_fails_before_anything_serves() -> None:
    """A port that another program holds is a configuration error with a hint, and frees what was bound before."""
    taken = socket.create_server(("127.0.0.1", 0))
    port, first = taken.getsockname()[1], unused_port()
    with pytest.raises(ConfigError, match="cannot listen") as caught:
        async with serving([Listener(Witness(), "127.0.0.1", first), Listener(Witness(), "127.0.0.1", port)]):
            pass
    taken.close()
    assert "--port" in caught.value.hint
    socket.create_server(("127.0.0.1", first)).close()


async def test_draining_finishes_what_runs_and_takes_nothing_new() -> None:
    """On stop a running request gets its whole answer, new ones are refused, and control stays up meanwhile."""
    gate, control, told = Gate(), Witness(), asyncio.Event()
    listeners = [Listener(gate, "127.0.0.1", 0), Listener(control, "127.0.0.1", 0)]
    async with serving(listeners, on_drain=told.set) as running:
        first = asyncio.ensure_future(talk(running.ports[0], get("/slow")))
        await gate.entered.wait()
        running.stop()
        assert told.is_set()
        await _until_refused(running.ports[0])
        assert status_of(await talk(running.ports[1], get("/approve/x"))) == 200
        gate.open.set()
        assert status_of(await first) == 200


async def test_a_drain_ends() -> None:
    """A request that never ends is cut off when the drain time is over."""
    gate = Gate()
    async with asyncio.timeout(60):
        async with serving([Listener(gate, "127.0.0.1", 0)], drain_s=1) as running:
            stuck = asyncio.ensure_future(talk(running.ports[0], get("/slow")))
            await gate.entered.wait()
        got = await stuck
    assert b"done" not in got


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_drain_both_listeners(number: signal.Signals) -> None:
    """One signal ends both servers."""
    ports: list[int] = []
    up = asyncio.Event()

    def started(bound: tuple[int, ...]) -> None:
        ports.extend(bound)
        up.set()

    listeners = [Listener(Witness(), "127.0.0.1", 0), Listener(Witness(), "127.0.0.1", 0)]
    served = asyncio.ensure_future(serve_listeners(listeners, started=started))
    async with asyncio.timeout(60):
        await up.wait()
        assert status_of(await talk(ports[0], get("/a"))) == 200
        os.kill(os.getpid(), number)
        await served
    for port in ports:
        await _until_refused(port)


async def test_a_second_signal_does_not_wait() -> None:
    """A second SIGTERM ends a drain that still has a running request."""
    gate, up = Gate(), asyncio.Event()
    ports: list[int] = []

    def started(bound: tuple[int, ...]) -> None:
        ports.extend(bound)
        up.set()

    served = asyncio.ensure_future(serve_listeners([Listener(gate, "127.0.0.1", 0)], started=started))
    async with asyncio.timeout(60):
        await up.wait()
        stuck = asyncio.ensure_future(talk(ports[0], get("/slow")))
        await gate.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await _until_refused(ports[0])
        os.kill(os.getpid(), signal.SIGTERM)
        await served
        assert b"done" not in await stuck


async def _until_refused(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # it stood in the queue of the listener that was closed
            writer.close()
            await asyncio.sleep(0.01)
