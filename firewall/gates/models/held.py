"""Holding: an answer with calls that wait for people (DESIGN 5).

A hold is independent of connections: a dropped one cancels nothing, a client that re-sends its request joins and
takes over, and nobody calls the provider twice for it.

INVARIANT: an approved call is released, and its approval consumed, only while a connection is there to receive it,
and only to that one: from then on nobody can join. A connection that dies afterwards loses the approval; the call
never leaves twice (some clients run a call before its stream has ended).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from firewall.approvals.service import Approvals
from firewall.codecs.interface import Pending, Refused, Released
from firewall.core.approval import Approval
from firewall.core.errors import FirewallError
from firewall.core.grant import Grant
from firewall.core.moments import Moment
from firewall.core.ports import Timer
from firewall.gates.models.continuing import Continuing
from firewall.gates.models.naming import told
from firewall.gates.models.origin import Origin
from firewall.gates.models.ruler import AnswerRuler, Ruler, StreamRuler
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Answer, Go, Stop, Wait
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.spend.meter import Meter

log = logging.getLogger("stayhand.models")
DELIVERY_US = 600_000_000
"""How long a refusal waits for a connection that would like to know; approvals have their own time."""


FINISHED_S = 120.0
"""How long a finished answer without a released call stays for a client that lost its connection."""


MAX_CALLS = 128
"""Calls of one answer that are judged; each is two entries and a commit."""
SPENT = "budget_exhausted"
SPENT_TEXT = "the budget is used up, so the answer ends here"
_BROKEN = "the held answer could not be finished, so it ends here"
_TOO_MANY = f"[stayhand] Not run: more than {MAX_CALLS} calls in one answer. Make fewer at a time."


@dataclass(slots=True)
class Waiting:
    """One call of the answer that people have been asked about."""

    pending: Pending
    wait: Wait


@dataclass(slots=True, eq=False)
class Hold:
    """One held answer. `run` is its life; connections come and go."""

    key: tuple[str, str]
    """(principal, digest of the request)."""
    requester: Requester
    ruler: Ruler
    guard: Guard
    approvals: Approvals
    clock: Timer
    origin: Origin
    """The request that is answered."""
    waiting: list[Waiting] = field(default_factory=list)
    generation: int = 0
    """Grows with every connection that takes over; older ones end."""
    is_spent: bool = False
    """Something was released to the present connection: nobody else can join."""
    told: Sequence[tuple[bytes, bytes]] = ()
    """Header fields that say who answered."""
    meter: Meter | None = None
    """The money of the call that is being answered."""
    is_heard: bool = False
    """The provider has said all that it will."""
    heard: list[Callable[[], None]] = field(default_factory=list)
    """Called once as soon as that is so."""
    continuing: Continuing | None = None
    """How refusals are told to the model; None: they are explained to the client."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _concluded: asyncio.Event = field(default_factory=asyncio.Event)

    def attach(self, requester: Requester) -> int:
        """Take over; returns the generation that the connection must keep comparing.

        From now on releases are judged for whoever receives them.
        """
        self.requester = requester
        self.generation += 1
        self._arrived.set()
        self._changed.set()
        return self.generation

    def detach(self, generation: int) -> None:
        """Say that a connection is gone; the hold goes on."""
        if generation == self.generation:
            self._arrived.clear()

    def conclude(self) -> None:
        """The client's patience is over: what is undecided becomes an explanation now."""
        self._concluded.set()

    def end(self, code: str, message: str) -> None:
        """End the answer now; nothing of what is held may leave any more."""
        self.ruler.abort(code, message)
        for event in (self._arrived, self._concluded, self._changed):
            event.set()

    async def changed(self, timeout_s: float) -> bool:
        """Wait until there is more to send or the answer is over; False when the time is over first."""
        await _within(self._changed, timeout_s)
        had_news = self._changed.is_set()
        self._changed.clear()
        return had_news

    async def run(self, rest: AsyncIterator[bytes] | None) -> None:
        """Read the rest of the provider's answer and rule on every call; returns when the answer is over."""
        try:
            await self._decided(rest)
            while self.continuing is not None and self.ruler.refused:
                found = await self.continuing.go_on(self.ruler)
                if found is None:
                    break
                self.ruler, response = found
                self.told = told(response.heard, attempts=self.continuing.attempts)
                self.waiting = []
                await self._decided(response.chunks() if isinstance(self.ruler, StreamRuler) else None)
        except* FirewallError as errors:
            self.end(_code_of(errors), _BROKEN)
        except* Exception as errors:  # noqa: BLE001 - FAIL-CLOSED: whoever follows would otherwise wait for ever
            log.error("a hold broke: %s", type(errors.exceptions[0]).__name__)  # noqa: TRY400 - may quote a call
            self.end("internal_error", _BROKEN)
        finally:
            self._have_heard()
            self._changed.set()
            if self.continuing is not None:
                self.continuing.over(self.ruler)

    async def _decided(self, rest: AsyncIterator[bytes] | None) -> None:
        """Wait until every call of the present answer is ruled on."""
        async with asyncio.TaskGroup() as group:
            for one in self.waiting:
                group.create_task(self._decide(one))
            if isinstance(self.ruler, AnswerRuler) and not self.waiting:
                await self._judge(self.ruler.calls, group)
            if rest is not None and isinstance(self.ruler, StreamRuler):
                await self._read(rest, self.ruler, group)
            self._have_heard()

    def _have_heard(self) -> None:
        self.is_heard = True
        waiting, self.heard = self.heard, []
        for one in waiting:
            one()

    async def _read(self, rest: AsyncIterator[bytes], ruler: StreamRuler, group: asyncio.TaskGroup) -> None:
        async for chunk in rest:
            await self._judge(ruler.feed(chunk), group)
            if self.meter is not None and not await self.meter.pay(len(chunk)):
                self.end(SPENT, SPENT_TEXT)
            if ruler.done:
                return
        await self._judge(ruler.close(), group)

    async def _judge(self, calls: Sequence[Pending], group: asyncio.TaskGroup) -> None:
        judged = await judge_calls(self.guard, self.requester, self.ruler, calls, self.origin)
        self.is_spent = self.is_spent or judged.has_used
        for one in judged.waiting:
            self.waiting.append(one)
            group.create_task(self._decide(one))
        self._changed.set()

    async def _decide(self, one: Waiting) -> None:
        """Wait for people, then for somebody to receive the answer; then judge again and rule."""
        while not self.ruler.done:
            approval = await self._settled(one.wait.approval)
            if not await self._has_receiver(approval):
                self.end("hold_abandoned", "nobody came back for the held answer")
                return
            if self.ruler.done:
                return
            answer = await self.guard.release(one.wait, self.requester)
            if isinstance(answer, Wait) and not self._concluded.is_set():
                one.wait = answer
                continue
            self._rule(one, answer)
            return

    async def _settled(self, approval: Approval) -> Approval:
        """Return the approval once it is decided, or as it stands when the hold is concluded first."""
        deciding = asyncio.create_task(self.approvals.wait(approval.id, until_us=approval.expires_at))
        concluding = asyncio.create_task(self._concluded.wait())
        try:
            await asyncio.wait({deciding, concluding}, return_when=asyncio.FIRST_COMPLETED)
            return deciding.result() if deciding.done() else self.approvals.get(approval.id)
        finally:
            deciding.cancel()
            concluding.cancel()

    async def _has_receiver(self, approval: Approval) -> bool:
        began = Moment.of(self.clock)
        lasts_us = approval.use_before - began.wall_us if approval.use_before else DELIVERY_US
        while not self._arrived.is_set():
            left_us = lasts_us - began.age_us(self.clock)
            if left_us <= 0:
                return False
            await _within(self._arrived, left_us / 1e6)
        return True

    def _rule(self, one: Waiting, answer: Answer) -> None:
        match answer:
            case Go():
                self.is_spent = True
                self.ruler.rule(one.pending.slot, Released())
            case Stop():
                self.ruler.rule(one.pending.slot, Refused(refusal_text(one.pending.call.name, answer)))
            case Wait():
                self.ruler.rule(one.pending.slot, Refused(refusal_text(one.pending.call.name, answer.stopped)))
        self._changed.set()


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging an answer's calls came to."""

    waiting: list[Waiting]
    has_used: bool
    """An approval was used up: the answer belongs to the connection that is there now, and to no later one."""


