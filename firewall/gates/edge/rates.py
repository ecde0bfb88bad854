"""Request rates: what one request draws, from its token's buckets, its ancestors' and its owner's (DESIGN 6.5)."""

from functools import lru_cache

from firewall.core.bucket import overdrawn, per_minute
from firewall.core.errors import LimitError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Take, Unit, Unmet
from firewall.guard.requester import Requester
from firewall.tokens.service import Draw

EGRESS_FACTOR = 20
"""Installing packages makes hundreds of requests a minute: reads of listed hosts have buckets of their own."""

MOST_OVERDRAWN = 1024


_KEPT = 1024
_of_requests: dict[str, tuple[tuple[Draw, ...], tuple[Take, ...]]] = {}
"""By the first one's key, what was made of which: a token has the same draws while it is known."""


def takes_of(draws: tuple[Draw, ...], *, of: str = "requests") -> tuple[Take, ...]:
    """Return the steps that take one request from every bucket that has a limit; `of`: which kind of bucket."""
    if not draws or of != "requests":
        return _made(draws, of)
    kept = _of_requests.get(draws[0].key)
    if kept is not None and kept[0] is draws:
        return kept[1]
    takes = _made(draws, of)
    if len(_of_requests) >= _KEPT:
        _of_requests.clear()
    _of_requests[draws[0].key] = (draws, takes)
    return takes


@lru_cache(maxsize=1024)
def _made(draws: tuple[Draw, ...], of: str) -> tuple[Take, ...]:
    factor = EGRESS_FACTOR if of == "egress" else 1
    return tuple(
        Take(f"{of}:{draw.key}", per_minute(draw.requests_per_minute * factor))
        for draw in draws
        if draw.requests_per_minute
    )


def refused(unmet: Unmet) -> LimitError:
    """Return the error for a bucket that is full."""
    return overdrawn(unmet.retry_after_us)


async def draw(sequencer: Sequencer, requester: Requester, *, of: str = "requests") -> None:
    """Take one request, for gates whose own entry comes with the verdict; without a limit nothing is written.

    Raises: LimitError (429), recorded as `limit.hit`; StoreError when nothing can be recorded.
    """
    steps = takes_of(requester.draws, of=of)
    if not steps:
        return
    facts = {"limit": of, "gate": requester.gate, "token": requester.token_id}
    limited = Record(kind="limit.hit", data=facts, principal=requester.principal)
    outcome = await sequencer.submit(Unit(steps=steps, otherwise=(limited,)))
    if isinstance(outcome, Unmet):
        raise refused(outcome)


class Due:
    """What one request has still to draw: in the commit of its verdict, or by itself where it came to none."""

    __slots__ = ("_takes",)

    def __init__(self, takes: tuple[Take, ...] = ()) -> None:
        self._takes = takes

    def collect(self) -> tuple[Take, ...]:
        """Return it, once."""
        takes, self._takes = self._takes, ()
        return takes


NOTHING_DUE = Due()


class Drawing:
    """What requests draw in the commit of their verdict, for gates where judging costs more than refusing.

    A token that has just overdrawn draws before its request is judged, so that nobody is judged for nothing.
    """

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._overdrawn: dict[str, None] = {}

    async def takes(self, requester: Requester) -> tuple[Take, ...]:
        """Return what judging takes from buckets. Raises: LimitError."""
        if requester.token_id not in self._overdrawn:
            return takes_of(requester.draws)
        await draw(self._sequencer, requester)
        self._overdrawn.pop(requester.token_id, None)
        return ()

    async def settle(self, due: Due, requester: Requester) -> None:
        """Draw what a request has not drawn with a verdict. Raises: LimitError."""
        if due.collect():
            try:
                await draw(self._sequencer, requester)
            except LimitError:
                self.overdrew(requester)
                raise

    def overdrew(self, requester: Requester) -> None:
        """Note that a bucket was full."""
        self._overdrawn[requester.token_id] = None
        if len(self._overdrawn) > MOST_OVERDRAWN:
            del self._overdrawn[next(iter(self._overdrawn))]
