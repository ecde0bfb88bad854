"""What pages of the console cost at a million entries, and what live calls cost at a hundred a second.

`python -m tests.bench.sessions [ENTRIES]` prints its rows alone. Pages are asked in process, over a real log,
index and keystore; the figure is the median of several looks, with the entry that each look leaves.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from firewall.console.live.feed import Call, Feed
from firewall.console.live.room import LiveRoom
from firewall.console.runs.following import Follower
from firewall.console.runs.room import SessionRoom
from firewall.console.tokens.room import TokenRoom
from firewall.core.work import Plain, Record, Unit
from tests.support.guarding import places_in
from tests.support.real_console import RealConsole, real_console

ENTRIES = 1_000_000
TOKENS = 2_000
BATCH = 500
LOOKS = 15
CALLS_A_SECOND = 100
LIVE_S = 5
LOOKERS = 20
"""At four streams a person."""


def main(entries: int = ENTRIES) -> None:
    """Print the rows."""
    with tempfile.TemporaryDirectory(prefix="stayhand-bench-") as folder:
        for row in asyncio.run(_measured(Path(folder), entries)):
            sys.stdout.write(f"{row}\n")


async def _measured(folder: Path, entries: int) -> list[str]:
    with ExitStack() as stack:
        made: list[Follower] = []
        feeds: list[Feed] = []

        def rooms(side: RealConsole) -> tuple[SessionRoom, TokenRoom, LiveRoom]:
            installation = side.installation
            database = places_in(folder).database
            follower = Follower(database, folder / "sessions.db", lambda: installation.writer.size)
            stack.callback(follower.close)
            made.append(follower)
            feeds.append(Feed(side.clock))
            return (
                SessionRoom(
                    follower,
                    places_in(folder).database,
                    sealing=installation.sealing,
                    sequencer=installation.writer,
                    tokens=side.tokens,
                    clock=side.clock,
                ),
                TokenRoom(side.tokens, side.tokening, side.clock),
                LiveRoom(feeds[0], installation.writer),
            )

        async with real_console(folder, rooms) as side:
            tokens = [(await side.minted(agent=f"agent-{number}")).id for number in range(TOKENS)]
            await _filled(side, tokens, entries)
            began = time.process_time()
            while made[0].step():
                pass
            follow_us = (time.process_time() - began) * 1e6 / entries
            pages = [await _page(side, path, entries) for path in _paths(tokens)]
            return [
                *pages,
                f"sessions: following the log, an entry: {follow_us:.1f} us of processor",
                await _live(side, feeds[0], 1),
                await _live(side, feeds[0], LOOKERS),
            ]


def _paths(tokens: list[str]) -> Iterator[str]:
    yield "/console/tokens"
    yield f"/console/tokens?after={tokens[TOKENS // 2]}"
    yield f"/console/tokens/{tokens[0]}"
    yield "/console/sessions"
    yield f"/console/sessions/{tokens[0]}"
    yield "/console/live"


async def _filled(side: RealConsole, tokens: list[str], entries: int) -> None:
    """Write judged calls of all tokens in turn, an approval's worth of facts in each."""
    for first in range(0, entries, BATCH):
        records = tuple(_judged(tokens[number % TOKENS], number) for number in range(first, first + BATCH))
        await side.installation.writer.submit(Unit(records=records))


def _judged(token: str, number: int) -> Record:
    data: dict[str, Plain] = {
        "verdict": "allow" if number % 10 else "ask",
        "reason": "policy:row:matched",
        "row": "policy.csv:12",
        "effects": ("read",),
        "environment": "staging",
        "actions": 1,
        "digest": "d" * 64,
        "policy": "e" * 64,
        "gate": "models",
        "token": token,
    }
    actions = [{"operation": "ls", "resource": "file:/srv/app", "summary": f"Lists the files of folder {number}"}]
    private = {"tool": "Bash", "call": f"toolu_{number}", "arguments": "ls -la /srv/app", "actions": actions}
    return Record(kind="tool.judged", data=data, person="olga", principal="olga/coder", private=private)


async def _page(side: RealConsole, path: str, entries: int) -> str:
    browser = await side.signed_in("admin")
    took: list[float] = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        answer = await browser.open(path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    await browser.client.aclose()
    shown = "/".join("ID" if part.startswith("tok_") else part for part in path.partition("?")[0].split("/"))
    more = ", an older page" if "?" in path else ""
    kilobytes = len(answer.content) / 1000
    took_ms = f"{statistics.median(took):.1f} ms (target 100 ms)"
    return f"{shown}{more} at {entries:,} entries: {took_ms}, {kilobytes:.0f} kB"


async def _live(side: RealConsole, feed: Feed, lookers: int) -> str:
    """Feed calls at the rate of a busy house to some who look, and count the processor's time."""
    streams = [feed.open(f"person-{number // 4}") for number in range(lookers)]
    sent = 0
    began_wall, began = time.perf_counter(), time.process_time()
    for number in range(1, CALLS_A_SECOND * LIVE_S + 1):
        feed.add(_call(number, side.clock.now_us()))
        if number % (CALLS_A_SECOND // 2) == 0:
            for stream in streams:
                sent += len(feed.batch(*stream.take()))
        await asyncio.sleep(max(0.0, began_wall + number / CALLS_A_SECOND - time.perf_counter()))
    share = (time.process_time() - began) / (time.perf_counter() - began_wall) * 100
    for stream in streams:
        feed.end(stream)
    given = f"{sent / LIVE_S / 1000:.0f} kB/s"
    whom = f"{lookers} who look{'s' if lookers == 1 else ''}"
    return f"live: {CALLS_A_SECOND} calls a second to {whom}: {share:.1f} % of one core (target 10 %), {given}"


def _call(number: int, at_us: int) -> Call:
    return Call(
        number=number,
        at_us=at_us,
        entry=number,
        token="tok_1",
        who="coder for olga",
        gate="models",
        tool="Bash",
        verdict="allow",
        reason="policy:row:matched",
        environment="staging",
        effects=("read",),
        summary="Lists the files of a folder and what is in it",
        approval="",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
