"""How providers fare, on one page: who is well, who is left alone, how fast and how often they answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import Access
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.breaker import State
from firewall.routing.choosing.tally import Fared

PATH = "/console/providers"
MOST_MODELS = 40
"""Models of a provider that are shown: those in trouble first, then the busiest."""
FAILING_PERCENT = 10


_NONE = Fared()


class Health(StrEnum):
    """How a provider fares as a whole."""

    AWAY = "left alone"
    PARTLY = "in part left alone"
    FAILING = "failing"
    WELL = "well"
    QUIET = "not asked"


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """One model at one provider."""

    name: str
    state: State = State.CLOSED
    """The worst of its circuits."""
    wait_s: int = 0
    is_probing: bool = False
    keys: int = 1
    """Circuits that it has: one for each key."""
    shut: int = 0
    """Of these, how many are not closed."""
    fared: Fared = _NONE
    first_ms: int = 0
    """How long its first word takes, as measured lately; 0: not known."""
    busy: int = 0
    """Answers under way."""

    @property
    def failed_percent(self) -> int:
        """The share of requests that failed, rounded up: one in a thousand is not none."""
        return _percent(self.fared.failed, self.fared.asked)

    @property
    def stood_in_percent(self) -> int:
        """The share of its answers that came after somebody else had failed."""
        return _percent(self.fared.stood_in, self.fared.answered)

    @property
    def circuit(self) -> str:
        """Where its circuit stands, in words."""
        of_keys = f" ({self.shut} of {self.keys} keys)" if self.keys > 1 and self.shut else ""
        if self.state is State.OPEN:
            return f"left alone for {_duration(self.wait_s)}{of_keys}"
        if self.state is State.HALF_OPEN:
            return f"{'being tried' if self.is_probing else 'to be tried again'}{of_keys}"
        return "in use" if self.keys and (self.fared.asked or self.busy) else "not asked"


@dataclass(frozen=True, slots=True)
class ProviderSeen:
    """One provider with its models."""

    name: str
    dialect: str
    hosting: str
    region: str
    models: tuple[ModelSeen, ...]

    @property
    def fared(self) -> Fared:
        """All its models together."""
        return sum((one.fared for one in self.models), _NONE)

    @property
    def failed_percent(self) -> int:
        """The share of its requests that failed, rounded up."""
        return _percent(self.fared.failed, self.fared.asked)

    @property
    def health(self) -> Health:
        """How it fares as a whole."""
        shut = [one for one in self.models if one.state is not State.CLOSED]
        if shut:
            is_all = all(one.state is not State.CLOSED for one in self.models if one.fared.asked)
            return Health.AWAY if is_all else Health.PARTLY
        if not self.fared.asked:
            return Health.QUIET
        return Health.FAILING if self.failed_percent >= FAILING_PERCENT else Health.WELL

    @property
    def shown(self) -> tuple[ModelSeen, ...]:
        """The models that the page has room for."""
        return tuple(sorted(self.models, key=_first)[:MOST_MODELS])

    @property
    def more(self) -> int:
        """Models beyond those."""
        return max(0, len(self.models) - MOST_MODELS)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the page shows."""

    providers: tuple[ProviderSeen, ...]
    at_us: int
    shared: str = ""
    """How circuits are shared with other processes, in words; empty: they are not."""

    @property
    def at(self) -> str:
        """When it was so."""
        return datetime.fromtimestamp(self.at_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    @property
    def troubled(self) -> Sequence[str]:
        """Names of providers that are not well."""
        bad = (Health.AWAY, Health.PARTLY, Health.FAILING)
        return [one.name for one in self.providers if one.health in bad]


class ProviderDesk(Protocol):
    """Knows how providers fare."""

    def look(self) -> Overview:
        """Return how they fare now."""
        ...


class ProviderPage:
    """The room of the page; it changes nothing and writes nothing."""

    tab = Tab(PATH, "Providers", Access.READER)

    def __init__(self, desk: ProviderDesk) -> None:
        self._desk = desk

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its route."""

        async def show(_request: Request, visitor: Visitor) -> Response:
            return frame.html("providers.html", visitor, self.tab, page=self._desk.look())

        return (frame.page(PATH, show, self.tab.needs),)


def _first(one: ModelSeen) -> tuple[bool, int, str]:
    return one.state is State.CLOSED, -one.fared.asked, one.name


def _percent(part: int, whole: int) -> int:
    return -(-100 * part // whole) if whole else 0


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
