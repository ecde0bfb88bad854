"""The desk of the providers' page: puts together what circuits, measures and routes know."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from firewall.console.routes.providers import ModelSeen, Overview, ProviderSeen
from firewall.core.breaker import State
from firewall.core.ports import Clock
from firewall.routing.choosing.measures import Measures
from firewall.routing.choosing.tally import Fared
from firewall.routing.providers import Provider
from firewall.routing.trying.circuits import Standing

_WORST = (State.OPEN, State.HALF_OPEN, State.CLOSED)


@dataclass(frozen=True, slots=True)
class Faring:
    """A `ProviderDesk` over this process."""

    providers: Iterable[Provider]
    names: Callable[[], Collection[str]]
    """`provider/model` of all that the routes in force name."""
    standing: Callable[[], Collection[Standing]]
    measures: Measures
    clock: Clock
    shared: Callable[[], str]

    def look(self) -> Overview:
        """Return how providers fare now: models that routes name, that were asked lately, or are left alone."""
        now_us = self.clock.now_us()
        fared = self.measures.fared(now_us)
        by_model: dict[str, list[Standing]] = {}
        for one in self.standing():
            by_model.setdefault(f"{one.circuit.provider}/{one.circuit.model}", []).append(one)
        shut = {name for name, found in by_model.items() if _worst(found).state is not State.CLOSED}
        names = sorted({*self.names(), *fared, *shut})
        providers = {one.name: one for one in self.providers}
        seen = tuple(
            ProviderSeen(
                name=provider.name,
                dialect=provider.dialect.value,
                hosting=provider.hosting,
                region=provider.region,
                models=tuple(
                    self._model(name, by_model.get(name, []), fared.get(name, Fared()), now_us)
                    for name in names
                    if name.startswith(f"{provider.name}/")
                ),
            )
            for provider in providers.values()
        )
        return Overview(seen, now_us, self.shared())

    def _model(self, name: str, circuits: list[Standing], fared: Fared, now_us: int) -> ModelSeen:
        worst = _worst(circuits) if circuits else None
        return ModelSeen(
            name=name.partition("/")[2],
            state=State.CLOSED if worst is None else worst.state,
            wait_s=0 if worst is None else int(worst.wait_s) + 1,
            is_probing=worst is not None and worst.is_probing,
            keys=len(circuits),
            shut=sum(one.state is not State.CLOSED for one in circuits),
            fared=fared,
            first_ms=round(self.measures.first_token_us(name, now_us) / 1000),
            busy=self.measures.busy(name),
        )


def _worst(circuits: Iterable[Standing]) -> Standing:
    return min(circuits, key=lambda one: (_WORST.index(one.state), -one.wait_s))
