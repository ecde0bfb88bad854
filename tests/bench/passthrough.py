"""A plain pass-through to compare with: starlette and aiohttp, no token, no judging, no log.

    python -m tests.bench.passthrough UPSTREAM_PORT

Prints the port it took. A yardstick, not code to ship.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def application(upstream: str) -> Starlette:
    """Return the pass-through to `upstream`."""
    sessions: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            sessions.append(session)
            yield

    async def forward(request: Request) -> Response:
        body = await request.body()
        answer = await sessions[0].post(
            upstream + request.url.path, data=body, headers={"content-type": "application/json"}
        )
        kind = answer.headers["content-type"]
        if kind.startswith("text/event-stream"):
            return StreamingResponse(answer.content.iter_any(), media_type="text/event-stream")
        return Response(await answer.read(), answer.status, media_type=kind)

    return Starlette(routes=[Route("/{path:path}", forward, methods=["POST"])], lifespan=lifespan)


def main() -> None:
    """Serve until the process is ended."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application(f"http://127.0.0.1:{sys.argv[1]}"),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
