"""What operators see: a structured line per verdict, and metrics. Never a name, an argument or a secret."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from firewall.approvals.channels.port import Health
from firewall.core.seen import CallSeen, Over
from firewall.core.spending import Line
from firewall.core.verdict import word
from firewall.guard.answer import Answer, Go, Stop, Wait
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from firewall.loglines import BatchedHandler, Utc, say
from firewall.watching.clocks import Clock, Clocks
from firewall.watching.links import Circuitry

log = logging.getLogger("stayhand.verdict")
_OTHER = ("other", "other")
_JUDGING_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
_CHANNELS = (
    ("delivered", "Messages that a channel to people took."),
    ("failed_attempts", "Tries that a channel to people did not take."),
    ("given_up", "Messages that a channel to people never took."),
)
MAX_MODELS = 200
"""Models that metrics tell apart."""


class Gauged(Protocol):
    """What is measured when somebody looks."""

    @property
    def is_open(self) -> bool:
        """The log takes entries."""
        ...

    @property
    def size(self) -> int:
        """Entries in the log."""
        ...


class _Tally:
    """What calls of one model used and cost since somebody looked last: whole numbers, added up for every call."""

    __slots__ = ("cached", "input", "output", "spent")

    def __init__(self) -> None:
        self.input = self.cached = self.output = 0
        self.spent: dict[str, int] = {}
        """Micro-USD, by how sure that is."""


class _Families:
    """The counters and gauges that Prometheus knows by name; what is put together when read has none here."""

    __slots__ = ("answers", "attempts", "entries", "open", "spent", "tokens", "unpriced", "verdicts")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.verdicts = Counter(
            "stayhand_verdicts_total",
            "Tool calls judged, by gate, verdict, strictest effect and reason.",
            ["gate", "verdict", "effect", "reason"],
            registry=registry,
        )
        self.entries = Gauge("stayhand_log_entries", "Entries in the log.", registry=registry)
        self.open = Gauge(
            "stayhand_log_open", "1 while the log takes entries, so the gates are open.", registry=registry
        )
        self.answers = Counter(
            "stayhand_model_answers_total",
            "Model calls answered, by dialect and outcome.",
            ["dialect", "outcome"],
            registry=registry,
        )
        self.spent = Counter(
            "stayhand_spend_micros_total",
            "What model calls cost in micro-USD, by provider, model and how sure that is.",
            ["provider", "model", "state"],
            registry=registry,
        )
        self.tokens = Counter(
            "stayhand_model_tokens_total",
            "Tokens of model calls, by provider, model and kind; cached input is a part of the input.",
            ["provider", "model", "kind"],
            registry=registry,
        )
        self.unpriced = Counter(
            "stayhand_spend_unpriced_calls_total", "Model calls whose price nobody knows.", registry=registry
        )
        self.attempts = Counter(
            "stayhand_model_attempts_total",
            "Requests to providers for calls that took more than one, by provider and outcome.",
            ["provider", "outcome"],
            registry=registry,
        )


class Telemetry:
    """Counts and lines; one instance per process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)  # before all others: what was tallied is in them when they are read
        self._families = _Families(self.registry)
        self._clocks = Clocks(self.registry)
        self.circuitry = Circuitry(self.registry)
        """How circuits stand, and whether other processes are heard."""
        self._verdicted: dict[tuple[str, str, str, str], int] = {}
        """Since somebody looked last; all of the words are enums, so they are few."""
        self._answered: dict[tuple[str, str], int] = {}
        """Since somebody looked last."""
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._judging = Clock(_JUDGING_S)
        self.watch: Callable[[Judgement, Requester, Answer], None] | None = None
        """Who else is told of every answer of the guard."""
        self.forward: Callable[[CallSeen], None] | None = None
        """Who else is told of model calls; None: nobody, so nothing is put together for them."""
        self.lacks: Callable[[], str] = str
        """Which MCP servers asked for scopes that our logins there lack, in words; empty: none."""
        self.channels: Callable[[], Sequence[Health]] = tuple
        """How channels to people fare."""

    def judged(self, judgement: Judgement, requester: Requester, answer: Answer, *, seconds: float) -> None:
        """Count a verdict and write its one line."""
        if self.watch is not None:
            self.watch(judgement, requester, answer)
        effects = judgement.effects
        words = ",".join(effects)  # their values: they are texts
        effect = effects[0]._value_ if effects else "unknown"
        said, approval, reason = _said(judgement, answer)
        gate, took_us = requester.gate, int(seconds * 1e6)
        key = (gate, said, effect, reason)
        self._verdicted[key] = self._verdicted.get(key, 0) + 1
        self._judging.add(took_us)
        say(
            log,
            f"verdict={said} reason={reason} row={judgement.verdict.row or '-'} gate={gate} "
            f"environment={judgement.environment} effects={words} actions={len(judgement.actions)} "
            f"entry={answer.entry} approval={approval or '-'} token={requester.token_id} "
            f"client={requester.client} digest={judgement.digest[:16] or '-'} policy={judgement.policy[:16]} "
            f"judge_us={took_us}",
        )

    def called(self, over: Over) -> None:
        """Count a model call that is over, and measure it."""
        self.answered(over.dialect.value, over.outcome)
        self._clocks.called(over)

    def answered(self, dialect: str, outcome: str) -> None:
        """Count an answered model call."""
        key = (dialect, outcome)
        self._answered[key] = self._answered.get(key, 0) + 1

    def settled(self, line: Line) -> None:
        """Count what a call used and cost; models beyond MAX_MODELS are `other`, whoever names them."""
        model = (line.provider, line.model)
        tally = self._tallies.get(model)
        if tally is None:
            if len(self._tallies) >= MAX_MODELS:
                model = _OTHER
            tally = self._tallies.setdefault(model, _Tally())
        used = line.used
        tally.input += used.input
        tally.cached += used.cache_read
        tally.output += used.output
        if line.cost_micros is None:
            self._families.unpriced.inc()
        elif line.cost_micros:
            state = line.state.value
            tally.spent[state] = tally.spent.get(state, 0) + line.cost_micros

    def collect(self) -> tuple[Metric, ...]:
        """Count what was tallied, for who reads the counters after this; returns how long judging took."""
        for facts, count in self._verdicted.items():
            self._families.verdicts.labels(*facts).inc(count)
        self._verdicted.clear()
        for words, count in self._answered.items():
            self._families.answers.labels(*words).inc(count)
        self._answered.clear()
        for model, tally in self._tallies.items():
            for kind, count in (("input", tally.input), ("cached", tally.cached), ("output", tally.output)):
                if count:
                    self._families.tokens.labels(*model, kind).inc(count)
            for state, micros in tally.spent.items():
                self._families.spent.labels(*model, state).inc(micros)
            tally.input = tally.cached = tally.output = 0
            tally.spent.clear()
        judging = HistogramMetricFamily(
            "stayhand_judging_seconds",
            "Time to understand and judge one tool call, without the commit.",
            buckets=self._judging.buckets(),
            sum_value=self._judging.sum_us / 1e6,
        )
        return (judging, *self._channels())

    def _channels(self) -> tuple[Metric, ...]:
        families = []
        for field, help_text in _CHANNELS:
            family = CounterMetricFamily(f"stayhand_notify_{field}", help_text, labels=["channel"])
            for one in self.channels():
                family.add_metric([one.channel], getattr(one, field))
            families.append(family)
        return tuple(families)

    def attempted(self, provider: str, outcome: str) -> None:
        """Count a request to a provider; both words are few: configured names and faults."""
        self._families.attempts.labels(provider, outcome).inc()

    def metrics(self, gauged: Gauged) -> bytes:
        """Return all metrics in Prometheus' text format."""
        self._families.entries.set(gauged.size)
        self._families.open.set(int(gauged.is_open))
        return generate_latest(self.registry)


