"""Who answers a model call, and asking them. The one face of routing that gates see."""

from firewall.routing.answer import PlainAnswer
from firewall.routing.call import Heard, ModelCall, Plan, Routed
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.table import Table
from firewall.routing.passing import passed_on, speaker
from firewall.routing.port import Upstream
from firewall.routing.providers import Providers
from firewall.routing.speaking import spoken


class Router:
    """Picks a chain and asks it."""

    def __init__(self, *, providers: Providers, upstream: Upstream, chooser: Chooser | None = None) -> None:
        """`chooser`: none: no routes, the first provider of the spoken dialect answers."""
        self._providers = providers
        self._upstream = upstream
        self._chooser = chooser or Chooser(Table, providers, Outside(now_us=lambda: 0))

    def plan(self, call: ModelCall) -> Plan:
        """Return who is asked, in order; decided before anything is recorded or reserved.

        Raises: FirewallError (4xx) when nobody may or can answer.
        """
        return self._chooser.plan(call)

    async def open(self, call: ModelCall, plan: Plan) -> Routed:
        """Ask the plan's candidates and return the first answer, in the dialect of the call.

        Raises: UpstreamError; ProtocolError where the client's own bytes cannot be sent.
        """
        candidate = plan.candidates[0]
        response = await self._upstream.open(candidate.provider.endpoint, spoken(call, candidate))
        self._chooser.answered(call, plan, candidate)
        return PlainAnswer(response, Heard(candidate, plan.route))

    async def carry(self, call: ModelCall, plan: Plan) -> Routed:
        """Pass a call that is never translated to the first candidate that speaks its dialect.

        Raises: NoProviderError (404) when none does; UpstreamError.
        """
        candidate = speaker(call, plan)
        response = await self._upstream.open(candidate.provider.endpoint, passed_on(call, candidate))
        return PlainAnswer(response, Heard(candidate, plan.route))
