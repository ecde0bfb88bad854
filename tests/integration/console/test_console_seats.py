"""Seats of those who look on, over real sockets: a few for each person, given back when the client is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from firewall.console.explorer.desk import Explorer
from firewall.console.explorer.entries import Entries
from firewall.console.explorer.exporting import Proofs
from firewall.console.explorer.room import LogRoom
from firewall.console.explorer.search import Searcher
from firewall.console.explorer.tails import MOST_OF_ONE, Tails
from firewall.console.explorer.verifying import Verifying
from firewall.console.held import HeldResponse
from firewall.console.live.feed import Feed
from firewall.console.live.room import LiveRoom
from firewall.core.ports import Sequencer
from firewall.core.work import Outcome, Unit
from tests.support.control_side import Browser, free_socket, served
from tests.support.guarding import places_in
from tests.support.mcp_posting import until
from tests.support.real_console import RealConsole, real_console

LIMIT_S = 30
AT_ONCE = 40
STREAMS = {"tail": "/api/tail", "live": "/console/live/events"}


class Writer:
    """The real writer; nothing is recorded while `may` is cleared."""

    def __init__(self, writer: Sequencer) -> None:
        self._writer = writer
        self.may = asyncio.Event()
        self.may.set()
        self.waiting = 0

    @property
    def is_open(self) -> bool:
        """As the writer says."""
        return self._writer.is_open

    def pseudonym(self, name: str) -> str:
        """As the writer says."""
        return self._writer.pseudonym(name)

    async def submit(self, unit: Unit) -> Outcome:
        """Record, when that may be."""
        self.waiting += 1
        await self.may.wait()
        self.waiting -= 1
        return await self._writer.submit(unit)


@dataclass(slots=True)
class House:
    """A console with both streams on a loopback port, and an auditor who is signed in."""

    side: RealConsole
    auditor: Browser
    writer: Writer

    def looks(self, what: str) -> int:
        """Return how many looks were recorded."""
        return sum(one["data"]["what"] == what for one in self.side.entries("audit.read"))  # type: ignore[index]  # our own JSON

    @asynccontextmanager
    async def asked(self, path: str, count: int) -> AsyncIterator[list[int]]:
        """Ask so often at once; what is answered stays open. Yields the answers' codes."""
        async with AsyncExitStack() as held:
            asked = (self.auditor.client.stream("GET", path) for _ in range(count))
            answers = await asyncio.gather(*(held.enter_async_context(one) for one in asked))
            yield [one.status_code for one in answers]

    async def gone(self, path: str, count: int) -> None:
        """Ask so often, and be gone before the first byte: while each look is being recorded."""
        self.writer.may.clear()
        writers = [await self._sent(path) for _ in range(count)]
        await until(lambda: self.writer.waiting == count)
        for one in writers:
            one.close()
            await one.wait_closed()
        assert (await self.auditor.open("/console/")).status_code == 200  # whoever left first was noticed first
        self.writer.may.set()

    async def _sent(self, path: str) -> asyncio.StreamWriter:
        url = httpx.URL(self.side.public)
        _, writer = await asyncio.open_connection("127.0.0.1", url.port)
        cookies = "; ".join(f"{name}={value}" for name, value in self.auditor.client.cookies.items())
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost:{url.port}\r\ncookie: {cookies}\r\n\r\n".encode())
        await writer.drain()
        return writer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Nobody looks yet."""
    bound = free_socket()
    writers: list[Writer] = []

    def rooms(side: RealConsole) -> tuple[LogRoom, LiveRoom]:
        held, database = side.installation, places_in(tmp_path).database
        searcher = Searcher(database, database.with_name("search.db"), held.keystore)
        writers.append(Writer(held.writer))
        explorer = Explorer(searcher, writers[0], side.clock)
        tails = Tails(explorer, size=lambda: held.writer.size, is_closed=lambda: False)
        log = LogRoom(
            explorer,
            Entries(held.reader, held.sealing, held.writer),
            Verifying(database, held.verify_key, side.clock),
            proofs=Proofs(database, held.verify_key),
            tails=tails,
        )
        return log, LiveRoom(Feed(side.clock), writers[0])

    public = f"http://localhost:{bound.getsockname()[1]}"
    async with real_console(tmp_path, rooms, public=public) as side, served(side.console.app, bound):
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=public, trust_env=False, timeout=LIMIT_S, limits=limits) as client:
            auditor = Browser(client, public)
            assert (await auditor.sign_in("auditor")).status_code == 303
            yield House(side, auditor, writers[0])


@pytest.mark.parametrize("what", STREAMS)
async def test_of_many_who_ask_at_once_a_few_are_served(house: House, what: str) -> None:
    """A seat is taken before anything is waited for; whoever has none is refused, and leaves no entry."""
    async with house.asked(STREAMS[what], AT_ONCE) as codes:
        assert sorted(codes) == [200] * MOST_OF_ONE + [429] * (AT_ONCE - MOST_OF_ONE)
        assert house.looks(what) == MOST_OF_ONE


@pytest.mark.parametrize("what", STREAMS)
async def test_who_goes_before_the_first_byte_keeps_no_seat(house: House, what: str) -> None:
    """Nobody reads these answers, so that their bodies never begin; soon every seat is free again."""
    async with asyncio.timeout(LIMIT_S):
        await house.gone(STREAMS[what], MOST_OF_ONE)
        await until(lambda: house.looks(what) == MOST_OF_ONE)
        codes: list[int] = []
        while codes != [200] * MOST_OF_ONE:
            async with house.asked(STREAMS[what], MOST_OF_ONE) as codes:
                pass
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("what", STREAMS)
async def test_a_body_that_never_begins_keeps_no_seat(house: House, what: str) -> None:
    """The connection breaks as the answer's head is written: nobody reads the body, and its seat is free again."""
    cookies = "; ".join(f"{name}={value}" for name, value in house.auditor.client.cookies.items())
    url = httpx.URL(house.side.public)
    host = f"localhost:{url.port}".encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": STREAMS[what],
        "raw_path": STREAMS[what].encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", host), (b"cookie", cookies.encode())],
        "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", url.port),
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip
    heads: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        heads.append(message["status"])
        raise BrokenPipeError

    for _ in range(MOST_OF_ONE + 1):
        with suppress(Exception):
            await house.side.console.app(scope, receive, send)
    assert [code for code in heads if code == 429] == []
    assert heads.count(200) == MOST_OF_ONE + 1
    async with house.asked(STREAMS[what], MOST_OF_ONE) as codes:
        assert codes == [200] * MOST_OF_ONE


async def test_the_seat_is_given_back_as_the_answer_ends() -> None:
    """Not before: while lines are written, it is held."""
    steps: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        steps.append("body")
        yield b"line"

    async def send(message: Message) -> None:
        steps.append(message["type"])

    async def receive() -> Message:
        raise AssertionError

    answer = HeldResponse(body(), media_type="text/plain", release=lambda: steps.append("free"))
    await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)
    assert steps == ["http.response.start", "body", "http.response.body", "http.response.body", "free"]


@pytest.mark.parametrize("what", STREAMS)
async def test_a_look_that_cannot_be_recorded_keeps_no_seat(house: House, what: str) -> None:
    """The refusal names the log's trouble each time, never that too many look."""
    await house.side.installation.writer.stop()
    for _ in range(MOST_OF_ONE + 1):
        assert (await house.auditor.open(STREAMS[what])).status_code == 503
