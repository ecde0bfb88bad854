"""A bar for each day, as numbers that a template writes as SVG; the same stands in words and in a table. Pure.

No script and no style attribute: a strict Content-Security-Policy lets it be drawn. A screen reader reads its
title and description, and whoever wants the figures opens the table behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from firewall.core.money import dollars

WIDTH, HEIGHT = 720, 160
"""Of the plot, in units of its viewBox."""
SPARK = (120, 24)
"""Of small bars."""
_GAP = 0.25
"""Of a day's width that stays empty."""
_EPOCH = date(1970, 1, 1)
_CENT = 10_000


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    day: str
    """ISO 8601."""
    micros: int
    guessed_micros: int
    calls: int
    x: float
    y: float
    width: float
    height: float
    guessed_height: float
    """The upper part of it that nobody counted."""

    @property
    def money(self) -> str:
        """What the day cost, in words."""
        return money(self.micros)

    @property
    def guessed(self) -> str:
        """What nobody counted of it, in words."""
        return money(self.guessed_micros)


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars of some days."""

    bars: tuple[Bar, ...]
    width: int
    height: int
    words: str
    """What is to be seen, in a sentence."""

    @property
    def most(self) -> str:
        """The dearest day's amount: the top of the plot."""
        return money(max((bar.micros for bar in self.bars), default=0))


@dataclass(frozen=True, slots=True)
class Day:
    """What one day cost."""

    micros: int = 0
    guessed_micros: int = 0
    calls: int = 0


_NOTHING = Day()


@dataclass(frozen=True, slots=True)
class Spark:
    """Small bars of many days, as one path."""

    path: str
    width: int
    height: int
    words: str
    """What is to be seen, in a sentence."""


def plot_of(costs: Mapping[int, Day], first: int, last: int) -> Plot:
    """Return a bar for each day from `first` to `last` (days since 1970), those without a call included."""
    days = range(first, last + 1)
    top = max((costs[day].micros for day in days if day in costs), default=0)
    step = WIDTH / len(days)
    bars = []
    for place, day in enumerate(days):
        found = costs.get(day, _NOTHING)
        tall = _scaled(found.micros, top, HEIGHT)
        bars.append(
            Bar(
                day=day_name(day),
                micros=found.micros,
                guessed_micros=found.guessed_micros,
                calls=found.calls,
                x=round(step * (place + _GAP / 2), 2),
                y=round(HEIGHT - tall, 2),
                width=round(step * (1 - _GAP), 2),
                height=tall,
                guessed_height=min(tall, _scaled(found.guessed_micros, top, HEIGHT)),
            )
        )
    words = _words({day: found.micros for day, found in costs.items() if day in days}, first, last)
    return Plot(tuple(bars), WIDTH, HEIGHT, words)


def spark_of(costs: Mapping[int, int], first: int, last: int) -> Spark:
    """Return small bars of the days from `first` to `last` that cost anything; all of `costs` lie between."""
    width, height = SPARK
    top = max(costs.values(), default=0)
    step = width / (last + 1 - first)
    bars = (
        f"M{step * (day - first + _GAP / 2):.1f} {height}v-{_scaled(micros, top, height):.1f}"
        f"h{step * (1 - _GAP):.1f}V{height}z"
        for day, micros in sorted(costs.items())
        if micros > 0
    )
    return Spark("".join(bars), width, height, _words(costs, first, last))


def _scaled(part: int, whole: int, height: int) -> float:
    """Return how tall an amount is; what is more than nothing is seen."""
    return round(max(1.0, height * part / whole), 2) if part > 0 and whole > 0 else 0.0


def _words(costs: Mapping[int, int], first: int, last: int) -> str:
    whole = sum(costs.values())
    if not whole:
        return f"Nothing was spent from {day_name(first)} to {day_name(last)}."
    dearest = max(costs, key=lambda day: (costs[day], -day))
    half = (last + 1 - first) // 2
    before = sum(micros for day, micros in costs.items() if day < first + half)
    after = sum(micros for day, micros in costs.items() if day > last - half)
    turn = f" The later half of these days cost {money(after)}, the earlier half {money(before)}." if half else ""
    return (
        f"{money(whole)} from {day_name(first)} to {day_name(last)}; "
        f"most on {day_name(dearest)}, {money(costs[dearest])}.{turn}"
    )


def day_name(day: int) -> str:
    """Return a day since 1970 as ISO 8601."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def moment(at_us: int) -> str:
    """Return an instant (unix microseconds) in UTC, RFC 3339, to the second."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def money(micros: int) -> str:
    """Return micro-USD as a person reads them: to the cent, or exactly where they are less than one."""
    if -_CENT < micros < _CENT:
        return "$" + dollars(micros) if micros else "$0"
    cents = (abs(micros) + _CENT // 2) // _CENT
    return f"{'-' if micros < 0 else ''}${cents // 100:,}.{cents % 100:02}"


def percent(part: int, whole: int) -> int:
    """Return a share in percent, rounded up: one in a thousand is not none. Of nothing, it is 0."""
    return -(-100 * part // whole) if whole > 0 else 0


def portion(part: int, whole: int) -> int:
    """Return a part in percent, rounded to the nearest, so that parts add up; what is not none is at least 1."""
    return max((200 * part + whole) // (2 * whole), 1 if part > 0 else 0) if whole > 0 else 0
