"""Judged calls as they happen, in memory: the last ones, and bounded queues of those who look.

Noting a call costs a tuple and never waits: whoever reads too slowly misses calls, and is told how many. Nothing
here is a record: the log is.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from firewall.approvals.text import visible
from firewall.console.tokens.words import moment
from firewall.core.errors import LimitError
from firewall.core.fast_init import fast_init, maker
from firewall.core.ports import Clock
from firewall.core.verdict import word
from firewall.guard.answer import Answer, Go, Stop, Wait
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester

KEPT = 100
"""Calls that the page shows and that a stream which comes back is given."""
QUEUE = 200
"""Calls that wait for one who reads; more are skipped, and counted."""
MOST = 32
"""Streams at once."""
MOST_OF_ONE = 4
"""Streams of one person."""
MOST_CHARS = 200


@fast_init
@dataclass(frozen=True, slots=True)
class Call:
    """One judged call, as it is shown."""

    number: int
    at_us: int
    entry: int
    token: str
    who: str
    gate: str
    tool: str
    verdict: str
    reason: str
    environment: str
    effects: tuple[str, ...]
    summary: str
    """Empty where it holds a credential."""
    approval: str

    @property
    def at(self) -> str:
        """When it was answered."""
        return moment(self.at_us)

    def shown(self) -> dict[str, object]:
        """Return it as JSON, with hidden characters spelled out: a script sets these as text and nothing else."""
        return {
            "number": self.number,
            "at": self.at,
            "entry": self.entry,
            "token": self.token,
            "who": visible(self.who),
            "gate": self.gate,
            "tool": visible(self.tool),
            "verdict": self.verdict,
            "reason": self.reason,
            "environment": visible(self.environment),
            "effects": [str(effect) for effect in self.effects],
            "summary": visible(self.summary),
            "approval": self.approval,
        }


call_of = maker(Call)
"""Makes a call as it is shown; one for each that is judged."""


@dataclass(eq=False, slots=True)
class Stream:
    """What waits for one who looks."""

    person: str
    queue: deque[Call] = field(default_factory=deque)
    skipped: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, call: Call) -> None:
        """Add a call; where there is no room the oldest makes some."""
        if len(self.queue) >= QUEUE:
            self.queue.popleft()
            self.skipped += 1
        self.queue.append(call)
        self.news.set()

    def take(self) -> tuple[list[Call], int]:
        """Return what waits and how many were skipped before it."""
        calls, skipped = list(self.queue), self.skipped
        self.queue.clear()
        self.skipped = 0
        self.news.clear()
        return calls, skipped

    async def wait(self, seconds: float) -> None:
        """Return when something waits, or when the time is up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)


class Feed:
    """The calls of this process since it started."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.epoch = clock.now_us()
        """Tells numbers of this process from those of the one before."""
        self.is_closed = False
        self._number = 0
        self._last: deque[Call] = deque(maxlen=KEPT)
        self._streams: list[Stream] = []

    def note(self, judgement: Judgement, requester: Requester, answer: Answer) -> None:
        """Take in an answer of the guard, after it is durable."""
        said, reason, approval = _said(judgement, answer)
        self.add(
            call_of(
                self._number + 1,
                self._clock.now_us(),
                answer.entry,
                requester.token_id,
                f"{requester.grant.agent} for {requester.grant.owner}",
                requester.gate,
                judgement.call.name[:MOST_CHARS],
                said,
                reason,
                judgement.environment,
                judgement.effects,
                "" if judgement.foreign else judgement.deciding.summary[:MOST_CHARS],
                approval,
            )
        )

    def add(self, call: Call) -> None:
        """Keep a call and hand it to everybody who looks."""
        self._number = call.number
        self._last.append(call)
        for stream in self._streams:
            stream.put(call)

    def last(self) -> list[Call]:
        """Return the last calls, newest first."""
        return list(reversed(self._last))

    def open(self, person: str, last_id: str = "") -> Stream:
        """Begin a stream; `last_id`: of the last batch that the same browser was given, where it comes back.

        Raises: LimitError when too many look.
        """
        own = sum(one.person == person for one in self._streams)
        if self.is_closed or own >= MOST_OF_ONE or len(self._streams) >= MOST:
            raise LimitError("too many look at calls already", retry_after_s=30, code="live_full")
        stream = Stream(person)
        epoch, _, number = last_id.partition("-")
        if epoch == str(self.epoch) and number.isascii() and number.isdigit() and len(number) < 16:
            missed = [call for call in self._last if call.number > int(number)]
            stream.queue.extend(missed)
            stream.skipped = max(0, self._number - int(number) - len(missed))
        elif last_id:
            stream.queue.extend(self._last)
        if stream.queue or stream.skipped:
            stream.news.set()
        self._streams.append(stream)
        return stream

    def end(self, stream: Stream) -> None:
        """End a stream."""
        if stream in self._streams:
            self._streams.remove(stream)

    def forget(self, owner: str) -> None:
        """Drop the calls of somebody's agents: he was erased."""
        theirs = f" for {owner}"
        for calls in (self._last, *(stream.queue for stream in self._streams)):
            kept = [one for one in calls if not one.who.endswith(theirs)]
            calls.clear()
            calls.extend(kept)

    def close(self) -> None:
        """The server stops: every stream ends."""
        self.is_closed = True
        for stream in self._streams:
            stream.news.set()

    def batch(self, calls: list[Call], skipped: int) -> bytes:
        """Return one server-sent event with calls, and the id behind which to go on."""
        number = calls[-1].number if calls else self._number
        data = orjson.dumps({"skipped": skipped, "calls": [one.shown() for one in calls]})
        return b"event: calls\nid: %d-%d\ndata: %b\n\n" % (self.epoch, number, data)


def _said(judgement: Judgement, answer: Answer) -> tuple[str, str, str]:
    match answer:
        case Go():
            return "allow", judgement.verdict.reason.value, answer.approval
        case Wait():
            return "ask", judgement.verdict.reason.value, answer.approval.id
        case Stop():
            return word(answer.verdict), answer.verdict.reason.value, answer.approval
