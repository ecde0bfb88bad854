"""Model calls as traces and metrics: one trace from the agent to each attempt, and nothing of what was said."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from firewall.core.dialect import Dialect
from firewall.core.seen import AttemptSeen, CallSeen
from firewall.core.tracing import Trace
from firewall.watching import otel
from firewall.watching.otel import Collector, OpenTelemetry
from tests.support.collector import Collected, attributes_of, collecting

AGENT = Trace(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, is_sampled=True)
START = 1_790_000_000_000_000
FAILED = AttemptSeen("main", Dialect.ANTHROPIC, "claude-x", "overloaded", START + 100, START + 900, 529)
ANSWERED = AttemptSeen("spare", Dialect.OPENAI_CHAT, "gpt-x", "answered", START + 1000, START + 5000, 200)
SEEN = CallSeen(
    operation="chat", dialect=Dialect.ANTHROPIC, asked="coder", route="coder", outcome="ok", is_streamed=True,
    entry=7, started_us=START, ended_us=START + 5_500, first_us=START + 1_500, provider="spare", model="gpt-x",
    input_tokens=100, cached_tokens=40, output_tokens=20, cost_micros=123, trace=AGENT,
    attempts=(FAILED, ANSWERED),
)  # fmt: skip


@pytest.fixture
def collected() -> Iterator[Collected]:
    """A collector."""
    with collecting() as found:
        yield found


def sent(collected: Collected, *seen: CallSeen, sample_percent: int = 100) -> list[Span]:
    """Let these calls be sent, and return the spans that arrived."""
    headers = {"authorization": "Bearer c"}
    watching = OpenTelemetry(Collector(collected.address, headers, "house", sample_percent))
    for one in seen:
        watching.called(one)
    watching.close()
    return collected.spans


def test_one_trace_leads_from_the_agent_to_every_attempt(collected: Collected) -> None:
    """The call hangs below the agent's span, the attempts below the call, at their times and with their ends."""
    spans = {span.name + str(index): span for index, span in enumerate(sent(collected, SEEN))}
    assert {int.from_bytes(span.trace_id) for span in spans.values()} == {AGENT.trace_id}
    call = next(span for span in spans.values() if span.kind == Span.SPAN_KIND_SERVER)
    assert (call.name, int.from_bytes(call.parent_span_id)) == ("chat coder", AGENT.span_id)
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (START * 1000, (START + 5_500) * 1000)
    assert [(event.name, event.time_unix_nano) for event in call.events] == [
        ("first_chunk", (START + 1_500) * 1000)
    ]
    attempts = sorted(
        (span for span in spans.values() if span.kind == Span.SPAN_KIND_CLIENT),
        key=lambda span: span.start_time_unix_nano,
    )
    assert [span.name for span in attempts] == ["chat claude-x", "chat gpt-x"]
    assert {span.parent_span_id for span in attempts} == {call.span_id}
    assert [span.status.code for span in attempts] == [Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET]
    failed = attributes_of(list(attempts[0].attributes))
    assert failed["error.type"] == "overloaded"
    assert failed["http.response.status_code"] == 529
    assert failed["gen_ai.provider.name"] == "anthropic"
    assert collected.services == {"house"}
    assert all(one["authorization"] == "Bearer c" for one in collected.headers)


def test_a_call_says_what_the_conventions_ask_for(collected: Collected) -> None:
    """Operation, models, tokens, time to the first piece, route and cost; no message."""
    [call] = [span for span in sent(collected, SEEN) if span.kind == Span.SPAN_KIND_SERVER]
    assert attributes_of(list(call.attributes)) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "coder",
        "gen_ai.response.model": "gpt-x",
        "gen_ai.request.stream": True,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.response.time_to_first_chunk": 0.0015,
        "stayhand.entry": 7,
        "stayhand.route": "coder",
        "stayhand.provider": "spare",
        "stayhand.attempts": 2,
        "stayhand.outcome": "ok",
        "stayhand.cost_micros": 123,
    }


def test_metrics_count_time_and_tokens(collected: Collected) -> None:
    """Duration, time to the first piece and tokens by kind; a failed call says why."""
    silent = replace(SEEN, outcome="provider_500", first_us=0, input_tokens=0, output_tokens=0, attempts=(FAILED,))
    sent(collected, SEEN, silent)
    duration = collected.metrics["gen_ai.client.operation.duration"]
    points = duration.histogram.data_points
    assert duration.unit == "s"
    assert sorted(str(attributes_of(list(point.attributes)).get("error.type")) for point in points) == [
        "None", "provider_500",
    ]  # fmt: skip
    tokens = collected.metrics["gen_ai.client.token.usage"].histogram.data_points
    by_kind = {attributes_of(list(point.attributes))["gen_ai.token.type"]: point.sum for point in tokens}
    assert by_kind == {"input": 100, "output": 20}
    first = collected.metrics["gen_ai.client.operation.time_to_first_chunk"].histogram.data_points
    assert [point.count for point in first] == [1]


def test_content_goes_only_where_it_was_collected(collected: Collected) -> None:
    """What the gate did not put in is not there; what it did is."""
    told = '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]'
    [call] = sent(collected, replace(SEEN, attempts=(), told=told))
    found = attributes_of(list(call.attributes))
    assert found["gen_ai.input.messages"] == told
    assert "gen_ai.output.messages" not in found


def test_the_agents_own_flag_decides(collected: Collected) -> None:
    """A trace that the agent does not sample is not sent, one that it does is, whatever is sampled here."""
    unsampled = replace(SEEN, trace=replace(AGENT, is_sampled=False))
    assert sent(collected, unsampled) == []
    assert len(sent(collected, SEEN, sample_percent=0)) == 3


def test_without_a_share_nothing_begins_here(collected: Collected) -> None:
    """A call without a trace of its own goes by the share that is configured."""
    assert sent(collected, replace(SEEN, trace=None), sample_percent=0) == []
    assert len(sent(collected, replace(SEEN, trace=None), sample_percent=100)) == 3


def test_a_collector_that_refuses_costs_nobody_an_answer(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are taken without waiting; beyond the bound they are counted and dropped."""
    collected.status = 400
    monkeypatch.setattr(otel, "MOST_WAITING", 1)
    watching = OpenTelemetry(Collector(collected.address, {}))
    for _ in range(1000):
        watching.called(SEEN)
    watching.close()
    assert watching.dropped > 0
    assert collected.spans == []
