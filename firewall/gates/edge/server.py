"""Several listeners in one event loop: bind, serve, drain.

Sockets are bound before anything serves, so that a second server or a taken port fails at once and port 0 is
known. uvicorn's own signal handlers are left out: two servers would fight over them. Listeners drain in the order
given, so that approvals (the control listener, given last) can still be decided while held calls finish.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from firewall.core.errors import ConfigError
from firewall.gates.edge.descriptors import fitting
from firewall.gates.edge.protocol import Certificate, EdgeConfig, Limits
from firewall.gates.edge.refusal import Render, render_json

_GARBAGE = 20_000
"""Container objects that may pile up before the youngest are collected."""
_LAST_S = 5
"""What of the drain time is kept for the listeners after the first, in seconds."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An application at an address; port 0 takes any free one."""

    app: ASGIApp
    host: str
    port: int
    bound: socket.socket | None = None
    """Already bound to that address, where the port had to be known before the application was built."""
    certificate: Certificate | None = None
    """Speak TLS; None: plain HTTP."""
    configured: Callable[..., EdgeConfig] = EdgeConfig
    """Makes the configuration: another one for a listener that is no origin server."""


class _Server(uvicorn.Server):
    """uvicorn's server without its signals, and with a certain end."""

    def __init__(self, config: EdgeConfig) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever runs all listeners."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting, and say so."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then end what is left: uvicorn cancels tasks that are late but keeps their connections."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class Serving:
    """Running listeners."""

    def __init__(
        self, servers: Sequence[_Server], sockets: Sequence[socket.socket], *, on_drain: Callable[[], None] | None
    ) -> None:
        self._servers = tuple(servers)
        self._sockets = tuple(sockets)
        self._on_drain = on_drain
        self._stopping = asyncio.Event()
        self.ports = tuple(int(sock.getsockname()[1]) for sock in sockets)
        """The bound ports, in the order of the listeners."""

    def stop(self) -> None:
        """Begin to drain: new connections are refused, running requests may finish."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._on_drain is not None:
                self._on_drain()

    def force(self) -> None:
        """End without waiting for running requests."""
        self.stop()
        for server in self._servers:
            server.force_exit = True
            server.should_exit = True

    async def run(self, started: asyncio.Event) -> None:
        """Serve until `stop`; sets `started` once every listener accepts."""
        async with asyncio.TaskGroup() as group:
            pairs = zip(self._servers, self._sockets, strict=True)
            tasks = [group.create_task(server.serve(sockets=[sock])) for server, sock in pairs]
            for server in self._servers:
                await server.ready.wait()
            started.set()
            await self._stopping.wait()
            for server, task in zip(self._servers, tasks, strict=True):
                server.should_exit = True
                await task


@asynccontextmanager
async def serving(
    listeners: Sequence[Listener],
    *,
    limits: Limits | None = None,
    render: Render = render_json,
    drain_s: int = 30,
    on_drain: Callable[[], None] | None = None,
) -> AsyncIterator[Serving]:
    """Serve while the block runs; leaving it drains. `on_drain` is told first, so that held requests can end.

    Raises: ConfigError when an address cannot be bound.
    """
    sockets = _bind_all(listeners)
    chosen = limits or Limits()
    servers = [
        _Server(
            listener.configured(
                listener.app, limits=chosen, render=render, drain_s=share, certificate=listener.certificate
            )
        )
        for listener, share in zip(listeners, _shares(len(listeners), drain_s), strict=True)
    ]
    running = Serving(servers, sockets, on_drain=on_drain)
    started = asyncio.Event()
    task = asyncio.ensure_future(running.run(started))
    waiting = asyncio.ensure_future(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    try:
        yield running
    finally:
        running.stop()
        await task


def _shares(count: int, drain_s: int) -> list[int]:
    """Return how long each listener may drain: the first nearly all of it, the others what is kept for them."""
    rest = min(_LAST_S, drain_s // 2) if count > 1 else 0
    return [drain_s - rest * (count - 1), *[rest] * (count - 1)]


async def serve_listeners(
    listeners: Sequence[Listener],
    *,
    limits: Limits | None = None,
    render: Render = render_json,
    drain_s: int = 30,
    on_drain: Callable[[], None] | None = None,
    started: Callable[[tuple[int, ...]], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends without waiting.

    No listener is given so many connections that none is left for the others and for what judges calls.
    `started` gets the bound ports, in order. Raises: ConfigError when an address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    running: Serving | None = None

    def signalled() -> None:
        if asked.is_set() and running is not None:
            running.force()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        room = fitting(limits or Limits(), len(listeners))
        async with serving(listeners, limits=room, render=render, drain_s=drain_s, on_drain=on_drain) as running:
            if started is not None:
                started(running.ports)
            gc.collect()
            settle()
            await asked.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def settle() -> None:
    """Keep what was made so far out of every collection, and collect less often than for a script.

    For what is made at start and stays. Requests leave few cycles behind; looking for them after every 700 objects
    costs more than serving.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE, 20, 20)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a uvloop event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def _bind_all(listeners: Sequence[Listener]) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for listener in listeners:
            bound.append(listener.bound or bind(listener.host, listener.port))  # noqa: PERF401 - the list must be complete on failure
    except ConfigError:
        for sock in bound:
            sock.close()
        raise
    return bound


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket at an address; port 0 takes any free one.

    Raises: ConfigError when it cannot be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on `{host}:{port}`", hint="is that an address of this machine?"
        ) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"cannot listen on `{host}:{port}`: {error.strerror or 'refused'}",
            hint="another program has the port; choose one with --port",
        ) from error
    return sock
