"""How circuits stand, and whether processes hear each other of them; read when somebody looks."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from firewall.core.breaker import State
from firewall.core.sharing import Why
from firewall.routing.trying.circuits import Standing
from firewall.routing.trying.sharing import Link


class Circuitry(Collector):
    """Circuits, and the exchange of them with other processes, in words and for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.standing: Callable[[], Sequence[Standing]] = tuple
        """All circuits as they stand now."""
        self.link: Callable[[], Link] | None = None
        """How the exchange fares; None: nothing is shared."""
        self._probed = prometheus_client.Counter(
            "stayhand_health_probes_total",
            "Requests of our own that ask a provider whether it is well, by provider and outcome.",
            ["provider", "outcome"],
            registry=registry,
        )
        registry.register(self)

    def probed(self, provider: str, outcome: str) -> None:
        """Count a request of our own; both words are few: configured names and faults."""
        self._probed.labels(provider, outcome).inc()

    def words(self) -> str:
        """Return how many circuits are not closed, of how many."""
        standing = self.standing()
        shut = sum(one.state is not State.CLOSED for one in standing)
        return f"{shut} of {len(standing)} open"

    def shared(self) -> str:
        """Return how circuits are shared, in a few words; empty: they are not."""
        if self.link is None:
            return ""
        link = self.link()
        if link.is_up:
            return f"shared, {link.told} told of"
        return f"away ({link.why}): each process decides for itself"

    def collect(self) -> Iterable[Metric]:
        """Return how circuits stand now, and where they are shared how that fares."""
        circuits = GaugeMetricFamily(
            "stayhand_circuits", "Circuits by provider and state.", labels=["provider", "state"]
        )
        counted = Counter((one.circuit.provider, one.state.value) for one in self.standing())
        for labels, count in counted.items():
            circuits.add_metric(labels, count)
        return (circuits, *self._of_link())

    def _of_link(self) -> Iterable[Metric]:
        if self.link is None:
            return ()
        link = self.link()
        up = GaugeMetricFamily(
            "stayhand_shared_up",
            "1 while circuits are shared with other processes, 0 while each decides for itself.",
            value=int(link.is_up),
        )
        failures = CounterMetricFamily(
            "stayhand_shared_failures",
            "Exchanges of circuits with other processes that failed, by why.",
            labels=["why"],
        )
        for why in Why:
            failures.add_metric([why.value], link.failures.get(why.value, 0))
        return (up, failures)
