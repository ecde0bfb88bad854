"""Real upstream servers on loopback for the forward proxy, over TLS with a certificate of the test's own."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from firewall.demo.serving import START_LIMIT_S, STOP_LIMIT_S, ServingError
from firewall.gates.edge.server import bind
from tests.support.installation import Served

_PROXY = "forward proxy of agents at "


@contextmanager
def served_over_tls(app: ASGIApp, pem: Path) -> Iterator[int]:
    """Serve an application over TLS from a thread; yields its port. `pem`: certificate and key in one file."""
    sock = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_config=None, log_level="critical", lifespan="off", ssl_certfile=str(pem), ssl_keyfile=str(pem)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), daemon=True)
    thread.start()
    end = time.monotonic() + START_LIMIT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise ServingError("the server did not start")
        threading.Event().wait(0.01)
    try:
        yield int(sock.getsockname()[1])
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(STOP_LIMIT_S)
        sock.close()


def proxy_of(firewall: Served) -> str:
    """Return the address of a running server's forward proxy, `http://127.0.0.1:PORT`."""
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        for line in list(firewall.lines):
            if _PROXY in line:
                return line.partition(_PROXY)[2].strip()
        threading.Event().wait(0.01)
    raise ServingError("the server has no forward proxy: " + "".join(firewall.lines))
