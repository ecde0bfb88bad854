"""Clocks of model calls: by provider and model, few of them, and nothing of calls that nobody answered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from firewall.core.dialect import Dialect
from firewall.core.seen import Over
from firewall.watching import clocks
from firewall.watching.clocks import Clocks

OVER = Over(Dialect.ANTHROPIC, "ok", "main", "m", 2_000_000, 200_000)


def test_an_answer_is_measured_from_its_request() -> None:
    """To its end, and where it was streamed to its first piece; a call without an answer is not measured."""
    registry = CollectorRegistry()
    measured = Clocks(registry)
    for over in (OVER, replace(OVER, first_us=0), replace(OVER, provider="", model="")):
        measured.called(over)
    labels = {"provider": "main", "model": "m"}
    assert registry.get_sample_value("stayhand_model_seconds_sum", labels) == 4.0
    assert registry.get_sample_value("stayhand_model_first_piece_seconds_count", labels) == 1
    assert registry.get_sample_value("stayhand_model_first_piece_seconds_sum", labels) == pytest.approx(0.2)


def test_models_beyond_the_bound_share_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names there are."""
    monkeypatch.setattr(clocks, "MAX_MODELS", 2)
    registry = CollectorRegistry()
    measured = Clocks(registry)
    for number in range(5):
        measured.called(replace(OVER, model=f"m{number}"))
    measured.called(replace(OVER, model="m1"))
    other = {"provider": "other", "model": "other"}
    assert registry.get_sample_value("stayhand_model_seconds_count", other) == 3
    assert registry.get_sample_value("stayhand_model_seconds_count", {"provider": "main", "model": "m1"}) == 2


@given(
    st.lists(st.integers(1, 400_000_000) | st.sampled_from([50_000, 100_000, 1_000_000, 300_000_000]), max_size=20)
)
def test_the_buckets_are_those_of_a_histogram(times: list[int]) -> None:
    """A time lies where Prometheus' own library puts it, also one that is as long as a bucket's limit."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    measured = Clocks(ours)
    slow = Histogram("stayhand_model_seconds", "T", ["provider", "model"], buckets=clocks.SECONDS, registry=theirs)
    for took_us in times:
        measured.called(replace(OVER, took_us=took_us))
        slow.labels("main", "m").observe(took_us / 1e6)
    labels = {"provider": "main", "model": "m"}
    for limit in (*(str(float(one)) for one in clocks.SECONDS), "+Inf"):
        named = {**labels, "le": limit}
        name = "stayhand_model_seconds_bucket"
        assert ours.get_sample_value(name, named) == theirs.get_sample_value(name, named)
    assert ours.get_sample_value("stayhand_model_seconds_count", labels) == (len(times) or None)
