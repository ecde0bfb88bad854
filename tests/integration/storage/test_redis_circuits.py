"""Shared circuits in a real Redis, and in what only looks like one: every failure is named, and soon over."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis._parsers import Encoder
from redis.exceptions import InvalidResponse

from firewall.core.secret import Secret
from firewall.core.sharing import AwayError, Named, Told, Why
from firewall.references import reader_of
from firewall.settings.values import SecretRef
from firewall.storage.redis.bounded import BoundedParser
from firewall.storage.redis.circuits import Place, RedisCircuits
from tests.support.certificates import certificate
from tests.support.redis_server import RedisServer, redis_server

PASSWORD = "a-password-canary-7"
TOLD = Told("a" * 32, Named("primary", "m-1", "0123abcd"), "1" * 32, 1, 60_000)
LONG_S = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that wants a password."""
    with redis_server(tmp_path, password=PASSWORD) as found:
        yield found


@asynccontextmanager
async def store_at(port: int, **more: object) -> AsyncIterator[RedisCircuits]:
    """Use a store at a port."""
    found = RedisCircuits(Place("127.0.0.1", port, **more))  # type: ignore[arg-type]  # its fields, by name
    try:
        yield found
    finally:
        await found.aclose()


async def why_away(store: RedisCircuits) -> Why:
    """Return why nothing can be had, which is known soon."""
    with pytest.raises(AwayError) as caught:
        await asyncio.wait_for(store.look(), LONG_S)
    return caught.value.why


async def test_with_its_password_it_is_told_and_heard(server: RedisServer) -> None:
    """And what lies there is no secret."""
    async with store_at(server.port, password=lambda: Secret(PASSWORD)) as store:
        await store.open(TOLD)
        assert await store.take(TOLD.mark, "one")
        [heard] = await store.look()
    assert heard.named == TOLD.named
    assert sorted(server.say("KEYS", "*").split()) == [
        f"{{stayhand}}:circuit:{TOLD.mark}",
        "{stayhand}:circuits",
        f"{{stayhand}}:probe:{TOLD.mark}",
    ]
    assert int(server.say("PTTL", f"{{stayhand}}:circuit:{TOLD.mark}")) > 0
    assert int(server.say("PTTL", "{stayhand}:circuits")) > 0
    assert int(server.say("PTTL", f"{{stayhand}}:probe:{TOLD.mark}")) > 0


async def test_prefixes_and_databases_keep_installations_apart(server: RedisServer) -> None:
    """What one tells under its prefix, or in its database, no other hears."""
    login = {"password": lambda: Secret(PASSWORD)}
    async with store_at(server.port, **login) as store, store_at(server.port, prefix="other", **login) as other:
        await store.open(TOLD)
        assert await other.look() == ()
    async with store_at(server.port, database=3, **login) as third:
        assert await third.look() == ()


async def test_a_wrong_password_is_a_matter_of_login(server: RedisServer) -> None:
    """None, a wrong one, one that cannot be read, and one whose user may not do this."""
    async with store_at(server.port) as store:
        assert await why_away(store) is Why.LOGIN
    async with store_at(server.port, password=lambda: Secret("wrong")) as store:
        assert await why_away(store) is Why.LOGIN
    read = reader_of(SecretRef(command=("echo", PASSWORD)), "a test")
    async with store_at(server.port, password=read) as store:
        await store.open(TOLD)
    server.say("ACL", "SETUSER", "weak", "on", ">weak", "~other*", "+@all")
    async with store_at(server.port, username="weak", password=lambda: Secret("weak")) as store:
        assert await why_away(store) is Why.LOGIN


async def test_a_rotated_password_is_read_anew(server: RedisServer, tmp_path: Path) -> None:
    """Without a restart: what broke the connection makes the next one with what the file says then."""
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    async with store_at(server.port, password=reader_of(SecretRef(file=str(file)), "a test")) as store:
        await store.open(TOLD)
        server.say("CONFIG", "SET", "requirepass", "another-password-canary")
        server.password = "another-password-canary"
        server.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(AwayError):
            await store.look()
        assert await why_away(store) is Why.LOGIN
        file.write_text("another-password-canary")
        assert len(await store.look()) == 1


async def test_it_is_away_and_comes_back(server: RedisServer) -> None:
    """Stopped, silent, and there again: each is known soon, and nothing of it stays."""
    async with store_at(server.port, password=lambda: Secret(PASSWORD)) as store:
        await store.open(TOLD)
        with server.silent():
            assert await why_away(store) is Why.TIMEOUT
        assert len(await store.look()) == 1
        server.stop()
        assert await why_away(store) is Why.REFUSED
        server.start()
        assert await store.look() == ()


