"""Programs that take nothing, say too much or fall over a client's claims: others are served, within bounds."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.gates.mcp.upstream.greeting import Wanted
from firewall.gates.mcp.upstream.process import Program
from firewall.gates.mcp.upstream.stdio import StdioLine
from tests.support.mcp_house import Open, mcp_house
from tests.support.mcp_posting import LIMIT_S, ROUGH, Poster, posting, rough, until


class Ear:
    """Hears what a program says by itself, once it may."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.has_begun = asyncio.Event()
        self.may = asyncio.Event()

    async def __call__(self, message: Message) -> Message | None:
        """Wait, and note it."""
        self.has_begun.set()
        await self.may.wait()
        self.heard.append(message)
        return None

    async def say(self, message: Message) -> None:
        """Hear nothing of ours."""

    def judged(self, entry: int) -> None:
        """Hear nothing of it."""

    def begun(self) -> None:
        """Hear nothing of it."""


@asynccontextmanager
async def line_to(*, idle_s: float, total_s: float) -> AsyncIterator[StdioLine]:
    """Open a line to a program, with answers of at most a mebibyte."""
    program = Program("rough", (sys.executable, str(ROUGH)), dict, "", 1 << 20)
    line = StdioLine(program, Wanted("2025-11-25", {}, {}), idle_s=idle_s, total_s=total_s)
    await line.open()
    try:
        yield line
    finally:
        await line.aclose()


def call(tool: str, **arguments: object) -> Message:
    """Return a call that wants to hear of progress."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    return messages.request(1, "tools/call", params)


def content_of(answer: Message) -> object:
    """Return the text that a tool answered with."""
    found = answer.result["content"]
    assert isinstance(found, list)
    return found[0]["text"]


async def test_a_program_that_looks_at_its_input_no_more_is_given_up() -> None:
    """Who hands it more than its pipe holds hears so in time, and nobody asks it again."""
    async with line_to(idle_s=LIMIT_S, total_s=2) as line, asyncio.timeout(LIMIT_S):
        ear = Ear()
        deaf = asyncio.create_task(line.ask(call("deaf"), seen=ear))
        await ear.has_begun.wait()
        with pytest.raises(UpstreamError) as raised:
            await line.ask(call("echo", text="x" * (4 << 20)), seen=Ear())
        assert raised.value.fault is UpstreamFault.TIMEOUT
        with pytest.raises(UpstreamError):
            await deaf
        await until(lambda: not line.is_alive)


async def test_a_call_that_takes_long_holds_up_no_other_of_its_program() -> None:
    """A hundred calls at a time over one pair of pipes: each has its own answer, and the first still waits."""
    async with line_to(idle_s=LIMIT_S, total_s=LIMIT_S) as line, asyncio.timeout(LIMIT_S):
        slow = asyncio.create_task(line.ask(call("later"), seen=Ear()))
        others = [line.ask(call("echo", number=number), seen=Ear()) for number in range(100)]
        said = [content_of(answer) for answer in await asyncio.gather(*others)]
        assert said == [f'{{"number": {number}}}' for number in range(100)]
        assert not slow.done()
        await line.ask(call("release"), seen=Ear())
        assert (await slow).result["content"] == [{"type": "text", "text": "late"}]


async def test_what_waits_for_a_slow_client_is_bounded_by_its_bytes() -> None:
    """No more than one answer may have; the answer itself always comes."""
    ear = Ear()
    async with line_to(idle_s=LIMIT_S, total_s=LIMIT_S) as line:
        slow = asyncio.create_task(line.ask(call("flood"), seen=ear))
        await ear.has_begun.wait()
        await line.ask(call("echo"), seen=Ear())  # answered after everything of the flood was printed and read
        ear.may.set()
        answer = await slow
    assert answer.result["content"] == [{"type": "text", "text": "done"}]
    assert 1 <= len(ear.heard) <= 12


async def test_a_program_that_falls_over_a_clients_claims_serves_the_others(tmp_path: Path) -> None:
    """One token's greetings fail as often as it likes: another's is not refused for it."""
    opened = Open()
    async with (
        mcp_house(tmp_path, rough("picky"), calls=opened, shown=opened) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        for _ in range(4):
            said = await poster.legacy("initialize", protocolVersion="2025-11-25", capabilities={"roots": {}})
            assert said.code[1] == "upstream_unavailable"
        other = Poster(poster.http, poster.url, await house.token())
        said = await other.legacy("initialize", protocolVersion="2025-11-25", capabilities={"roots": 1})
        assert "result" in said.answer
