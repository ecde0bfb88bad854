"""Requests and tokens a minute, by the same rule (GCRA) as every other limit.

Tokens are drawn by a likely count before the call and put right after it: what an answer used more is a debt that
later calls wait for, what it used less is given back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from firewall.core.bucket import Rate, per_minute
from firewall.core.budget import NOBODY, OF_CANDIDATE, Scope
from firewall.core.grant import matches
from firewall.core.spending import Pay
from firewall.core.work import Take
from firewall.spend.charging import Ask, Payer
from firewall.spend.prices import Sold


@dataclass(frozen=True, slots=True)
class Limit:
    """One `[[rate]]`: for each holder of a scope that the glob names; 0: not limited."""

    scope: Scope
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    holders: str = "*"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one call has drawn from a bucket of tokens."""

    key: str
    rate: Rate
    cells: int


@lru_cache(maxsize=1024)
def tokens_a_minute(limit: int) -> Rate:
    """Return a rate of `limit` tokens a minute, all of them at once if need be."""
    return Rate(limit=limit, window_us=60_000_000, burst=limit)


def requests_of(limits: tuple[Limit, ...], payer: Payer, first: Sold | None) -> tuple[Take, ...]:
    """Return what a call draws from buckets of requests; of models and providers, from those asked `first`.

    `first` None: it asks no model (a list of them).
    """
    return tuple(
        Take(f"requests:{one.scope.value}:{holder}", per_minute(one.requests_per_minute))
        for one, holder in _holders(limits, payer, first)
        if one.requests_per_minute
    )


def tokens_of(limits: tuple[Limit, ...], own: tuple[tuple[str, int], ...], ask: Ask) -> tuple[Drawn, ...]:
    """Return what a call draws from buckets of tokens; `own`: keys and limits of its token and above it."""
    likely = max(1, ask.bound.likely_tokens)
    rates = {f"tokens:{key}": tokens_a_minute(limit) for key, limit in own if limit}
    for one, holder in _holders(limits, ask.payer, ask.sold[0] if ask.sold else None):
        if one.tokens_per_minute:
            rates[f"tokens:{one.scope.value}:{holder}"] = tokens_a_minute(one.tokens_per_minute)
    return tuple(Drawn(key, rate, min(likely, rate.limit)) for key, rate in rates.items())


def paid(drawn: tuple[Drawn, ...], used: int) -> tuple[Pay, ...]:
    """Return what puts the buckets right when a call used so many tokens."""
    return tuple(Pay(one.key, one.rate, used - one.cells) for one in drawn if used != one.cells)


def _holders(limits: tuple[Limit, ...], payer: Payer, first: Sold | None) -> Iterator[tuple[Limit, str]]:
    names = {
        Scope.TOKEN: payer.token,
        Scope.OWNER: payer.owner,
        Scope.TEAM: payer.about.team,
        Scope.MODEL: first.model if first else "",
        Scope.PROVIDER: first.provider if first else "",
    }
    for one in limits:
        if first is None and one.scope in OF_CANDIDATE:
            continue
        holder = names.get(one.scope) or NOBODY
        if matches(one.holders, holder):
            yield one, holder
