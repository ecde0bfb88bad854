"""What is seen of a model call once it is over, as values for those who watch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from firewall.codecs.interface import Usage
from firewall.codecs.neutral.content import Hide, input_messages, output_messages
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError
from firewall.core.seen import AttemptSeen, CallSeen, Over
from firewall.core.tracing import trace_of
from firewall.core.work import Plain
from firewall.gates.models.exchange import Exchange
from firewall.routing.call import Attempt, Heard, ModelCall

_OPERATIONS = {Dialect.GEMINI: "generate_content"}


class Watching(Protocol):
    """Who counts model calls, and who else is told of them."""

    forward: Callable[[CallSeen], None] | None
    """None: nobody."""

    def called(self, over: Over) -> None:
        """Count a call that is over, and measure it."""
        ...


@dataclass(frozen=True, slots=True)
class Seeing:
    """Tells of model calls that are over."""

    watching: Watching
    hide: Hide | None = None
    """Takes credentials out of what was asked and answered; None: neither is told."""

    def closed(
        self,
        exchange: Exchange,
        call: ModelCall,
        *,
        entry: int,
        outcome: str,
        usage: Usage,
        span: tuple[int, int],
        cost_micros: int | None,
    ) -> None:
        """Tell of a call; `span`: when it came and ended; `cost_micros` None: unknown, or not known yet."""
        heard, (started_us, ended_us) = exchange.heard, span
        provider, model = (heard.candidate.provider.name, heard.candidate.model) if heard else ("", "")
        first_us = max(1, exchange.first_us - started_us) if exchange.first_us else 0
        self.watching.called(Over(exchange.dialect, outcome, provider, model, ended_us - started_us, first_us))
        forward = self.watching.forward
        if forward is None:
            return
        forward(
            CallSeen(
                operation=_OPERATIONS.get(exchange.dialect, "chat"),
                dialect=exchange.dialect,
                asked=exchange.request.model,
                route=heard.route if heard else "",
                outcome=outcome,
                is_streamed=exchange.request.stream,
                entry=entry,
                started_us=started_us,
                ended_us=ended_us,
                provider=provider,
                model=model,
                first_us=exchange.first_us,
                input_tokens=usage.input_tokens,
                cached_tokens=usage.cached_input_tokens,
                output_tokens=usage.output_tokens,
                cost_micros=cost_micros,
                attempts=_attempts(heard, exchange.asked_us, ended_us) if heard else (),
                trace=trace_of(exchange.traceparent) if exchange.traceparent else None,
                said="" if self.hide is None else _said(exchange, self.hide),
                told="" if self.hide is None else input_messages(call.value, call.dialect, call.path, self.hide),
            )
        )


def _said(exchange: Exchange, hide: Hide) -> str:
    ruler = exchange.ruler
    if ruler is None or not ruler.done:
        return ""
    try:
        return output_messages(ruler.as_answer(), exchange.dialect, hide)
    except ProtocolError:
        return ""


def times_of(exchange: Exchange, started_us: int, ended_us: int) -> dict[str, Plain]:
    """Return what the log keeps of times and attempts: milliseconds; no first piece where nothing was streamed."""
    facts: dict[str, Plain] = {"took_ms": (ended_us - started_us) // 1000}
    if exchange.first_us:
        facts["first_ms"] = (exchange.first_us - started_us) // 1000
    if exchange.heard is not None:
        facts["attempts"] = exchange.heard.attempts
    return facts


def _attempts(heard: Heard, asked_us: int, ended_us: int) -> tuple[AttemptSeen, ...]:
    tried = heard.tried or (Attempt(heard.candidate, "ok"),)
    return tuple(_attempt(one, asked_us, ended_us) for one in tried)


def _attempt(one: Attempt, asked_us: int, ended_us: int) -> AttemptSeen:
    started_us = asked_us + one.at_ms * 1000
    is_answer = one.outcome == "ok"
    return AttemptSeen(
        provider=one.candidate.provider.name,
        dialect=one.candidate.provider.dialect,
        model=one.candidate.model,
        outcome="answered" if is_answer else one.outcome,
        started_us=started_us,
        ended_us=ended_us if is_answer else started_us + one.took_ms * 1000,
        status=one.status,
    )