@dataclass(frozen=True, slots=True)
class Condition:
    """How the process fares: the console's `Status`."""

    log: Gauged
    policy: Callable[[], str]
    """Digest of the policy in force."""
    witness: Callable[[], str]
    """How those fare who keep heads of the log."""
    telemetry: Telemetry
    waving: Callable[[], str] = str
    """Who of the approvers waves everything through, in words; empty: nobody."""
    reviews: Callable[[], str] = str
    """Which uses of break-glass nobody reviewed, in words; empty: none."""
    erasing: Callable[[], str] = str
    """What an erasure has not reached yet, in words; empty: nothing."""

    def is_ready(self) -> bool:
        """Calls can be judged and recorded."""
        return self.log.is_open

    def parts(self) -> Mapping[str, str]:
        """Return the state of each part as a short word."""
        return {
            "log": "open" if self.log.is_open else "closed",
            "entries": str(self.log.size),
            "policy": self.policy()[:16],
            "witness": self.witness(),
            "circuits": self.telemetry.circuitry.words(),
            "channels": channel_words(self.telemetry.channels()),
            **({"approvers": waving} if (waving := self.waving()) else {}),
            **({"reviews": reviews} if (reviews := self.reviews()) else {}),
            **({"erasing": erasing} if (erasing := self.erasing()) else {}),
            **({"mcp_scopes": lacks} if (lacks := self.telemetry.lacks()) else {}),
            **({"shared": shared} if (shared := self.telemetry.circuitry.shared()) else {}),
        }

    def metrics(self) -> bytes:
        """Return the metrics."""
        return self.telemetry.metrics(self.log)


def channel_words(found: Sequence[Health]) -> str:
    """Say which channels to people failed when they were tried last, and how; for an admin's eyes only."""
    failing = [f"{one.channel} ({one.last_failure})" for one in found if one.last_failure]
    return f"failing: {', '.join(failing)}" if failing else f"{len(found)} well"


def _said(judgement: Judgement, answer: Answer) -> tuple[str, str, str]:
    match answer:
        case Go():
            return "allow", answer.approval, judgement.verdict.reason._value_
        case Wait():
            return "ask", answer.approval.id, judgement.verdict.reason.value
        case Stop():
            return word(answer.verdict), answer.approval, answer.verdict.reason.value


def set_up_logging(level: str = "INFO") -> None:
    """Write our lines to stderr, one per event, times in UTC; neither threads nor processes are named in them."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as logging's own guide to its cost says: no line names its place
    handler = BatchedHandler(sys.stderr)
    handler.setFormatter(Utc())
    root = logging.getLogger("stayhand")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
