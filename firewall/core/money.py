"""Money: integer micro-USD, prices with tiers, and what an answer of a model costs.

INVARIANT: no fraction of a micro-dollar is ever lost: a price is rounded up where it is read, a cost where it is
made, so that what is booked is never less than what is owed.
"""

from dataclasses import dataclass, fields
from operator import attrgetter

from firewall.core.fast_init import fast_init, maker

MILLION = 1_000_000
THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class Tier:
    """What applies to all tokens of a call whose input is longer than `over_tokens`."""

    over_tokens: int
    micros: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Micro-USD for a million tokens (or a thousand searches); the highest tier that is passed holds for all."""

    base: int
    tiers: tuple[Tier, ...] = ()
    """In ascending order."""

    def at(self, input_tokens: int) -> int:
        """Return the rate of a call with so many input tokens."""
        rate = self.base
        for tier in self.tiers:
            if input_tokens > tier.over_tokens:
                rate = tier.micros
        return rate

    def up_to(self, input_tokens: int) -> int:
        """Return the highest rate of any call with at most so many input tokens."""
        return max(self.base, *(tier.micros for tier in self.tiers if input_tokens > tier.over_tokens), 0)


@fast_init
@dataclass(frozen=True, slots=True)
class Tokens:
    """What was used, as prices need it. Kinds are contained in their totals: nothing is counted twice."""

    input: int = 0
    """All of the input, with what was read from and written to a cache, in every modality."""
    cache_read: int = 0
    cache_write: int = 0
    """Written to a cache for minutes; not what was written for an hour."""
    cache_write_1h: int = 0
    input_image: int = 0
    input_audio: int = 0
    output: int = 0
    """All of the output, reasoning included."""
    reasoning: int = 0
    output_image: int = 0
    output_audio: int = 0
    searches: int = 0
    """Searches of the web that the provider made, each with a price of its own."""

    def __add__(self, other: "Tokens") -> "Tokens":
        """Return the sum, kind by kind: what several attempts used together."""
        return Tokens(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Tokens)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs; a kind without a rate of its own costs what its total does."""

    input: Rate
    output: Rate
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    input_image: Rate | None = None
    input_audio: Rate | None = None
    reasoning: Rate | None = None
    output_image: Rate | None = None
    output_audio: Rate | None = None
    search: Rate | None = None
    """For a thousand."""
    request_micros: int = 0
    """For each call."""
    source: str = ""
    """Where the price comes from, e.g. `genai-prices 0.2.3` or `models.toml`."""
    as_of: str = ""
    """The day of the price, ISO 8601."""


UNUSED = Tokens()
tokens_of = maker(Tokens)
_IN = ("cache_read", "cache_write", "cache_write_1h", "input_image", "input_audio")
_OUT = ("reasoning", "output_image", "output_audio")
_special = attrgetter(*_IN, *_OUT, "searches")
_NONE_SPECIAL = (0,) * 9


def cost(price: Price, used: Tokens) -> int:
    """Return the micro-USD of one call, rounded up.

    Kinds that together are more than their total (a provider that counts in its own way) are paid each, and the
    rest of the total is nothing, never less than nothing.
    """
    at = used.input
    if _special(used) == _NONE_SPECIAL:  # most calls: nothing but text, none of it from a cache
        owed = max(at, 0) * price.input.at(at) + max(used.output, 0) * price.output.at(at)
        return -(-owed // MILLION) + price.request_micros
    owed = _kinds(price, used, _IN, total=used.input, rate=price.input, at=at)
    owed += _kinds(price, used, _OUT, total=used.output, rate=price.output, at=at)
    owed += used.searches * (price.search.at(at) if price.search else 0) * (MILLION // THOUSAND)
    return -(-owed // MILLION) + price.request_micros


def _kinds(price: Price, used: Tokens, kinds: tuple[str, ...], *, total: int, rate: Rate, at: int) -> int:
    rest, owed = total, 0
    for kind in kinds:
        count = getattr(used, kind)
        if not count:
            continue
        own: Rate | None = getattr(price, kind)
        if own is None and kind == "cache_write_1h":
            own = price.cache_write
        if own is not None:
            owed += count * own.at(at)
            rest -= count
    return owed + max(rest, 0) * rate.at(at)


def worst(price: Price, *, input_tokens: int, output_tokens: int, searches: int = 0) -> int:
    """Return the most that a call may cost: at most so many tokens, each of the dearest kind at any tier below."""
    dearest_in = max(_rates(price, ("input", *_IN), input_tokens))
    dearest_out = max(_rates(price, ("output", *_OUT), input_tokens))
    owed = input_tokens * dearest_in + output_tokens * dearest_out
    owed += searches * (price.search.up_to(input_tokens) if price.search else 0) * (MILLION // THOUSAND)
    return -(-owed // MILLION) + price.request_micros


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The dearest rates of a price by length of input, looked up once: what `worst` finds for every call anew."""

    steps: tuple[tuple[int, int, int, int], ...]
    """For more than so many tokens of input: the dearest rate of input and of output, and that of searches."""
    request_micros: int

    def most(self, input_tokens: int, output_tokens: int, searches: int = 0) -> int:
        """Return what `worst` does, in micro-USD."""
        _, read, wrote, search = self.steps[0]
        for over, *dearer in self.steps[1:]:
            if input_tokens > over:
                read, wrote, search = dearer
        owed = input_tokens * read + output_tokens * wrote
        if searches:
            owed += searches * search * (MILLION // THOUSAND)
        return -(-owed // MILLION) + self.request_micros


def ceiling_of(price: Price) -> Ceiling:
    """Return the dearest rates of a price, tier by tier."""
    rates: list[Rate | None] = [getattr(price, kind) for kind in ("input", *_IN, "output", *_OUT, "search")]
    overs = sorted({tier.over_tokens for rate in rates if rate is not None for tier in rate.tiers})
    return Ceiling(
        tuple(
            (
                over,
                max(_rates(price, ("input", *_IN), over + 1)),
                max(_rates(price, ("output", *_OUT), over + 1)),
                price.search.up_to(over + 1) if price.search else 0,
            )
            for over in (-1, *overs)
        ),
        price.request_micros,
    )


def _rates(price: Price, kinds: tuple[str, ...], input_tokens: int) -> list[int]:
    found: list[Rate | None] = [getattr(price, kind) for kind in kinds]
    return [rate.up_to(input_tokens) for rate in found if rate is not None]


def dollars(micros: int) -> str:
    """Write micro-USD as dollars with as many decimals as they need, two at least: `1.50`, `0.000125`."""
    sign = "-" if micros < 0 else ""
    whole, part = divmod(abs(micros), MILLION)
    decimals = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"
