"""One call's money while it runs and at its end: what it owes, how sure that is, and when it must stop."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from firewall.codecs.interface import Usage
from firewall.core.budget import Account
from firewall.core.errors import StoreError
from firewall.core.fast_init import fast_init, maker
from firewall.core.money import UNUSED, Price, Tokens, cost, tokens_of
from firewall.core.spending import Extend, Line, Part, Settle, State, part_of
from firewall.core.work import Committed, Plain, Record, Step, Unit
from firewall.spend.charging import draws_from
from firewall.spend.estimate import owed_output
from firewall.spend.prices import Sold
from firewall.spend.rates import Drawn, paid
from firewall.spend.service import Offer, Opened, Spending

_PLAIN_TIERS = frozenset({"", "default", "standard", "auto"})
MOST_COUNTED = 1_000_000_000
"""More than a call can use: a count that the ledger has no room for would leave the call unbooked."""


@fast_init
@dataclass(frozen=True, slots=True)
class Used:
    """What one provider counted for one answer."""

    sold: Sold
    usage: Usage


@fast_init
@dataclass(frozen=True, slots=True)
class Settled:
    """How a call is settled: for the unit of its last entry."""

    line: Line
    steps: tuple[Step, ...]

    @property
    def facts(self) -> Mapping[str, Plain]:
        """What the entry says of money; an unknown cost is no number."""
        line = self.line
        facts: dict[str, Plain] = {"call": line.call, "cost": line.state._value_}
        if line.cost_micros is not None:
            facts["cost_micros"] = line.cost_micros
        if line.price:
            facts["price"] = line.price
        return facts


_settled = maker(Settled)
_settle = maker(Settle)


@dataclass(slots=True, eq=False)
class Meter:
    """The money of one call; one for each, from its entry to its settlement."""

    spending: Spending
    opened: Opened
    entry: int
    drawn: tuple[Drawn, ...] = ()
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    attempts: int = 1
    was_asked: bool = False
    """Somebody may have begun to answer."""
    was_refused: bool = False
    """The provider answered with an error: nothing is owed for that."""
    is_spent: bool = False
    """What is held is used up and nothing more can be."""
    also: tuple[Used, ...] = ()
    """Other attempts of this call that a provider charges for, or may."""
    _by: Sold | None = None
    _seen: int = 0
    _tokens: int = 0
    """Output tokens that money is held for, where it is held in slices."""
    _earlier: "dict[Sold, tuple[int, float]] | None" = None
    """Of answers that broke off: how many bytes came in how many seconds."""
    _counted: "tuple[Usage, _Owed] | None" = None
    """What the answer was found to cost, once: its header and its line say the same."""
    _is_settled: bool = False

    def answered_by(self, provider: str, model: str, *, attempts: int = 1) -> None:
        """Note who answers, once somebody does."""
        self.was_asked, self.attempts = True, attempts
        for offer in self.opened.offers:
            if offer.sold.model == model and offer.sold.provider == provider:
                self._by, self._tokens = offer.sold, offer.slice_tokens
                return
        self._by = Sold(provider, model)

    def unanswered(self, also: tuple[Used, ...], *, attempts: int) -> None:
        """Note that so many requests gave no answer; `also`: those that a provider charges for, or may."""
        self.also = also
        if also:
            self.attempts, self._by = attempts, also[-1].sold

    def begins_again(self) -> None:
        """The answer broke off, and another is to take its place: what it wrote is kept apart from what follows.

        Whoever gave it stands in `also` from now on; until somebody answers, nothing else is owed.
        """
        now = asyncio.get_running_loop().time()
        self._earlier = {**(self._earlier or {}), self._sold: (self._seen, now - self.began)}
        self._seen, self.began, self._tokens = 0, now, self.opened.slice_tokens
        self.was_asked = False

    def fed(self, count: int) -> bool:
        """Note so many bytes of the answer; False: what is held is used up by now, so `extend` or stop.

        A token is at least one byte: what was written is never more than what was seen.
        """
        self._seen += count
        return not self._tokens or self._seen <= self._tokens

    async def pay(self, count: int) -> bool:
        """Note so many bytes of the answer and hold more where they need it; False: the answer must stop."""
        return self.fed(count) or await self.extend()

    async def extend(self) -> bool:
        """Hold as much again for this answer as it has, until that is all it may be; False: it must stop."""
        offer = self._offer(self._sold)
        most = offer.output_tokens if offer is not None else 0
        while self._tokens and self._seen > self._tokens:
            if self._tokens >= most:
                self._tokens = 0  # all that it may ever be is held
                break
            step = min(self._tokens, most - self._tokens)
            if not await self._hold(self.opened.parts(step, of=self._sold)):
                self.is_spent = True
                return False
            self._tokens += step
        return True

    async def again(self, sold: Sold) -> bool:
        """Hold the worst case of one more request to a candidate whose last one may cost; False: none is left."""
        return await self._hold(self.opened.parts(of=sold))

    async def _hold(self, parts: tuple[Part, ...]) -> bool:
        """Hold more for this call, of which its entry says nothing yet."""
        opened = self.opened
        if not parts:
            return True
        record = Record(kind="spend.reserved", data={"call": opened.id, "more_micros": _most(parts)})
        try:
            said = await self.spending.sequencer.submit(Unit((record,), (Extend(opened.id, parts),)))
        except StoreError:
            return False  # FAIL-CLOSED: what cannot be held is not there
        if not isinstance(said, Committed):
            return False
        self.opened = replace(opened, reserved_micros=opened.reserved_micros + _most(parts))
        return True

    def cost_of(self, usage: Usage) -> int | None:
        """Return what an answer with this usage costs in micro-USD; None where its price is not known."""
        if usage.beside:
            each = self._all(self._sold, usage)
            return None if any(one.state is State.UNKNOWN for one in each) else sum(one.micros for one in each)
        if usage.is_reported:
            owed = self._owed(self._sold, usage)
            return None if owed.state is State.UNKNOWN else owed.micros
        price = self._price(self._sold, usage)
        return None if price is None else cost(price, counted(usage))

    def settle(self, usage: Usage) -> Settled:
        """Return what the call owes: what its answer used, and what other attempts did."""
        each = [owed for one in self.also for owed in self._all(one.sold, one.usage)] if self.also else []
        if self.was_asked and not self.was_refused:
            each += self._all(self._sold, usage)
        line = self._line(each)
        parts = _charges(self.opened.accounts, each) if self.opened.accounts else ()
        steps: tuple[Step, ...] = (_settle(line, parts, self.opened.held),)
        if self.drawn:
            steps += paid(self.drawn, line.used.input + line.used.output)
        return _settled(line, steps)

    @property
    def _sold(self) -> Sold:
        return self._by or self.opened.offers[0].sold

    def _price(self, sold: Sold, usage: Usage) -> Price | None:
        if usage.service_tier in _PLAIN_TIERS and usage.speed in _PLAIN_TIERS:
            return self.spending.price_of(sold, self.opened.at_us)
        variant = {} if usage.service_tier in _PLAIN_TIERS else {"service_tier": usage.service_tier}
        if usage.service_tier == "batch":
            variant = {"processing": "batch"}
        if usage.speed not in _PLAIN_TIERS:
            variant["speed"] = usage.speed
        return self.spending.price_of(sold, self.opened.at_us, variant)

    def _all(self, sold: Sold, usage: Usage) -> list["_Owed"]:
        """Return what one answer costs, and what its provider charges beside it."""
        if not usage.beside:
            return [self._owed(sold, usage)]
        others = [(replace(sold, model=one.model) if one.model else sold, one.usage) for one in usage.beside]
        return [self._owed(sold, usage), *(self._owed(by, used) for by, used in others)]

    def _owed(self, sold: Sold, usage: Usage) -> "_Owed":
        """Return what one answer costs; counted once where its provider has counted all of it."""
        known = self._counted
        if known is not None and known[0] is usage and known[1].sold is sold:
            return known[1]
        found = self._reckoned(sold, usage)
        if usage.is_reported:
            self._counted = usage, found
        return found

    def _reckoned(self, sold: Sold, usage: Usage) -> "_Owed":
        price = self._price(sold, usage)
        is_exact = usage.is_reported
        tokens = counted(usage) if is_exact else self._estimate(sold, usage)
        if price is None:
            return _owing(sold, tokens, State.UNKNOWN, 0, "")
        micros = cost(price, tokens)
        of = f"{price.source} {price.as_of}"
        if is_exact:
            return _owing(sold, tokens, State.EXACT, micros, of)
        held = self._offer(sold)
        if held is not None and held.worst_micros and not held.slice_tokens:
            micros = min(micros, held.worst_micros)
        return _owing(sold, tokens, State.ESTIMATED, micros, of)

    def _estimate(self, sold: Sold, usage: Usage) -> Tokens:
        """Return an upper estimate where the provider's count is missing or a part."""
        offer, said = self._offer(sold), counted(usage)
        seen, seconds = self._seen, asyncio.get_running_loop().time() - self.began
        if self._earlier is not None and sold in self._earlier:
            seen, seconds = self._earlier[sold]
        wrote = owed_output(
            bound=offer.output_tokens if offer else said.output,
            reported=said.output,
            seen_bytes=seen,
            seconds=seconds,
        )
        return replace(said, input=said.input or self.opened.ask.bound.likely_tokens, output=wrote)

    def _offer(self, sold: Sold) -> Offer | None:
        return next((one for one in self.opened.offers if one.sold == sold), None)

    def _line(self, each: list["_Owed"]) -> Line:
        if len(each) == 1:
            one = each[0]
            return self.opened.line(
                one.state,
                sold=self._sold,
                entry=self.entry,
                used=one.tokens,
                cost_micros=None if one.state is State.UNKNOWN else one.micros,
                attempts=self.attempts,
                price=one.price,
            )
        state = _surest([one.state for one in each])
        if not each and self.was_asked:
            state = State.EXACT  # a provider that answers with an error charges nothing
        is_known = State.UNKNOWN not in [one.state for one in each]
        return self.opened.line(
            state,
            sold=self._sold,
            entry=self.entry,
            used=sum((one.tokens for one in each), UNUSED),
            cost_micros=sum([one.micros for one in each]) if is_known else None,
            attempts=self.attempts,
            price=each[-1].price if each else "",
        )


