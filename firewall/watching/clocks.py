"""How long model calls take, as histograms for Prometheus: counted for every call, put together when read."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily

from firewall.core.seen import Over

MAX_MODELS = 200
"""Models with clocks of their own; the others share one pair: nobody fills the memory with names."""
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""The limits of the buckets."""
_OTHER = ("other", "other")


class Clock:
    """Times: how many lie in each bucket, and their sum."""

    __slots__ = ("_limits_us", "_names", "counts", "sum_us")

    def __init__(self, seconds: Sequence[float]) -> None:
        """`seconds`: the limits of the buckets, whole microseconds, the shortest first."""
        self._limits_us = [round(limit * 1_000_000) for limit in seconds]
        self._names = [*(str(float(limit)) for limit in seconds), "+Inf"]
        self.counts = [0] * len(self._names)
        self.sum_us = 0

    def add(self, took_us: int) -> None:
        """Count a time; one that is as long as a bucket's limit lies within it."""
        self.counts[bisect_left(self._limits_us, took_us)] += 1
        self.sum_us += took_us

    def buckets(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus has them: each with all that are shorter."""
        found, so_far = list[tuple[str, float]](), 0
        for limit, count in zip(self._names, self.counts, strict=True):
            so_far += count
            found.append((limit, so_far))
        return found


class _Timed:
    """The two clocks of one model."""

    __slots__ = ("first", "whole")

    def __init__(self) -> None:
        self.whole = Clock(SECONDS)
        self.first = Clock(SECONDS)


class Clocks:
    """Times of calls by provider and model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._timed: dict[tuple[str, str], _Timed] = {}
        registry.register(self)

    def called(self, over: Over) -> None:
        """Measure a call that somebody answered."""
        if not over.provider:
            return
        model = (over.provider, over.model)
        timed = self._timed.get(model)
        if timed is None:
            known = model if len(self._timed) < MAX_MODELS else _OTHER
            timed = self._timed.setdefault(known, _Timed())
        timed.whole.add(over.took_us)
        if over.first_us:
            timed.first.add(over.first_us)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield both histograms as they stand."""
        whole = HistogramMetricFamily(
            "stayhand_model_seconds",
            "Time from a request to the end of its answer, by provider and model.",
            labels=["provider", "model"],
        )
        first = HistogramMetricFamily(
            "stayhand_model_first_piece_seconds",
            "Time from a streamed request to the first piece of its answer, by provider and model.",
            labels=["provider", "model"],
        )
        for model, timed in self._timed.items():
            for family, clock in ((whole, timed.whole), (first, timed.first)):
                family.add_metric(model, clock.buckets(), clock.sum_us / 1e6)
        yield whole
        yield first
