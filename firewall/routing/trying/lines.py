"""Waiting for a provider that takes only so many requests at once: bounded, by priority, fair between tokens.

INVARIANT: never more requests are under way than the provider's terms allow, and every place is given back once.
Among those of the highest priority that wait, tokens take turns; a token's own requests keep their order.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.terms import QueueTerms


class FullError(UpstreamError):
    """The line is too long, or did not move in time: 503 with Retry-After."""

    def __init__(self, name: str, retry_after_s: int) -> None:
        super().__init__(
            f"`{name}` has as much to do as it may, try again later",
            fault=UpstreamFault.UNAVAILABLE,
            status=503,
            code="provider_busy",
        )
        self.retry_after_s = retry_after_s


_Turn = OrderedDict[str, deque["asyncio.Future[None]"]]


class Place:
    """Leave to have one request under way."""

    __slots__ = ("_line",)

    def __init__(self, line: "Line | None") -> None:
        self._line = line

    def leave(self) -> None:
        """Give it back; doing so again changes nothing."""
        line, self._line = self._line, None
        if line is not None:
            line.freed()


FREE = Place(None)
"""A place where there is no line."""


@dataclass(slots=True, eq=False)
class Line:
    """Those who wait for one provider."""

    name: str
    terms: QueueTerms
    busy: int = 0
    waiting: int = 0
    _turns: dict[int, _Turn] = field(default_factory=dict)

    async def enter(self, token: str, priority: int) -> Place:
        """Return a place, waiting for it.

        Raises: FullError when too many wait already, or nothing became free in time.
        """
        if not self.terms.concurrent:
            return FREE
        if self.busy < self.terms.concurrent and not self.waiting:
            self.busy += 1
            return Place(self)
        if self.waiting >= self.terms.waiting:
            raise FullError(self.name, self._soon())
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(priority, OrderedDict()).setdefault(token, deque()).append(waiter)
        self.waiting += 1
        try:
            async with asyncio.timeout(self.terms.wait_s):
                await waiter
        except BaseException as error:
            self._withdraw(waiter, token, priority)
            if isinstance(error, TimeoutError):
                raise FullError(self.name, self._soon()) from None
            raise
        return Place(self)

    def freed(self) -> None:
        """Somebody is through: the next one goes."""
        self.busy -= 1
        self._admit()

    def _admit(self) -> None:
        while self.busy < self.terms.concurrent and self.waiting:
            waiter = self._next()
            self.waiting -= 1
            if not waiter.done():
                self.busy += 1
                waiter.set_result(None)

    def _next(self) -> "asyncio.Future[None]":
        """Take out who is next: highest priority, the token whose turn it is, its oldest request."""
        priority = max(self._turns)
        turn = self._turns[priority]
        token, own = turn.popitem(last=False)
        waiter = own.popleft()
        if own:
            turn[token] = own  # behind the others
        if not turn:
            del self._turns[priority]
        return waiter

    def _withdraw(self, waiter: "asyncio.Future[None]", token: str, priority: int) -> None:
        """Forget one who gave up; a place that was given meanwhile goes to the next."""
        turn = self._turns.get(priority, OrderedDict())
        own = turn.get(token, deque())
        if waiter in own:
            own.remove(waiter)
            self.waiting -= 1
            if not own:
                del turn[token]
            if not turn:
                del self._turns[priority]
        elif waiter.done() and not waiter.cancelled():
            self.freed()

    def _soon(self) -> int:
        return max(1, int(self.terms.wait_s))


class Lines:
    """All providers' lines."""

    def __init__(self) -> None:
        self._by_name: dict[str, Line] = {}

    def of(self, name: str, terms: QueueTerms) -> Line:
        """Return a provider's line; changed terms hold from now on."""
        line = self._by_name.get(name)
        if line is None:
            line = self._by_name[name] = Line(name, terms)
        line.terms = terms
        return line

    def listing(self) -> list[tuple[str, int, int]]:
        """Return (provider, under way, waiting) of those that have a line."""
        return [(line.name, line.busy, line.waiting) for line in self._by_name.values() if line.terms.concurrent]