meter_of = maker(Meter)


@fast_init
@dataclass(frozen=True, slots=True)
class _Owed:
    sold: Sold
    tokens: Tokens
    state: State
    micros: int
    price: str


_owing = maker(_Owed)


def _surest(states: list[State]) -> State:
    """Return the least sure of several states: a sum is as sure as its worst part."""
    order = (State.UNKNOWN, State.ESTIMATED, State.EXACT)
    return next((one for one in order if one in states), State.UNASKED)


def _charges(accounts: tuple[Account, ...], each: list["_Owed"]) -> tuple[Part, ...]:
    """Return what accounts owe; nothing of one that nothing is owed on."""
    if len(each) == 1:
        sold, micros = each[0].sold, each[0].micros
        return tuple([part_of(one.key, micros) for one in accounts if draws_from(one, sold)]) if micros else ()
    charges: dict[str, int] = {}
    for one in each:
        for account in accounts if one.micros else ():
            if draws_from(account, one.sold):
                charges[account.key] = charges.get(account.key, 0) + one.micros
    return tuple([part_of(key, micros) for key, micros in charges.items()])


def _most(parts: tuple[Part, ...]) -> int:
    return max((part.micros for part in parts), default=0)


_counts = attrgetter(
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_image_tokens",
    "input_audio_tokens", "output_tokens", "reasoning_tokens", "output_image_tokens", "output_audio_tokens",
    "searches",
)  # fmt: skip
"""A provider's counts, in the order of `Tokens`."""


def counted(usage: Usage) -> Tokens:
    """Return a provider's counts as prices need them; none is larger than MOST_COUNTED."""
    counts = _counts(usage)
    if max(counts) > MOST_COUNTED:
        counts = tuple(min(one, MOST_COUNTED) for one in counts)
    return tokens_of(*counts)
