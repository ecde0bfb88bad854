"""Prices of our own: the `[[model]]` tables of `policies/models.toml`, which win over the price list.

The same tables say what a model can do; keys that are not about prices are left to whoever reads those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from firewall.core.errors import ConfigError
from firewall.core.grant import matches
from firewall.core.money import Price, Rate, Tier

SOURCE = "models.toml"
_RATES = {
    "input_micros_per_million": "input",
    "output_micros_per_million": "output",
    "cache_read_micros_per_million": "cache_read",
    "cache_write_micros_per_million": "cache_write",
    "cache_write_1h_micros_per_million": "cache_write_1h",
    "input_image_micros_per_million": "input_image",
    "input_audio_micros_per_million": "input_audio",
    "reasoning_micros_per_million": "reasoning",
    "output_image_micros_per_million": "output_image",
    "output_audio_micros_per_million": "output_audio",
    "search_micros_per_thousand": "search",
}
_LONG = "long_"
"""`long_input_micros_per_million` and the like hold for calls with more than `long_over_tokens` of input."""
MOST = 10**12
"""A million dollars for a million tokens: nobody means more."""


@dataclass(frozen=True, slots=True)
class Override:
    """One table about prices."""

    provider: str
    """The name in `[[provider]]`; `*` and `?` as in globs."""
    name: str
    """The model's name there, with the same globs."""
    price: Price
    starts: date | None = None
    """The day from which it holds."""

    def fits(self, provider: str, model: str, day: date) -> bool:
        """Tell whether it speaks of this model on this day."""
        return (
            matches(self.provider, provider)
            and matches(self.name, model)
            and (self.starts is None or self.starts <= day)
        )


def overrides_of(tables: object, file: str = SOURCE) -> tuple[Override, ...]:
    """Read the prices in a list of `[[model]]` tables; a table without any is none of ours.

    Raises: ConfigError naming the table and the key, for half a price and for what is no amount.
    """
    if not isinstance(tables, list):
        raise ConfigError(f"`model` in `{file}` is no list of tables", hint="write `[[model]]`", file=file)
    found = [_override(table, place, file) for place, table in enumerate(tables)]
    return tuple(one for one in found if one is not None)


def _override(table: object, place: int, file: str) -> Override | None:
    where = f"model {place + 1} in `{file}`"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is no table", file=file)
    priced = [
        key for key in table if key.endswith(("_micros_per_million", "_micros_per_thousand", "request_micros"))
    ]
    for key in priced:
        known = {*_RATES, *(_LONG + one for one in _RATES), "request_micros"}
        if key not in known:
            raise ConfigError(f"{where}: `{key}` is no price that calls have", file=file)
        if not isinstance(table[key], int) or isinstance(table[key], bool) or not 0 <= table[key] <= MOST:
            raise ConfigError(f"{where}: `{key}` is whole micro-USD, for example 3000000 for $3", file=file)
    if not priced:
        return None
    for key in ("input_micros_per_million", "output_micros_per_million"):
        if key not in table:
            raise ConfigError(f"{where} has half a price: `{key}` is missing", file=file)
    return Override(
        _word(table, "provider", where, file), _word(table, "name", where, file), *_price(table, where, file)
    )


def _word(table: Mapping[str, object], key: str, where: str, file: str) -> str:
    word = table.get(key, "*" if key == "provider" else "")
    if not isinstance(word, str) or not word:
        raise ConfigError(f"{where}: `{key}` names whom it is about", file=file)
    return word


def _price(table: Mapping[str, object], where: str, file: str) -> tuple[Price, date | None]:
    day = table.get("prices_from")
    if day is not None and type(day) is not date:
        raise ConfigError(f"{where}: `prices_from` is a day, for example 2026-11-21", file=file)
    over = table.get("long_over_tokens")
    is_long = any(
        key.startswith(_LONG) and key != "long_over_tokens" for key in table if key[len(_LONG) :] in _RATES
    )
    if is_long and (not isinstance(over, int) or isinstance(over, bool) or over < 1):
        raise ConfigError(f"{where}: prices for long inputs need `long_over_tokens`", file=file)
    rates = {
        name: _rate(table, key, over if isinstance(over, int) else 0)
        for key, name in _RATES.items()
        if key in table
    }
    request = table.get("request_micros", 0)
    price = Price(
        input=rates.pop("input"),
        output=rates.pop("output"),
        request_micros=request if isinstance(request, int) else 0,
        source=SOURCE,
        as_of=day.isoformat() if isinstance(day, date) else "",
        **rates,
    )
    return price, day if isinstance(day, date) else None


def _rate(table: Mapping[str, object], key: str, over: int) -> Rate:
    base, long = table[key], table.get(_LONG + key)
    tiers = (Tier(over, long),) if isinstance(long, int) else ()
    return Rate(base if isinstance(base, int) else 0, tiers)
