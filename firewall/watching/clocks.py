"""How long model calls take, as histograms for Prometheus."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram

from firewall.core.seen import Over

MAX_MODELS = 200
"""Models with clocks of their own; the others share one pair: nobody fills the memory with names."""
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_OTHER = ("other", "other")


@dataclass(frozen=True, slots=True)
class _Timed:
    """The two clocks of one model."""

    whole: Histogram
    first: Histogram


class Clocks:
    """Times of calls by provider and model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._whole = Histogram(
            "stayhand_model_seconds",
            "Time from a request to the end of its answer, by provider and model.",
            ["provider", "model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "stayhand_model_first_piece_seconds",
            "Time from a streamed request to the first piece of its answer, by provider and model.",
            ["provider", "model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._timed: dict[tuple[str, ...], _Timed] = {}

    def called(self, over: Over) -> None:
        """Measure a call that somebody answered."""
        if not over.provider:
            return
        timed = self._timed_of(over.provider, over.model)
        timed.whole.observe(over.took_us / 1e6)
        if over.first_us:
            timed.first.observe(over.first_us / 1e6)

    def _timed_of(self, *model: str) -> _Timed:
        known = model if model in self._timed or len(self._timed) < MAX_MODELS else _OTHER
        timed = self._timed.get(known)
        if timed is None:
            timed = self._timed[known] = _Timed(self._whole.labels(*known), self._first.labels(*known))
        return timed
