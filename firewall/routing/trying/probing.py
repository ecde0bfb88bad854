"""Asking a provider by itself whether it is well: a request of ours, with our key, that costs nothing.

What it says is little: that a list of models is given says nothing of whether a model answers. So a failure counts
like any other, for every circuit of that key, and keeps a half-open one from an agent's call; an answer only lets
the next call try. It holds no word of anybody's, and no agent's login is ever used for it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from firewall.core.breaker import State
from firewall.core.errors import ConfigError, FirewallError, UpstreamError
from firewall.core.terms import HealthTerms
from firewall.routing.call import Candidate
from firewall.routing.catalogue import list_request
from firewall.routing.port import Upstream, UpstreamRequest
from firewall.routing.providers import Provider
from firewall.routing.trying.circuits import Circuits, Leave
from firewall.routing.trying.faults import Fault, conduct, fault_of_error, fault_of_status

log = logging.getLogger("stayhand.routing")
OK = "ok"
UNREADABLE = "key_unreadable"
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of asking."""

    outcome: str
    """`ok`, `key_unreadable`, or the fault."""
    status: int = 0
    took_ms: int = 0
    fault: Fault | None = None


Note = Callable[[str, Probed], None]
"""Told of a provider's name and what it said."""


class Prober:
    """Asks those providers that are configured so; one instance per process."""

    def __init__(
        self,
        upstream: Upstream,
        circuits: Circuits,
        *,
        providers: Iterable[Provider],
        count: Note,
        record: Note,
        now: Callable[[], float],
    ) -> None:
        """`count` is told each time, `record` when it is worth an entry; `now`: seconds of a steady clock."""
        self._upstream = upstream
        self._circuits = circuits
        self._providers = [one for one in providers if one.care.health is not None and _has_own_key(one)]
        self._count = count
        self._record = record
        self._now = now
        self._last: dict[str, str] = {}

    async def run(self) -> None:
        """Ask each by itself, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for provider in self._providers:
                group.create_task(self._regularly(provider))

    async def _regularly(self, provider: Provider) -> None:
        terms = provider.care.health or HealthTerms()
        while True:
            await asyncio.sleep(terms.every_s)
            await self.look(provider)

    async def look(self, provider: Provider) -> Probed | None:
        """Ask a provider now, unless all its circuits are closed and it is asked only then; None: not asked."""
        terms = provider.care.health or HealthTerms()
        try:
            request = _request(provider, terms)
        except ConfigError as error:
            log.warning("no health of provider=%s: %s", provider.name, error.public)
            return self._noted(provider, Probed(UNREADABLE), is_shut=False)
        key = request.credential.secret.fingerprint if request.credential else ""
        own = [
            one
            for one in self._circuits.listing()
            if (one.circuit.provider, one.circuit.key) == (provider.name, key)
        ]
        is_shut = any(one.state is not State.CLOSED for one in own)
        if not (is_shut or terms.is_always):
            return None
        leaves = [self._circuits.admit(Candidate(provider, one.circuit.model), key) for one in own]
        held = [one for one in leaves if one is not None]
        probed: Probed | None = None
        try:
            probed = await self._asked(provider, request, terms)
        finally:
            self._settle(held, probed)
        return self._noted(provider, probed, is_shut=is_shut)

    async def _asked(self, provider: Provider, request: UpstreamRequest, terms: HealthTerms) -> Probed:
        began, status = self._now(), 0
        fault: Fault | None = None
        try:
            async with asyncio.timeout(terms.timeout_s):
                async with await self._upstream.open(provider.endpoint, request) as response:
                    status = response.status
                    body = await response.read(_MOST_BYTES)
            if not 200 <= status < 300:
                fault = fault_of_status(status, body)
        except TimeoutError:
            fault = Fault.TIMEOUT
        except UpstreamError as error:
            fault = fault_of_error(error)
        except FirewallError:
            fault = Fault.REJECTED
        outcome = OK if fault is None else fault.value
        return Probed(outcome, status, int((self._now() - began) * 1000), fault)

    def _settle(self, held: list[Leave], probed: Probed | None) -> None:
        """Hand leave back: only a failure that is the provider's counts."""
        is_blamed = probed is not None and probed.fault is not None and conduct(probed.fault).blames
        for leave in held:
            if is_blamed:
                self._circuits.failed(leave)
            else:
                self._circuits.abandoned(leave)

    def _noted(self, provider: Provider, probed: Probed, *, is_shut: bool) -> Probed:
        self._count(provider.name, probed)
        if is_shut or self._last.get(provider.name) != probed.outcome:
            self._record(provider.name, probed)
        self._last[provider.name] = probed.outcome
        return probed


def _has_own_key(provider: Provider) -> bool:
    return provider.key is not None or provider.is_keyless


def _request(provider: Provider, terms: HealthTerms) -> UpstreamRequest:
    request = list_request(provider)
    return replace(request, path=terms.path, query=terms.query) if terms.path else request
