"""An answer that broke off begins again at the next candidate, where its route says so and only text was given.

The client keeps what it has, reads that another model begins again, and gets that model's whole answer: one answer
with one end. INVARIANT: no call was judged, and with that none released, of an answer that begins again. Both
requests are recorded and charged; money is held for every candidate since the call was entered.
"""

import logging
from dataclasses import dataclass, field
from typing import Protocol

from firewall.codecs.continuing.registry import CONTINUERS
from firewall.codecs.interface import Usage
from firewall.codecs.restarting.interface import Restarter
from firewall.codecs.restarting.registry import RESTARTERS
from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError
from firewall.gates.models.paying import heard, unheard
from firewall.gates.models.ruler import StreamRuler
from firewall.routing.call import Attempt, Heard, ModelCall, Plan, Routed, UnansweredError
from firewall.routing.router import may_begin_again
from firewall.spend.meter import Meter

log = logging.getLogger("stayhand.models")


class AskAnew(Protocol):
    """Asks somebody else after an answer broke off."""

    async def __call__(self, broken: Routed, *, ending: bytes, usage: Usage) -> Routed | None:
        """Return an answer from its beginning; `ending`: the error that `broken` ended in. None: nobody left."""
        ...


def restarter_of(call: ModelCall, plan: Plan) -> Restarter | None:
    """Return how the answer to a call begins again where its route wants that; None: in no way."""
    found = RESTARTERS[call.dialect]
    return found if call.request.stream and len(plan.candidates) > 1 and found.may_restart(call.value) else None


@dataclass(slots=True, eq=False)
class Restarting:
    """One request's way on when its answer breaks off."""

    dialect: Dialect
    restarter: Restarter
    ask: AskAnew
    trail: list[Attempt] = field(default_factory=list)
    """All requests of the call, kept by those who send them."""
    heard: Heard | None = None
    """Who answers, or who was tried."""
    _opened: list[Routed] = field(default_factory=list)

    async def again(
        self, ruler: StreamRuler, broken: Routed, meter: Meter | None, usage: Usage
    ) -> tuple[StreamRuler, Routed] | None:
        """Return the ruler that goes on, and what it is to be fed; None: the answer ends here.

        `usage`: what the answer used, as far as its provider said.
        """
        bridge = ruler.bridge
        if bridge is None or not may_begin_again(broken):
            return None  # what it used is owed as any answer's
        if meter is not None:
            meter.begins_again()
        try:
            response = await self.ask(broken, ending=ruler.ending, usage=usage)
        except UnansweredError as error:
            self.heard = error.heard
            response = None
        except UpstreamError:
            response = None
        finally:
            if meter is not None:  # right also when the client leaves now
                unheard(meter, self.trail)
        if response is None:
            return None
        log.info("an answer that broke off begins again: attempts=%d", response.heard.attempts)
        self.heard = response.heard
        self._opened.append(response)
        if meter is not None:
            heard(meter, response)
        follow = CONTINUERS[self.dialect].follower
        return ruler.restarted(bridge, lambda sent: follow(sent, usage.output_tokens)), response

    def close(self) -> None:
        """Let go of what was asked."""
        for response in self._opened:
            response.close()
