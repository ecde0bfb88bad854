"""What models cost: our own overrides first, then the list of the genai-prices package (docs/adr).

The list is loaded when the first price is needed (a quarter of a second, some 30 MB), never over the network. A
model that neither knows has no price: that is None, never nothing.
"""

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from firewall.core.fast_init import fast_init
from firewall.core.money import MILLION, THOUSAND, Ceiling, Price, Rate, Tier, ceiling_of
from firewall.spend.overrides import Override

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

MINUTE_US = 60_000_000
_CACHED = 4096
_KINDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_image": "input_image_mtok",
    "input_audio": "input_audio_mtok",
    "reasoning": "output_reasoning_mtok",
    "output_image": "output_image_mtok",
    "output_audio": "output_audio_mtok",
    "search": "web_searches_kcount",
}


@fast_init
@dataclass(frozen=True, slots=True)
class Sold:
    """A model as somebody sells it."""

    provider: str
    """The name in `[[provider]]`."""
    model: str
    base_url: str = ""
    """By which the list knows the seller; an address that it does not know has no listed prices."""
    seller: str = ""
    """The seller's name in the list, where the configuration says it (`prices`); it wins over the address."""
    name: str = field(init=False, repr=False, compare=False)
    """`provider/model`."""

    def __post_init__(self) -> None:
        """Spell the name once: every entry of a call names all that may answer."""
        object.__setattr__(self, "name", f"{self.provider}/{self.model}")


@lru_cache(maxsize=_CACHED)
def sold_by(provider: str, model: str, base_url: str, seller: str) -> Sold:
    """Return a model as somebody sells it; the same object for the same words."""
    return Sold(provider, model, base_url, seller)


STANDARD: Mapping[str, str] = {}
"""No variant: neither batch nor a service tier."""


class Prices:
    """Prices by seller, model, minute and variant."""

    def __init__(self, overrides: tuple[Override, ...] = ()) -> None:
        self.overrides = overrides
        self._list: DataSnapshot | None = None
        self._version = ""
        self._known: dict[tuple[Sold, int, tuple[tuple[str, str], ...]], Price | None] = {}
        self._windows: dict[Sold, int | None] = {}
        self._minute = 0
        self._ceilings: dict[int, tuple[Sold, Ceiling | None]] = {}
        """By the identity of what is sold, which stands beside its ceiling and so keeps it."""

    @property
    def is_ready(self) -> bool:
        """The list has been loaded."""
        return self._list is not None

    async def ready(self) -> None:
        """Load the list without stopping everybody else; later calls cost nothing."""
        if self._list is None:
            await asyncio.to_thread(self._load)

    def of(self, sold: Sold, at_us: int, variant: Mapping[str, str] = STANDARD) -> Price | None:
        """Return the price of a model at an instant, or None where nobody knows it.

        `variant`: `service_tier` (flex, priority, …), `processing` (batch), `speed` (fast), as the provider names
        them; one that has no price of its own costs the standard one.
        """
        key = (sold, at_us // MINUTE_US, tuple(sorted(variant.items())) if variant else ())
        if key not in self._known:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[key] = self._find(sold, datetime.fromtimestamp(at_us / 1e6, UTC), variant)
        return self._known[key]

    def ceiling(self, sold: Sold, at_us: int) -> Ceiling | None:
        """Return the dearest rates of a model's price of no variant at an instant; None where nobody knows it."""
        minute = at_us // MINUTE_US
        if minute != self._minute or len(self._ceilings) >= _CACHED:
            self._minute, self._ceilings = minute, {}
        found = self._ceilings.get(id(sold))
        if found is None:
            price = self.of(sold, at_us)
            found = self._ceilings[id(sold)] = sold, None if price is None else ceiling_of(price)
        return found[1]

    def sold_by_name(self, model: str) -> Sold:
        """Return a model as its maker sells it; `seller/model` names another seller of the list."""
        seller, _, name = model.rpartition("/")
        if seller:
            return Sold(seller, name, seller=seller)
        if self._list is None:
            self._load()
        try:
            maker = self._list.find_provider(model.lower(), None, None).id if self._list else ""
        except LookupError:
            maker = ""
        return Sold(maker, model, seller=maker)

    def context_window(self, sold: Sold) -> int | None:
        """Return how many tokens the list says that a model can read and write together; None: it does not say."""
        if sold not in self._windows:
            if len(self._windows) >= _CACHED:
                self._windows.clear()
            found = self._listed(sold)
            self._windows[sold] = found[1].context_window if found else None
        return self._windows[sold]

    def _find(self, sold: Sold, at: datetime, variant: Mapping[str, str]) -> Price | None:
        for one in self.overrides:
            if one.fits(sold.provider, sold.model, at.date()):
                return replace(one.price, as_of=one.price.as_of or at.date().isoformat())
        found = self._listed(sold)
        if found is None:
            return None
        provider, model = found
        is_own = any(model is one for one in provider.models)
        price = model.get_prices(at, dict(variant) if is_own and variant else None)
        return _price(price, source=self._version, as_of=at.date().isoformat())

    def _listed(self, sold: Sold) -> "tuple[Provider, ModelInfo] | None":
        if not sold.seller and not sold.base_url:
            return None
        if self._list is None:
            self._load()
        if self._list is None:
            return None
        try:
            return self._list.find_provider_model(
                sold.model, None, sold.seller or None, None if sold.seller else sold.base_url
            )
        except LookupError:
            return None

    def _load(self) -> None:
        from genai_prices import __version__, data_snapshot

        self._version = f"genai-prices {__version__}"
        self._list = data_snapshot.get_snapshot()
        gc.freeze()  # it stays for good: no collection needs to look through it


def _price(listed: "ModelPrice", *, source: str, as_of: str) -> Price | None:
    """Return a listed price in our form; None for what is not sold by tokens.

    A model that is listed without any price (trials, `:free`) is unknown as well: nothing is a price to be stated.
    """
    rates = {name: _rate(getattr(listed, key)) for name, key in _KINDS.items()}
    read = rates.pop("input")
    if read is None:
        return None
    said = rates.pop("output") or Rate(0)  # embeddings put nothing out
    each = listed.requests_kcount
    request = _micros(each) if isinstance(each, Decimal) else 0
    return Price(
        input=read, output=said, request_micros=-(-request // THOUSAND), source=source, as_of=as_of, **rates
    )


def _rate(value: "Decimal | TieredPrices | None") -> Rate | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return Rate(_micros(value))
    return Rate(_micros(value.base), tuple(Tier(tier.start, _micros(tier.price)) for tier in value.tiers))


def _micros(dollars: Decimal) -> int:
    """Return dollars as whole micro-USD, rounded up."""
    return int((dollars * MILLION).to_integral_value(ROUND_CEILING))
