"""Drills that are armed: which calls are marked, and where their candidates lead instead.

A call is marked by its token, which an admin has named, or by its environment; nothing that an agent sends marks
it. INVARIANT: production is never drilled. A candidate that is led away gets no key, and what comes of it counts
for no circuit, budget or measure of the real provider.
"""

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from firewall.core.errors import FirewallError
from firewall.core.ids import spell_id
from firewall.routing.call import Candidate, Heard, ModelCall, Plan
from firewall.routing.drills.faulty import Faulty, faulty_provider
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.port import Endpoint, Timeouts
from firewall.routing.trying.circuits import DRILLED

PATIENCE_S = 2.0
"""The longest that a drilled candidate is waited for: a drill of silences should not take minutes."""
MOST_S = 3600
_MOST = 64


class DrillError(FirewallError):
    """A drill that may not be."""

    code = "drill_refused"
    status = 422


@dataclass(slots=True, eq=False)
class Drill:
    """One way to fail, for some calls, for a while."""

    id: str
    scenario: Scenario
    until: float
    token: str = ""
    """Id of the token whose calls are marked; empty: all of `environment`."""
    environment: str = ""
    percent: int = 100
    """Of the calls of an environment, how many are marked."""
    fails: int = 1
    """How many of a plan's candidates fail, from the first on."""
    calls: int = 0
    """Marked so far."""
    running: int = 0
    """Of them, those of which nothing is known yet."""
    carried: int = 0
    """Answered by a candidate that was not led away."""
    unanswered: int = 0
    chain: tuple[str, ...] = ()
    """The candidates of the newest call's plan."""
    answered: dict[str, int] = field(default_factory=dict)
    """Answers by candidate."""

    def shown(self) -> dict[str, object]:
        """Return what came of it so far."""
        return {
            "id": self.id,
            "scenario": self.scenario.value,
            "calls": self.calls - self.running,
            "carried": self.carried,
            "unanswered": self.unanswered,
            "chain": list(self.chain),
            "answered": dict(self.answered),
        }


class DrillRoom:
    """All drills that are armed; `close` it in the loop that used it."""

    def __init__(self, now: Callable[[], float], luck: Callable[[], float]) -> None:
        self._now = now
        self._luck = luck
        self._armed: dict[str, Drill] = {}
        self._stack = AsyncExitStack()
        self._faulty: Faulty | None = None

    async def arm(
        self, scenario: Scenario, *, seconds: int, token: str, environment: str, percent: int = 100, fails: int = 1
    ) -> Drill:
        """Mark calls from now on. `environment`: of the token, or whose calls are marked where there is none.

        Raises: DrillError for production, and for what makes no sense.
        """
        if environment.startswith("prod") or not environment:
            raise DrillError(f"`{environment}` is not drilled: name another environment, such as staging")
        if not 1 <= seconds <= MOST_S or not 1 <= percent <= 100 or not 1 <= fails <= _MOST:
            raise DrillError(
                f"a drill takes 1 to {MOST_S} s, 1 to 100 percent of calls and at least one candidate"
            )
        self._forget()
        if len(self._armed) >= _MOST:
            raise DrillError("too many drills at once")
        if self._faulty is None:
            self._faulty = await self._stack.enter_async_context(faulty_provider())
        drill = Drill(
            spell_id("drl", secrets.token_bytes(16)),
            scenario,
            self._now() + seconds,
            token,
            environment,
            percent=percent,
            fails=fails,
        )
        self._armed[drill.id] = drill
        return drill

    def get(self, drill_id: str) -> Drill:
        """Return a drill. Raises: DrillError (404)."""
        found = self._armed.get(drill_id)
        if found is None:
            raise DrillError("there is no such drill", code="drill_unknown", status=404)
        return found

    def disarm(self, drill_id: str) -> Drill:
        """End a drill and return what came of it. Raises: DrillError (404)."""
        found = self.get(drill_id)
        del self._armed[drill_id]
        return found

    def mark(self, call: ModelCall, plan: Plan) -> Drill | None:
        """Return the drill that a call is part of."""
        if not self._armed:
            return None
        now = self._now()
        for drill in self._armed.values():
            if now < drill.until and self._is_meant(drill, call):
                drill.calls += 1
                drill.running += 1
                drill.chain = tuple(one.name for one in plan.candidates)
                return drill
        return None

    def led(self, drill: Drill, plan: Plan, candidate: Candidate) -> Endpoint | None:
        """Return where a candidate of a marked call leads instead; None: to itself."""
        faulty = self._faulty
        if faulty is None or candidate not in plan.candidates:
            return None
        scenario = drill.scenario
        if plan.candidates.index(candidate) >= drill.fails:
            if scenario is not Scenario.PREFILL_REJECTED:
                return None
            scenario = Scenario.NO_PREFILL
        base_url = faulty.base_url(f"{drill.id}-{drill.calls}", scenario, candidate.provider.dialect)
        own = candidate.provider.endpoint
        times = own.timeouts
        return replace(
            own,
            name=f"{DRILLED}{own.name}",  # nothing that is kept by the provider's name goes along
            base_url=base_url,
            private=True,
            keyless=True,
            timeouts=Timeouts(
                connect_s=min(times.connect_s, PATIENCE_S),
                first_byte_s=min(times.first_byte_s, PATIENCE_S),
                idle_s=min(times.idle_s, PATIENCE_S),
                total_s=min(times.total_s, 4 * PATIENCE_S),
            ),
        )

    def ended(self, drill: Drill, plan: Plan, heard: Heard | None, *, is_again: bool = False) -> None:
        """Note what came of a marked call; None: nobody answered. `is_again`: its answer began once more."""
        drill.running -= not is_again
        if heard is None:
            drill.unanswered += 1
            return
        name = heard.candidate.name
        drill.answered[name] = drill.answered.get(name, 0) + 1
        failing = {one.name for one in plan.candidates[: drill.fails]}
        drill.carried += name not in failing and not name.startswith(DRILLED)

    async def close(self) -> None:
        """End all drills."""
        self._armed.clear()
        self._faulty = None
        await self._stack.aclose()

    def _is_meant(self, drill: Drill, call: ModelCall) -> bool:
        caller = call.caller
        if drill.token:
            return drill.token == caller.token_id
        return drill.environment == caller.grant.environment and self._luck() * 100 < drill.percent

    def _forget(self) -> None:
        """Forget drills that nobody asks about any more."""
        oldest = self._now() - MOST_S
        self._armed = {name: one for name, one in self._armed.items() if one.until > oldest}
