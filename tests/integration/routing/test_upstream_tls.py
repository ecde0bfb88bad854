"""The carrier over TLS: only a provider that can prove its name is spoken to."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.port import Credential, Endpoint, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from tests.support.certificates import certificate
from tests.support.provider import whole

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _served(file: Path, serve: Serve, carrier: HttpUpstream) -> AsyncIterator[Endpoint]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    tasks: list[asyncio.Task[None]] = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(
        lambda reader, writer: tasks.append(asyncio.ensure_future(served(reader, writer))),
        "127.0.0.1",
        0,
        ssl=context,
    )
    try:
        yield Endpoint("self", f"https://localhost:{server.sockets[0].getsockname()[1]}", private=True)
    finally:
        await carrier.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted transports close in the loop's next turns


async def _ask(file: Path, carrier: HttpUpstream) -> tuple[bytes, list[bytes]]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(whole(b"{}", "Connection: close"))
        await reader.read()

    request = UpstreamRequest("GET", "/v1/models", credential=Credential("x-api-key", Secret("sk-canary")))
    async with (
        _served(file, serve, carrier) as endpoint,
        await carrier.open(endpoint, request) as got,
    ):
        return await got.read(100), heard


async def test_a_known_authority_is_believed(tmp_path: Path) -> None:
    """With its authority configured, a provider is spoken to over TLS."""
    file = certificate(tmp_path, "localhost")
    body, heard = await _ask(file, HttpUpstream(ca_file=file))
    assert body == b"{}"
    assert b"sk-canary" in heard[0]


@pytest.mark.parametrize(
    ("name", "days", "known"), [("localhost", 1, False), ("other.example", 1, True), ("localhost", -1, True)]
)
async def test_nobody_else_gets_the_key(tmp_path: Path, name: str, days: int, *, known: bool) -> None:
    """An unknown authority, another name or an expired certificate ends the exchange before the key is sent."""
    file = certificate(tmp_path, name, days=days)
    with pytest.raises(UpstreamError, match="who it is") as caught:
        await _ask(file, HttpUpstream(ca_file=file if known else None))
    assert caught.value.fault is UpstreamFault.UNAVAILABLE


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("is_honest", [True, False])
def test_nobody_on_the_way_can_end_an_answer(tmp_path: Path, *, is_honest: bool, production: bool) -> None:
    """An answer without a length ends where the provider says so under its certificate; a bare FIN cuts it off."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
        await writer.drain()
        if is_honest:
            writer.close()
            await writer.wait_closed()
        else:
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw:
                raw.shutdown(socket.SHUT_WR)
            await reader.read()

    async def ask() -> bytes:
        file = certificate(tmp_path, "localhost")
        carrier = HttpUpstream(ca_file=file)
        async with (
            _served(file, serve, carrier) as endpoint,
            await carrier.open(endpoint, UpstreamRequest("GET", "/v1/x")) as got,
        ):
            return await got.read(100)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if production else None) as runner:
        if is_honest:
            assert runner.run(ask()) == b"data: 1\n\n"
        else:
            with pytest.raises(UpstreamError, match="broke off"):
                runner.run(ask())


async def test_an_early_refusal_ends_the_connection(tmp_path: Path) -> None:
    """TLS does not tell what was not written yet: a large request that was refused leaves no connection."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(whole(b"no", status="413 Too Large"))
        await writer.drain()
        await asyncio.sleep(1)  # and reads no more

    file = certificate(tmp_path, "localhost")
    carrier = HttpUpstream(ca_file=file)
    large = UpstreamRequest("POST", "/v1/x", body=b"a" * (8 << 20))
    async with _served(file, serve, carrier) as endpoint:
        for _ in range(2):
            async with await carrier.open(endpoint, large) as got:
                assert (got.status, await got.read(10)) == (413, b"no")
    assert len(heads) == 2
