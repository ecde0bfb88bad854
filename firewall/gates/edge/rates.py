"""Request rates: what one request draws, from its token's buckets, its ancestors' and its owner's (DESIGN 6.5)."""

from functools import lru_cache

from firewall.core.bucket import per_minute
from firewall.core.errors import LimitError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Step, Take, Unit, Unmet
from firewall.guard.requester import Requester
from firewall.tokens.service import Draw

EGRESS_FACTOR = 20
"""Installing packages makes hundreds of requests a minute: reads of listed hosts have buckets of their own."""


@lru_cache(maxsize=1024)
def takes_of(draws: tuple[Draw, ...], *, of: str = "requests") -> tuple[Step, ...]:
    """Return the steps that take one request from every bucket that has a limit; `of`: which kind of bucket."""
    factor = EGRESS_FACTOR if of == "egress" else 1
    return tuple(
        Take(f"{of}:{draw.key}", per_minute(draw.requests_per_minute * factor))
        for draw in draws
        if draw.requests_per_minute
    )


def refused(unmet: Unmet) -> LimitError:
    """Return the error for a bucket that is full."""
    return LimitError("too many requests for this token", retry_after_s=unmet.retry_after_us // 1_000_000 + 1)


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