async def test_what_others_wrote_there_is_skipped_or_refused(server: RedisServer) -> None:
    """Keys of another kind, fields too long, marks that are none: the good ones are heard."""
    async with store_at(server.port, password=lambda: Secret(PASSWORD)) as store:
        await store.open(TOLD)
        for mark in ("b" * 32, "c" * 32, "no-mark", "d" * 32):
            server.say("ZADD", "{stayhand}:circuits", "9999999999999999", mark)
        server.say("SET", "{stayhand}:circuit:" + "b" * 32, "text")
        server.say("HSET", "{stayhand}:circuit:" + "c" * 32, "epoch", "1" * 32, "model", "m" * 100_000)
        assert [one.mark for one in await store.look()] == [TOLD.mark]
        await store.open(Told("b" * 32, TOLD.named, TOLD.epoch, 1, 1000))
        assert len(await store.look()) == 2
        server.say("SET", "{stayhand}:circuits", "text")
        assert await why_away(store) is Why.ANSWER


async def test_over_tls_it_must_be_who_it_says(tmp_path: Path) -> None:
    """With the authority of its certificate it is used; with others it is away."""
    file = certificate(tmp_path, "localhost")
    with redis_server(tmp_path, password=PASSWORD, certificate=file) as server:
        login = {"password": lambda: Secret(PASSWORD), "is_tls": True}
        async with store_at(server.port, roots=str(file), **login) as store:
            await store.open(TOLD)
            assert len(await store.look()) == 1
        other = certificate(tmp_path, "elsewhere")
        async with store_at(server.port, roots=str(other), **login) as store:
            assert await why_away(store) is Why.REFUSED
        async with store_at(server.port, password=lambda: Secret(PASSWORD)) as store:
            assert await why_away(store) in (Why.REFUSED, Why.TIMEOUT)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(words: bytes, *, again: bool) -> Serve:
    """Return a server that says the same whatever it is asked, `again` for as long as somebody listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65536):
                writer.write(words)
                await writer.drain()
                while again:
                    writer.write(b"x" * 65536)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    return serve


STRANGE = {
    "http": b"HTTP/1.1 400 no\r\n\r\n",
    "bytes": b"\x00\xff" * 100,
    "ok": b"+OK\r\n",
    "number": b":7\r\n",
    "nothing": b"$-1\r\n",
    "no-array": b"*-1\r\n",
    "words": b"*2\r\n$3\r\nnow\r\n*0\r\n",
    "error": b"-ERR unknown\r\n",
    "moved": b"-MOVED 1 127.0.0.1:1\r\n",
    "loading": b"-LOADING wait\r\n",
    "huge-text": b"$99999999999\r\n",
    "huge-array": b"*99999999999\r\n",
    "half": b"$5\r\nab",
    "deep": b"*1\r\n" * 2000,
    "silence": b"",
    "flood": b"$9999999999\r\n" + b"x" * 65536,
}
"""What a server says that is no Redis, or a bad one."""


@pytest.mark.parametrize("name", STRANGE)
async def test_whatever_answers_is_away_unless_it_is_redis(name: str) -> None:
    """No bytes make it hang, raise anything else, or be believed."""
    listening = await asyncio.start_server(says(STRANGE[name], again=name == "flood"), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, store_at(port) as store:
        assert await why_away(store) in set(Why)


async def test_an_answer_that_is_too_long_is_not_read() -> None:
    """Whatever length it announces, in one piece or in many: it is over at once, and little of it was kept."""
    for words, again in (
        (b"$9999999999\r\n", True),
        (b"*99999999\r\n" + b"$4\r\nabcd\r\n" * 1000, False),
        (b"*999999\r\n" + b"*0\r\n" * 100, False),
        (b"*3000\r\n" + b"$2000\r\n" + b"x" * 2000 + b"\r\n", False),
    ):
        reader = asyncio.StreamReader()
        reader.feed_data(words)
        for _ in range(3000 if not again else 1):
            reader.feed_data(words.partition(b"\r\n")[2])
        parser = BoundedParser(65536)
        parser.on_connect(_Connected(reader))
        with pytest.raises(InvalidResponse):
            await asyncio.wait_for(parser.read_response(), LONG_S)


@dataclass(slots=True)
class _Connected:
    """What a parser asks of its connection."""

    _reader: asyncio.StreamReader
    encoder: Encoder = field(default_factory=lambda: Encoder("utf-8", "strict", decode_responses=False))


async def test_where_nobody_listens_it_is_refused() -> None:
    """At once."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and never listens
        async with store_at(deaf.getsockname()[1]) as store:
            assert await why_away(store) is Why.REFUSED
