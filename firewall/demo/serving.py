"""Serves an ASGI application on loopback: in the foreground, or in a thread for as long as a block lasts."""

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"
START_LIMIT_S: Final = 60
STOP_LIMIT_S: Final = 60


class ServingError(Exception):
    """The server did not come up, or did not go down, in time."""


def serve(app: ASGIApp, *, port: int = 0) -> None:
    """Serve until interrupted; the address is the first line of standard output."""
    with _listener(port) as listener:
        sys.stdout.write(_address(listener) + "\n")
        sys.stdout.flush()
        asyncio.run(_server(app).serve(sockets=[listener]))


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve from a thread on a free port for as long as the block lasts; yields the address.

    Raises: ServingError when the server does not start or stop within its limit.
    """
    with _listener(0) as listener:
        server = _server(app)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield _address(listener)
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(STOP_LIMIT_S)
        if thread.is_alive():
            raise ServingError(f"the server did not stop within {STOP_LIMIT_S} s")


def _server(app: ASGIApp) -> uvicorn.Server:
    # A cut connection is part of the play: its traceback would only be noise.
    return uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off"))


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(256)
    return listener


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    tick = threading.Event()
    for _ in range(START_LIMIT_S * 100):
        if server.started:
            return
        if not thread.is_alive():
            break
        tick.wait(0.01)
    raise ServingError("the server did not start")
