"""Which lines there are to which servers, with lines that only count and a clock that tests move."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.grant import Grant
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.upstream.greeting import Wanted
from firewall.gates.mcp.upstream.lines import Lines, TooManyLinesError
from firewall.guard.requester import Requester
from firewall.settings.mcp import McpServer

SERVER = Server("shop", "staging", "x", McpServer(name="shop", environment="staging", command=("x",), at_once=2))


FOUR = replace(SERVER, settings=SERVER.settings.model_copy(update={"at_once": 4}))


class Counted:
    """A line that remembers what became of it."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.is_alive = True
        self.was_greeted = True
        self.fails = False

    async def open(self) -> None:
        """Open, or fail."""
        self.opened += 1
        await asyncio.sleep(0)
        if self.fails:
            raise UpstreamError("no", fault=UpstreamFault.UNAVAILABLE)

    async def aclose(self) -> None:
        """Close."""
        self.closed += 1


class Keeping:
    """Lines with everything around them."""

    def __init__(self) -> None:
        self.made: list[Counted] = []
        self.now = 0.0
        self.fails = False
        self.greets = True
        self.lines = Lines(self.make, now=lambda: self.now)  # type: ignore[arg-type]  # asks nothing

    def make(self, _server: Server, _wanted: Wanted) -> Counted:
        """Make a line."""
        line = Counted()
        line.fails, line.was_greeted = self.fails, self.greets
        self.made.append(line)
        return line

    async def use(self, caller: Caller, server: Server = SERVER) -> Counted:
        """Use a caller's line for a moment."""
        async with self.lines.use(server, caller) as line:
            return line  # type: ignore[return-value]  # made above


def caller(token: str, session: str = "", *, version: str = "2025-11-25", roots: object = None) -> Caller:
    """Return somebody with a token."""
    grant = Grant("staging", "olga", "coder", datetime(2030, 1, 1, tzinfo=UTC))
    requester = Requester(token, (token, "tok_parent"), (), grant, "olga/coder", gate="mcp")
    return Caller(requester, version, {} if roots is None else {"roots": roots}, {}, session)


async def test_a_line_is_one_sessions_and_opened_once() -> None:
    """Whoever comes while it is opened waits for it; another token, session or era has its own."""
    kept = Keeping()
    first = await asyncio.gather(*(kept.use(caller("a")) for _ in range(3)))
    assert {id(line) for line in first} == {id(kept.made[0])}
    assert kept.made[0].opened == 1
    kept = Keeping()
    for one in (caller("a"), caller("a", version="2026-07-28")):
        await kept.use(one, FOUR)
    assert len(kept.made) == 2


async def test_the_line_that_was_used_longest_ago_makes_room() -> None:
    """One that is in use never does; where all are, a client is told."""
    kept = Keeping()
    for token in ("a", "b", "c"):
        kept.now += 1
        await kept.use(caller(token))
    await asyncio.sleep(0)
    assert [line.closed for line in kept.made] == [1, 0, 0]
    async with kept.lines.use(SERVER, caller("b")), kept.lines.use(SERVER, caller("c")):
        with pytest.raises(TooManyLinesError):
            await kept.use(caller("d"))


async def test_no_token_takes_all_lines() -> None:
    """One holds at most half of a server's; what it opens beyond takes the place of its own."""
    kept = Keeping()
    async with kept.lines.use(FOUR, caller("a", "1")), kept.lines.use(FOUR, caller("a", "2")):
        with pytest.raises(TooManyLinesError, match="your 2 sessions"):
            await kept.use(caller("a", "3"), FOUR)
        await kept.use(caller("b"), FOUR)
        await kept.use(caller("c"), FOUR)
    await kept.use(caller("a", "3"), FOUR)
    await asyncio.sleep(0)
    assert sorted(line.closed for line in kept.made[:2]) == [0, 1]
    assert [line.closed for line in kept.made[2:]] == [0, 0, 0]


async def test_a_tokens_own_idle_line_makes_room_before_others() -> None:
    """Others' idle lines are ended only where there are none of its own."""
    kept = Keeping()
    for at, one in enumerate((caller("b"), caller("c"), caller("d"), caller("a", "1"), caller("a", "2"))):
        kept.now = float(at)
        await kept.use(one, FOUR)
    await asyncio.sleep(0)
    assert [line.closed for line in kept.made] == [0, 0, 0, 1, 0]


async def test_what_a_client_claims_locks_nobody_else_out() -> None:
    """A failed greeting with claims counts for its token alone; one of a server that never heard them, for all."""
    kept = Keeping()
    kept.fails = True
    for session in ("1", "2"):
        with pytest.raises(UpstreamError):
            await kept.use(caller("a", session, roots={"bad": 1}))
    with pytest.raises(UpstreamError, match="left alone"):
        await kept.use(caller("a", "3", roots={}))
    kept.fails = False
    await kept.use(caller("b", roots={}))
    kept.fails, kept.greets = True, False
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await kept.use(caller("c", roots={}))
    with pytest.raises(UpstreamError, match="left alone"):
        await kept.use(caller("d", roots={}))


async def test_a_dead_line_is_replaced() -> None:
    """It is ended once, and the next request opens another."""
    kept = Keeping()
    line = await kept.use(caller("a"))
    line.is_alive = False
    assert await kept.use(caller("a")) is not line
    await kept.lines.close()
    assert [one.closed for one in kept.made] == [1, 1]


async def test_a_server_that_fails_is_left_alone_for_longer_each_time() -> None:
    """At once a second time, then after a wait that grows; success forgets it."""
    kept = Keeping()
    kept.fails = True
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await kept.use(caller("a"))
    with pytest.raises(UpstreamError, match="left alone"):
        await kept.use(caller("a"))
    assert len(kept.made) == 2
    kept.now, kept.fails = 0.6, False
    await kept.use(caller("a"))
    assert (len(kept.made), kept.lines.count) == (3, 1)


async def test_who_is_cancelled_while_opening_leaves_nothing_behind() -> None:
    """The line that nobody waits for is ended."""
    kept = Keeping()
    task = asyncio.create_task(kept.use(caller("a")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kept.lines.close()
    assert kept.lines.count == 0
    assert [one.closed for one in kept.made] == [1]


async def test_a_revoked_token_and_an_ended_session_take_their_lines_along() -> None:
    """What is in use ends when it is let go; a parent's revocation counts for its children."""
    kept = Keeping()
    await kept.use(caller("a", "s1"))
    async with kept.lines.use(SERVER, caller("a", "s2")):
        kept.lines.end_session("a", "s1")
        kept.lines.revoked("tok_parent")
        await asyncio.sleep(0)
        assert [one.closed for one in kept.made] == [1, 0]
    await asyncio.sleep(0)
    assert ([one.closed for one in kept.made], kept.lines.count) == ([1, 1], 0)


async def test_who_only_listens_keeps_a_line_and_makes_room() -> None:
    """It is not swept away while somebody listens, and is the last idle one that ends for another; never twice."""
    kept = Keeping()
    async with kept.lines.use(SERVER, caller("a"), listens=True) as line:
        kept.now += 1
        await kept.use(caller("b"))
        kept.now += 1
        await kept.use(caller("c"))  # b's was used later, and nobody listens to it
        await asyncio.sleep(0)
        assert [one.closed for one in kept.made] == [0, 1, 0]
        async with kept.lines.use(SERVER, caller("c")):
            await kept.use(caller("d"))
            await asyncio.sleep(0)
        assert line is kept.made[0]
        assert kept.made[0].closed == 1
    await asyncio.sleep(0)
    assert kept.made[0].closed == 1
