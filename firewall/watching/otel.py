"""Model calls as OpenTelemetry traces and metrics, by the GenAI semantic conventions, sent as OTLP over HTTP.

One span for the call as the agent sees it, and below it one for every attempt at a provider, so that a trace leads
from the agent to the provider that failed. Spans are made after the call, in a thread of their own: a collector
that is slow or gone costs memory up to a bound, then spans, and never an answer.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/, pinned at 1.44.0.
INVARIANT: no person, no token, no prompt and no answer leaves, but for `content` where it was switched on.
"""

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from firewall.core.dialect import Dialect
from firewall.core.seen import AttemptSeen, CallSeen

log = logging.getLogger("stayhand.telemetry")
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
MOST_WAITING = 10_000
"""Calls that wait to be made spans of; what comes beyond is counted and dropped."""
_TIMEOUT_S = 5
_EVERY_MS = 15_000
_PROVIDERS = {
    Dialect.ANTHROPIC: "anthropic",
    Dialect.OPENAI_CHAT: "openai",
    Dialect.OPENAI_RESPONSES: "openai",
    Dialect.GEMINI: "gcp.gemini",
}
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Collector:
    """Where it is sent."""

    address: str
    """Base address; `/v1/traces` and `/v1/metrics` are appended."""
    headers: Mapping[str, str]
    service: str = "stayhand"
    sample_percent: int = 100
    every_ms: int = _EVERY_MS
    """How often metrics are sent."""


class OpenTelemetry:
    """Makes spans and metrics of what was seen; `close` sends what is left."""

    def __init__(self, collector: Collector) -> None:
        resource = Resource.create({"service.name": collector.service}, SCHEMA)
        base = collector.address.rstrip("/")
        session = requests.Session()
        session.trust_env = False  # neither proxies nor logins of the environment are for this
        spans = OTLPSpanExporter(
            endpoint=f"{base}/v1/traces",
            headers=dict(collector.headers),
            timeout=_TIMEOUT_S,
            session=session,
        )
        share = TraceIdRatioBased(collector.sample_percent / 100)
        self._spans = TracerProvider(resource=resource, sampler=ParentBased(share), shutdown_on_exit=False)
        self._spans.add_span_processor(BatchSpanProcessor(spans))
        self._tracer = self._spans.get_tracer("stayhand", schema_url=SCHEMA)
        metrics = OTLPMetricExporter(
            endpoint=f"{base}/v1/metrics",
            headers=dict(collector.headers),
            timeout=_TIMEOUT_S,
            session=session,
        )
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=collector.every_ms)
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("stayhand", schema_url=SCHEMA)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._waiting: queue.Queue[CallSeen | None] = queue.Queue(MOST_WAITING)
        self.dropped = 0
        """Calls that no span was made of."""
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)
        self._thread.start()

    def called(self, seen: CallSeen) -> None:
        """Take a call; never waits."""
        try:
            self._waiting.put_nowait(seen)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._waiting.put(None)
        self._thread.join(_TIMEOUT_S)
        self._spans.force_flush(_TIMEOUT_S * 1000)
        self._spans.shutdown()
        self._metrics.shutdown(_TIMEOUT_S * 1000)

    def _work(self) -> None:
        while (seen := self._waiting.get()) is not None:
            try:
                self._spanned(seen)
                self._measured(seen)
            except Exception as error:  # noqa: BLE001 - what is only watched must not end the watching
                log.error("a span could not be made: %s", type(error).__name__)  # noqa: TRY400 - may quote a call

    def _spanned(self, seen: CallSeen) -> None:
        call = self._tracer.start_span(
            f"{seen.operation} {seen.asked}".strip(),
            trace.set_span_in_context(_parent(seen)) if seen.trace else None,
            kind=SpanKind.SERVER,
            attributes=_of_call(seen),
            start_time=seen.started_us * 1000,
        )
        if seen.first_us:
            call.add_event("first_chunk", timestamp=seen.first_us * 1000)
        below = trace.set_span_in_context(call)
        for attempt in seen.attempts:
            span = self._tracer.start_span(
                f"{seen.operation} {attempt.model}".strip(),
                below,
                kind=SpanKind.CLIENT,
                attributes=_of_attempt(seen, attempt),
                start_time=attempt.started_us * 1000,
            )
            if attempt.outcome != "answered":
                span.set_status(Status(StatusCode.ERROR, attempt.outcome))
            span.end(attempt.ended_us * 1000)
        if seen.outcome != "ok":
            call.set_status(Status(StatusCode.ERROR, seen.outcome))
        call.end(seen.ended_us * 1000)

    def _measured(self, seen: CallSeen) -> None:
        of = _named(seen)
        failed = {"error.type": seen.outcome} if seen.outcome != "ok" else {}
        self._duration.record((seen.ended_us - seen.started_us) / 1e6, {**of, **failed})
        if seen.first_us:
            self._first.record((seen.first_us - seen.started_us) / 1e6, of)
        for kind, count in (("input", seen.input_tokens), ("output", seen.output_tokens)):
            if count:
                self._tokens.record(count, {**of, "gen_ai.token.type": kind})


def _parent(seen: CallSeen) -> NonRecordingSpan:
    found = seen.trace
    if found is None:
        return NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
    flags = TraceFlags(TraceFlags.SAMPLED if found.is_sampled else TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=flags))


def _named(seen: CallSeen) -> Attributes:
    """Return what metrics tell calls apart by: few values, nobody's name."""
    of: Attributes = {
        "gen_ai.operation.name": seen.operation,
        "gen_ai.provider.name": _PROVIDERS[_spoken(seen)],
        "gen_ai.request.model": seen.asked,
    }
    if seen.model:
        of["gen_ai.response.model"] = seen.model
    return of


def _spoken(seen: CallSeen) -> Dialect:
    return seen.attempts[-1].dialect if seen.attempts else seen.dialect


def _of_call(seen: CallSeen) -> Attributes:
    of = _named(seen)
    of |= {
        "gen_ai.request.stream": seen.is_streamed,
        "stayhand.entry": seen.entry,
        "stayhand.route": seen.route,
        "stayhand.provider": seen.provider,
        "stayhand.attempts": len(seen.attempts),
        "stayhand.outcome": seen.outcome,
    }
    if seen.input_tokens or seen.output_tokens:
        of["gen_ai.usage.input_tokens"] = seen.input_tokens
        of["gen_ai.usage.output_tokens"] = seen.output_tokens
    if seen.cached_tokens:
        of["gen_ai.usage.cache_read.input_tokens"] = seen.cached_tokens
    if seen.first_us:
        of["gen_ai.response.time_to_first_chunk"] = (seen.first_us - seen.started_us) / 1e6
    if seen.cost_micros is not None:
        of["stayhand.cost_micros"] = seen.cost_micros
    if seen.outcome != "ok":
        of["error.type"] = seen.outcome
    for name, text in (("gen_ai.input.messages", seen.told), ("gen_ai.output.messages", seen.said)):
        if text:
            of[name] = text
    return of


def _of_attempt(seen: CallSeen, attempt: AttemptSeen) -> Attributes:
    of: Attributes = {
        "gen_ai.operation.name": seen.operation,
        "gen_ai.provider.name": _PROVIDERS[attempt.dialect],
        "gen_ai.request.model": attempt.model,
        "stayhand.provider": attempt.provider,
    }
    if attempt.status:
        of["http.response.status_code"] = attempt.status
    if attempt.outcome != "answered":
        of["error.type"] = attempt.outcome
    return of
