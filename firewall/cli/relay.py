"""Passes connections between two addresses while a program runs: the only way out of an isolated network.

`python -m firewall.cli.relay --link FROM=TO … [--folder DIR] -- PROGRAM …`, addresses as `tcp:HOST:PORT` or
`unix:PATH`. Outside it leads from sockets in a private folder to the firewall, inside from the usual addresses to
those sockets. It understands nothing of what passes, ends with the program, and hands on its exit code.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

_PIECE = 64 * 1024
_CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class Link:
    """Where connections come in, and where they lead."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to relay, and for whom."""

    links: tuple[Link, ...]
    command: tuple[str, ...]
    folder: str = ""
    """Removed at the end."""


def planned(arguments: Sequence[str]) -> Plan:
    """Read the command line.

    Raises: ValueError for anything that it does not take.
    """
    end = list(arguments).index("--")
    words, command = list(arguments[:end]), tuple(arguments[end + 1 :])
    links, folder = [], ""
    while words:
        name, value = words.pop(0), words.pop(0) if words else ""
        if name == "--link" and "=" in value:
            links.append(Link(*value.split("=", 1)))
        elif name == "--folder" and value:
            folder = value
        else:
            raise ValueError(f"`{name}` is not understood")
    if not command or not links:
        raise ValueError("a link and a program are needed")
    return Plan(tuple(links), command, folder)


async def relayed(plan: Plan) -> int:
    """Run the program with its links; returns its exit code (128 and the signal that ended it)."""
    free = asyncio.Semaphore(_CONNECTIONS)
    servers = [await _listen(link, free) for link in plan.links]
    loop = asyncio.get_running_loop()
    try:
        child = await asyncio.create_subprocess_exec(*plan.command)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the terminal tells the program itself
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, partial(_pass_on, child, number))
        code = await child.wait()
    finally:
        for server in servers:
            server.close()
        if plan.folder:
            shutil.rmtree(plan.folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _pass_on(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)


async def _listen(link: Link, free: asyncio.Semaphore) -> asyncio.Server:
    kind, _, rest = link.source.partition(":")
    serve = partial(_serve, link.target, free)
    if kind == "unix":
        before = os.umask(0o077)
        try:
            return await asyncio.start_unix_server(serve, rest)
        finally:
            os.umask(before)
    host, _, port = rest.rpartition(":")
    return await asyncio.start_server(serve, host.strip("[]"), int(port))


async def _open(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(rest)
    host, _, port = rest.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


async def _serve(
    target: str, free: asyncio.Semaphore, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async with free:
        try:
            there, back = await _open(target)
        except OSError:
            writer.close()
            return
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            back.close()
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE):
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


if __name__ == "__main__":
    try:
        _plan = planned(sys.argv[1:])
    except ValueError as _error:
        sys.exit(f"relay: {_error}")
    sys.exit(asyncio.run(relayed(_plan)))
