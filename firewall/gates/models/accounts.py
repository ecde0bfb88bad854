"""What becomes of an exchange in the log and in money: of its own request, and of each that goes on from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from firewall.codecs.interface import Usage
from firewall.core.dialect import Dialect
from firewall.core.ports import Clock
from firewall.core.work import Plain, PutIssued, Record, Step, Unit
from firewall.gates.models.exchange import Exchange
from firewall.gates.models.paying import Till, exact_cost, heard, unheard
from firewall.gates.models.seeing import Seeing, times_of
from firewall.routing.call import Attempt, ModelCall, Routed
from firewall.routing.natives import speaks
from firewall.sequencer.posting import post
from firewall.spend.meter import Meter


@dataclass(slots=True, eq=False)
class Accounts:
    """Which request of an exchange is open; each is closed once."""

    exchange: Exchange
    meter: Meter
    till: Till
    clock: Clock
    call: ModelCall
    seeing: Seeing
    started_us: int
    """When the present request came, or was made."""
    _is_asking: bool = False
    """The newest request has no answer yet: what was used before is none of its."""
    _is_closed: bool = False

    def open(self, meter: Meter, usage: Usage) -> None:
        """Close the present request, which used `usage`, and open the one that goes on."""
        self.close("continued", usage)
        earlier, micros = self.exchange.earlier_micros, exact_cost(self.meter, usage)
        self.exchange.earlier_micros = None if earlier is None or micros is None else earlier + micros
        self.meter = self.exchange.meter = meter
        self._is_closed = False
        if self.exchange.held is not None:
            self.exchange.held.meter = meter
        self._is_asking = True
        self.started_us = self.clock.now_us()

    async def asked(self, ask: Callable[[list[Attempt]], Awaitable[Routed]]) -> Routed:
        """Ask the request that goes on, and note who answers it, or who was asked in vain.

        Raises: whatever `ask` raises.
        """
        trail: list[Attempt] = []
        try:
            response = await ask(trail)
        except BaseException:
            unheard(self.meter, trail)
            raise
        self._answered(response)
        return response

    def _answered(self, response: Routed) -> None:
        heard(self.meter, response)
        self._is_asking = False

    def close(self, outcome: str, usage: Usage) -> None:
        """Say what became of the present request; only the first word counts."""
        exchange, meter = self.exchange, self.meter
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_asking:
            usage = Usage()
        ended_us = self.clock.now_us()
        cost = self._settled(outcome, usage, times_of(exchange, self.started_us, ended_us))
        self.seeing.closed(
            exchange,
            self.call,
            entry=meter.entry,
            outcome=outcome,
            usage=usage,
            span=(self.started_us, ended_us),
            cost_micros=cost,
        )

    def _settled(self, outcome: str, usage: Usage, times: Mapping[str, Plain]) -> int | None:
        """Record what became of the present request and what it owes; returns that where it is known."""
        exchange, meter = self.exchange, self.meter
        sequencer = self.till.spending.sequencer
        principal = exchange.requester.principal
        data: dict[str, Plain] = {"request": meter.entry, "outcome": outcome, **times}
        held = exchange.held
        if held is not None and not held.is_heard:  # the provider is still answering, and nobody knows the bill
            held.heard.append(partial(self._billed, meter))
            post(sequencer, Unit((Record(kind="model.answered", data=data, principal=principal),)))
            return None
        steps: tuple[Step, ...] = ()
        if exchange.dialect is Dialect.OPENAI_RESPONSES:
            steps = self._issued(principal)
        return self.till.settle(meter, usage, "model.answered", data, principal=principal, steps=steps)

    def _issued(self, principal: str) -> tuple[Step, ...]:
        """Remember the ids of an answer by whoever gave them; a translated answer's are nobody's but ours."""
        exchange = self.exchange
        ids = exchange.ruler.issued if exchange.ruler else ()
        provider = exchange.heard.candidate.provider if exchange.heard else None
        if not ids or provider is None or not speaks(provider, exchange.dialect):
            return ()
        holder = self.till.spending.sequencer.pseudonym(principal)
        return (PutIssued(holder, ids, self.clock.now_us(), provider.name),)

    def _billed(self, meter: Meter) -> None:
        """Settle a call whose answer went on after its client had gone."""
        self.till.settle(meter, self.exchange.usage, "spend.settled", {"request": meter.entry})
