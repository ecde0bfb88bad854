"""Who answers a model call, and asking them. The one face of routing that gates see."""

from collections.abc import Mapping

from firewall.core.dialect import Dialect
from firewall.routing.answer import PlainAnswer
from firewall.routing.call import Heard, ModelCall, Plan, Routed
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.table import Table
from firewall.routing.port import Fields, Upstream, UpstreamRequest, UpstreamResponse
from firewall.routing.providers import Provider, Providers
from firewall.routing.speaking import own_login, safe_query, spoken, upstream_path


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

    def speaker(self, dialect: Dialect) -> Provider:
        """Return who serves what is not generated: counts and listings. Raises: NoProviderError."""
        return self._providers.pick(dialect)

    async def forward(
        self,
        dialect: Dialect,
        method: str,
        *,
        path: str,
        query: str,
        fields: Fields,
        headers: Mapping[str, str],
        body: bytes,
    ) -> UpstreamResponse:
        """Pass a request without tool calls (a count, a listing) to who speaks its dialect.

        Raises: UpstreamError.
        """
        provider = self.speaker(dialect)
        request = UpstreamRequest(
            method=method,
            path=upstream_path(dialect, path),
            query=safe_query(query),
            fields=fields,
            body=body,
            credential=provider.credential(own_login(headers) if provider.key is None else None),
            streamed=False,
        )
        return await self._upstream.open(provider.endpoint, request)