async def judge_calls(
    guard: Guard,
    requester: Requester,
    ruler: Ruler,
    calls: Sequence[Pending],
    origin: Origin,
) -> Judged:
    """Judge complete calls in order; go and stop are ruled on at once, the rest is returned."""
    waiting: list[Waiting] = []
    has_used = False
    led = origin.led(ruler)
    for pending in calls:
        ruler.judged += 1
        if ruler.judged > MAX_CALLS:
            ruler.rule(pending.slot, Refused(_TOO_MANY))
            continue
        call = replace(pending.call, schema=origin.schema_of(pending.call.name), led=led)
        answer = await guard.judge(call, requester, first_seen=origin.first_seen)
        match answer:
            case Go():
                has_used = has_used or bool(answer.approval)
                ruler.rule(pending.slot, Released())
            case Stop():
                ruler.rule(pending.slot, Refused(refusal_text(pending.call.name, answer)))
            case Wait():
                waiting.append(Waiting(pending, answer))
    return Judged(waiting, has_used)


class Holds:
    """All holds of this process, by (principal, request digest)."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Hold] = {}
        self._living: set[Hold] = set()
        """Also those whose key an equal request that was under way at the same time has taken."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False

    def has_any(self, principal: str) -> bool:
        """Tell whether a principal has a hold, so that most requests need no digest."""
        return bool(self._by_key) and any(key[0] == principal for key in self._by_key)

    def find(self, requester: Requester, digest: str) -> Hold | None:
        """Return the hold that an identical request joins.

        Only a token that permits the same joins: what was released already was judged by the first one's grant.
        """
        hold = self._by_key.get((requester.principal, digest))
        if hold is None or hold.is_spent or not permits_the_same(hold.requester.grant, requester.grant):
            return None
        return hold

    def start(self, hold: Hold, rest: AsyncIterator[bytes] | None, closers: Sequence[Callable[[], None]]) -> None:
        """Register a hold and let it live on its own; `closers` let go of the provider's answer at its end."""
        self._by_key[hold.key] = hold
        self._living.add(hold)
        if self._is_draining:
            hold.conclude()
        task = asyncio.create_task(hold.run(rest))
        task.add_done_callback(lambda _: [close() for close in closers])
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._living.discard(hold))
        loop = asyncio.get_running_loop()
        task.add_done_callback(lambda _: loop.call_later(FINISHED_S, self.forget, hold))

    def forget(self, hold: Hold) -> None:
        """Forget a hold whose answer was delivered or can no longer be."""
        if self._by_key.get(hold.key) is hold:
            del self._by_key[hold.key]

    def revoked(self, token_id: str) -> None:
        """End the holds of a token and its children."""
        for hold in {*self._living, *self._by_key.values()}:
            if token_id in hold.requester.lineage:
                try:
                    hold.end("token_revoked", "the token was revoked while a call was held")
                except Exception:  # whatever one hold does, the others end as well
                    log.critical("a hold of a revoked token did not end", exc_info=True)
                self.forget(hold)

    def drain(self) -> None:
        """End every wait, those that begin from now on as well: undecided calls become explanations.

        Approvals stay and survive the restart.
        """
        self._is_draining = True
        for hold in {*self._living, *self._by_key.values()}:
            hold.conclude()

    async def stop(self) -> None:
        """Cancel what still runs; approvals stay, and an identical repeat finds them after the restart."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def permits_the_same(one: Grant, other: Grant) -> bool:
    """Tell whether two grants differ in nothing but time, session and descent."""
    left = replace(one, expires_at=other.expires_at, session="", parent="", depth=0)
    return left == replace(other, session="", parent="", depth=0)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return


def _code_of(errors: BaseExceptionGroup[FirewallError]) -> str:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first.code if isinstance(first, FirewallError) else "internal_error"
