"""Clocks of model calls: by provider and model, few of them, and nothing of calls that nobody answered."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from firewall.core.dialect import Dialect
from firewall.core.seen import CallSeen
from firewall.watching import clocks
from firewall.watching.clocks import Clocks

SEEN = CallSeen(
    operation="chat", dialect=Dialect.ANTHROPIC, asked="coder", route="coder", outcome="ok", is_streamed=True,
    entry=7, started_us=1_000_000, ended_us=3_000_000, provider="main", model="m", first_us=1_200_000,
)  # fmt: skip


def test_an_answer_is_measured_from_its_request() -> None:
    """To its end, and where it was streamed to its first piece; a call without an answer is not measured."""
    registry = CollectorRegistry()
    measured = Clocks(registry)
    for seen in (SEEN, replace(SEEN, first_us=0), replace(SEEN, provider="", model="")):
        measured.called(seen)
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
        measured.called(replace(SEEN, model=f"m{number}"))
    measured.called(replace(SEEN, model="m1"))
    other = {"provider": "other", "model": "other"}
    assert registry.get_sample_value("stayhand_model_seconds_count", other) == 3
    assert registry.get_sample_value("stayhand_model_seconds_count", {"provider": "main", "model": "m1"}) == 2
