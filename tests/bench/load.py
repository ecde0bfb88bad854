"""A lean load generator: keep-alive connections that ask again as soon as they are answered.

    python -m tests.bench.load --port P --body FILE [--token T] [--path P] [--connections N] [--seconds S]
        [--requests N] [--once] [--gap S]

Prints one JSON object: how many answers, errors and events, seconds, and the times to the first byte and to the
whole answer in milliseconds. `--once`: every connection asks a single time; `--gap`: it thinks
so long before it asks again.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_END = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """What all connections saw."""

    until: float
    requests: int
    asked: int = 0
    answers: int = 0
    errors: int = 0
    events: int = 0
    first_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    said: str = ""
    """The beginning of the first answer that was no success."""

    def may_ask(self) -> bool:
        """Tell whether another request may be sent, and count it."""
        if time.perf_counter() >= self.until or (self.requests and self.asked >= self.requests):
            return False
        self.asked += 1
        return True


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, tally: Tally, *, once: bool, gap_s: float) -> None:
        self._request = request
        self._tally = tally
        self._once = once
        self._gap_s = gap_s
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self._begun = self._first = 0.0
        self._size = -1
        self._status = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note an answer that was cut off."""
        del exc
        if not self.ended.done():
            self._tally.errors += 1
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer."""
        self._pieces.append(data)
        if not self._status:
            self._read_head()
        if not self._first and (b"data: " in data or self._size > 0):
            self._first = time.perf_counter()
        if self._status and self._is_whole(data):
            self._note()

    def _read_head(self) -> None:
        head = b"".join(self._pieces)
        end = head.find(b"\r\n\r\n")
        if end < 0:
            return
        self._status = head[9:12]
        found = _LENGTH.search(head, 0, end + 2)
        self._size = end + 4 + int(found[1]) if found else -1

    def _is_whole(self, data: bytes) -> bool:
        if self._size >= 0:
            return sum(map(len, self._pieces)) >= self._size
        return data.endswith(_END) or b"".join(self._pieces[-2:]).endswith(_END)

    def _note(self) -> None:
        now = time.perf_counter()
        tally = self._tally
        whole = b"".join(self._pieces)
        if self._status == b"200":
            tally.answers += 1
            tally.events += whole.count(b"data: ")
            tally.first_ms.append((self._first - self._begun) * 1000)
            tally.whole_ms.append((now - self._begun) * 1000)
        else:
            tally.errors += 1
            tally.said = tally.said or whole[:400].decode("latin-1")
        if self._once:
            self._end()
        elif self._gap_s:
            asyncio.get_running_loop().call_later(self._gap_s, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if self._transport is None or not self._tally.may_ask():
            self._end()
            return
        self._pieces.clear()
        self._first, self._size, self._status = 0.0, -1, b""
        self._begun = time.perf_counter()
        self._transport.write(self._request)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.close()


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile by nearest rank, NaN for no values."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")


async def main(asked: argparse.Namespace, body: bytes) -> None:
    """Ask until time or number is up, then print what was seen."""
    key = f"Authorization: Bearer {asked.token}\r\n" if asked.token else ""
    head = (
        f"POST {asked.path} HTTP/1.1\r\nHost: 127.0.0.1:{asked.port}\r\nContent-Type: application/json\r\n"
        f"Accept: */*\r\n{key}Content-Length: {len(body)}\r\n\r\n"
    )
    begun = time.perf_counter()
    tally = Tally(until=begun + asked.seconds, requests=asked.requests)
    loop = asyncio.get_running_loop()
    askers = []
    for _ in range(asked.connections):
        _, asker = await loop.create_connection(
            lambda: Asker(head.encode() + body, tally, once=asked.once, gap_s=asked.gap), "127.0.0.1", asked.port
        )
        askers.append(asker)
    await asyncio.wait_for(asyncio.gather(*(asker.ended for asker in askers)), asked.seconds + 60)
    seen = {
        "answers": tally.answers,
        "errors": tally.errors,
        "events": tally.events,
        "seconds": time.perf_counter() - begun,
        "first_p50_ms": percentile(tally.first_ms, 0.5),
        "whole_p50_ms": percentile(tally.whole_ms, 0.5),
        "whole_p99_ms": percentile(tally.whole_ms, 0.99),
        "said": tally.said,
    }
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    asking = argparse.ArgumentParser()
    asking.add_argument("--port", type=int, required=True)
    asking.add_argument("--body", required=True)
    asking.add_argument("--token", default="")
    asking.add_argument("--path", default="/v1/chat/completions")
    asking.add_argument("--connections", type=int, default=32)
    asking.add_argument("--seconds", type=float, default=3.0)
    asking.add_argument("--requests", type=int, default=0)
    asking.add_argument("--once", action="store_true")
    asking.add_argument("--gap", type=float, default=0.0)
    parsed = asking.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parsed, Path(parsed.body).read_bytes()))
