"""What a model costs and how long it may read and write, looked up once a minute and not for every call.

INVARIANT: a quote is of the prices in force and of the present minute: others are found anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firewall.core.money import Ceiling, Price, Tier
from firewall.spend.estimate import IMAGE_TOKENS, OVERHEAD_TOKENS, Bound, image_tokens
from firewall.spend.prices import MINUTE_US, Prices, Sold

USUAL_WINDOW = 1_050_000
USUAL_OUTPUT = 128_000
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Longest:
    """How much a model reads and writes; None: nobody says."""

    window: int | None = None
    output: int | None = None
    own_window: int | None = None
    """The window as the operator says it: nothing larger is ever read there. That of a price list may be too
    small, where a header asks for a larger one."""
    thinks: bool = True
    """It may think unseen, as far as anybody says."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What is known of a model that is sold."""

    price: Price | None
    """Of no variant; None: nobody knows it."""
    ceiling: Ceiling | None
    """Of that price."""
    window: int
    """Tokens that it reads at most."""
    output: int
    """Tokens that it writes at most in one answer."""
    own_window: int | None = None
    """As in `Longest`."""
    image_tokens: int = IMAGE_TOKENS
    """Tokens that it counts for one image at most."""
    thinks: bool = True
    """As in `Longest`."""

    def read(self, bound: Bound) -> int:
        """Return how many tokens a request may have at this model, all of its samplings together."""
        most = bound.input_tokens
        if most is None:
            most = self.window
        else:
            if bound.images:
                most += bound.images * (self.image_tokens - IMAGE_TOKENS)
            if self.own_window is not None:
                most = min(most, self.own_window + OVERHEAD_TOKENS)
        return most * (1 + bound.compactions)

    def wrote(self, bound: Bound) -> int:
        """Return how many tokens may be written, in all answers and samplings together."""
        each = self.output if bound.output_tokens is None else bound.output_tokens
        return each * bound.answers + self.output * bound.compactions


class Quotes:
    """Quotes of the present minute."""

    def __init__(self) -> None:
        self._prices: Prices | None = None
        self._longest: Callable[[Sold], Longest] | None = None
        self._minute = 0
        self._known: dict[int, tuple[Sold, Quote]] = {}
        """By the identity of what is sold, which stands beside its quote and so keeps it."""

    def of(self, sold: Sold, at_us: int, prices: Prices, longest: Callable[[Sold], Longest]) -> Quote:
        """Return the quote of a model at an instant.

        `prices`: those in force; `longest`: what it says of a model changes only when prices are swapped.
        """
        minute = at_us // MINUTE_US
        is_new = prices is not self._prices or minute != self._minute or longest is not self._longest
        if is_new or len(self._known) > _MOST:
            self._prices, self._longest, self._minute, self._known = prices, longest, minute, {}
        found = self._known.get(id(sold))
        if found is None:
            found = self._known[id(sold)] = sold, _quote(prices, longest(sold), sold, at_us)
        return found[1]


def _quote(prices: Prices, longest: Longest, sold: Sold, at_us: int) -> Quote:
    window = longest.window or prices.context_window(sold) or USUAL_WINDOW
    price = prices.of(sold, at_us)
    if (
        longest.own_window is None
        and price is not None
        and any(tier.over_tokens >= window for tier in _tiers(price))
    ):
        window = max(window, USUAL_WINDOW)  # it has a price beyond its window, so some requests are longer
    ceiling = prices.ceiling(sold, at_us)
    wrote = longest.output or min(USUAL_OUTPUT, window)
    return Quote(price, ceiling, window, wrote, longest.own_window, image_tokens(sold.model), longest.thinks)


def _tiers(price: Price) -> tuple[Tier, ...]:
    return (*price.input.tiers, *price.output.tiers)
