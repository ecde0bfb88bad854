"""Asking one candidate as often as that may help: with leave of its circuit, out of its budget, in its line.

INVARIANT: beyond the first request of a call, requests to a provider come out of its budget; those that fail are
at most one a second and its share of the calls that needed any (`core.patience`).
"""

from collections.abc import Callable
from dataclasses import replace

from firewall.codecs.interface import Usage
from firewall.core.errors import ProtocolError
from firewall.routing.call import ANSWERED, Attempt, Candidate, attempt_of
from firewall.routing.drills.room import DrillRoom
from firewall.routing.interpreting import Interpreter
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest
from firewall.routing.speaking import spoken
from firewall.routing.trying.answers import Begun, Kept
from firewall.routing.trying.attempt import Asking, Failed, asking_of, attempt
from firewall.routing.trying.circuits import DRILLED, Circuits, Leave
from firewall.routing.trying.faults import Fault, conduct
from firewall.routing.trying.lines import FREE, FullError, Lines, Place
from firewall.routing.trying.measuring import Measuring
from firewall.routing.trying.purses import Purses
from firewall.routing.trying.run import Lap, Run, Windows, World

MOST_WAITED_S = 0.5
"""Of one call, before it repeats requests to those who are down: nobody there is said soon."""

Note = Callable[[Run, Attempt], None]
"""Told of every attempt once it is known what came of it, but of the only one of a call that was answered."""


def unnoted(run: Run, one: Attempt) -> None:
    """Note nothing."""


def unknown(candidate: Candidate) -> int | None:  # noqa: ARG001 - a `Windows`
    """Know no window."""
    return None


class Asker:
    """Asks candidates; one instance per process."""

    def __init__(
        self,
        upstream: Upstream,
        circuits: Circuits,
        *,
        world: World,
        windows: Windows = unknown,
        note: Note = unnoted,
        measuring: Measuring | None = None,
        drills: DrillRoom | None = None,
    ) -> None:
        self._upstream = Interpreter(upstream)
        self._world = world
        self._windows = windows
        self._note = note
        self._measuring = measuring or Measuring()
        self.drills = drills or DrillRoom(world.now, world.luck)
        self.circuits = circuits
        self.purses = Purses(world.now)
        self.lines = Lines()

    async def ask(self, run: Run, candidate: Candidate, *, is_last: bool) -> Kept | Begun | None:
        """Ask one candidate as often as that may help; None: ask the next."""
        if not run.may_help(candidate, self._windows):
            return None
        try:
            request = spoken(run.call, candidate)
        except ProtocolError as error:
            run.failed(Failed(candidate, Fault.UNTRANSLATABLE, error))
            return None
        led = self.drills.led(run.drill, run.plan, candidate) if run.drill is not None else None
        if led is not None and run.drill is not None:
            candidate = _led_away(candidate, led)
            request = replace(request, credential=None)
        key = _key_of(request) if led is None or run.drill is None else run.drill.id
        within_s = candidate.provider.endpoint.timeouts.first_byte_s
        while not run.is_refused(candidate.provider.name, key):
            found = await self._once(run, candidate, request, key, within_s=within_s)
            if not isinstance(found, Failed):
                return found
            wait_s = self._repetition(run, found, key, is_last=is_last)
            if wait_s is None or not await _may_pay(run, found):
                return None
            within_s = within_s if is_last else 0.0  # whoever is next need not wait for this one's others
            run.repeated += 1
            run.waited_s += wait_s
            await self._world.sleep(wait_s)
        return None

    async def _once(
        self, run: Run, candidate: Candidate, request: UpstreamRequest, key: str, *, within_s: float
    ) -> Kept | Begun | Failed:
        """Ask once, with leave of the circuit and, where it is an extra request, out of the budget.

        `within_s`: how long it waits for that, while others of the provider's are under way.
        """
        leave = self.circuits.admit(candidate, key)
        if leave is None:
            run.left_alone(self.circuits.wait_s(candidate, key))
            return _unasked(run, Failed(candidate, Fault.CIRCUIT))
        found: Kept | Begun | Failed | None = None
        is_extra = run.asked > 0 and run.drill is None
        if is_extra and not run.has_earned:
            run.has_earned = True
            self.purses.earn(run.plan.candidates)
        purse = self.purses.of(candidate.provider.name) if is_extra else None
        run.asked += 1
        try:
            if purse is not None and not await purse.take(within_s):
                purse = None
                run.asked -= 1
                return _unasked(run, Failed(candidate, Fault.BUDGET))
            found = await self._placed(run, candidate, request, leave)
        finally:
            if found is None:
                self.circuits.abandoned(leave)
            if purse is not None:
                purse.settle(answered=found is not None and not isinstance(found, Failed))
        if isinstance(found, Failed):
            run.learned(found, key, self._windows)
        return found

    async def _placed(
        self, run: Run, candidate: Candidate, request: UpstreamRequest, leave: Leave
    ) -> Kept | Begun | Failed:
        """Wait for the provider's place, ask, and tell the circuit."""
        place, name = FREE, candidate.name
        line = self.lines.of(candidate.provider.name, candidate.provider.care.queue)
        if line.terms.concurrent:
            try:
                place = await line.enter(run.call.caller.token_id, run.plan.terms.priority)
            except FullError as error:
                self.circuits.abandoned(leave)
                return _unasked(run, Failed(candidate, Fault.QUEUE, error))
        began, ended = self._world.now(), self._measuring.began(name)
        at_ms = run.began_at(began)
        found = None
        try:
            found = await attempt(self._upstream, self._asking(run, candidate, request, place, leave))
        finally:
            if isinstance(found, Begun):
                found.on_close(ended)
            else:
                place.leave()
                ended()
            if found is None:
                run.given_up(candidate, Lap(at_ms, int((self._world.now() - began) * 1000)))
                self._note(run, run.tried[-1])
        took_s = self._world.now() - began
        self._measuring.observed(name, took_s, is_ok=not isinstance(found, Failed))
        if isinstance(found, Failed):
            self._failed(run, found, leave, Lap(at_ms, int(took_s * 1000)))
            return found
        self.circuits.answered(leave, took_s * 1000)
        return self._answered(run, found, at_ms, int(took_s * 1000))

    def broke_off(self, run: Run, begun: Begun, fault: Fault, usage: Usage) -> None:
        """Note that an answer ended after it had begun, wherever a failure counts, and let go of it."""
        begun.broke_off(fault)
        begun.close()
        failed = Failed(begun.heard.candidate, begun.fault or fault)
        one = run.broke_off(begun, failed, self._world.now(), usage)
        run.learned(failed, "", self._windows)
        self._note(run, one)

    def _asking(
        self, run: Run, candidate: Candidate, request: UpstreamRequest, place: Place, leave: Leave
    ) -> Asking:
        def broke(fault: Fault) -> None:
            if conduct(fault).blames:
                self.circuits.failed(leave)

        return asking_of(run.call, run.plan, candidate, request, place, broke)

    def _failed(self, run: Run, failed: Failed, leave: Leave, lap: Lap) -> None:
        """Note a failure where it counts."""
        rest_s = failed.retry_after_s or 0.0
        if conduct(failed.fault).blames:
            self.circuits.failed(leave, rest_s)
        else:
            self.circuits.answered(leave)
        if failed.fault is Fault.RATE and rest_s:
            self.circuits.rest(failed.candidate, rest_s)
        run.failed(failed, lap)
        self._note(run, run.tried[-1])

    def _answered(self, run: Run, found: Kept | Begun, at_ms: int, took_ms: int) -> Kept | Begun:
        candidate = found.heard.candidate
        usage = found.counted if isinstance(found, Kept) else None
        run.sent(attempt_of(candidate, ANSWERED, found.status, took_ms, usage, at_ms=at_ms))
        if len(run.tried) > 1:
            self._note(run, run.tried[-1])
        found.heard = run.answered(candidate, found.heard.dropped)
        return found

    def _repetition(self, run: Run, failed: Failed, key: str, *, is_last: bool) -> float | None:
        """Return how long to wait before the same candidate is asked again, None for not at all."""
        kind, terms = conduct(failed.fault), run.plan.terms
        if not kind.again or run.repeated >= terms.retries or not (is_last or self._is_hiccup(failed, key)):
            return None
        wait_s = terms.backoff.wait_s(run.repeated + 1, self._world.luck())
        if failed.retry_after_s is not None:
            wait_s += failed.retry_after_s
            if failed.retry_after_s > terms.retry_after_cap_s:
                return None
        if kind.blames and run.waited_s + wait_s > MOST_WAITED_S:
            return None
        return wait_s

    def _is_hiccup(self, failed: Failed, key: str) -> bool:
        """Tell whether a candidate is likely to answer at once, so that it is asked again before the next one."""
        if not conduct(failed.fault).again_first:
            return False
        purse = self.purses.of(failed.candidate.provider.name)
        return purse.budget.is_earned or self.circuits.has_just_answered(failed.candidate, key)


async def _may_pay(run: Run, failed: Failed) -> bool:
    """Tell whether a candidate may be asked once more: what may be charged twice must be held twice."""
    return run.again is None or not conduct(failed.fault).may_cost or await run.again(failed.candidate)


def _unasked(run: Run, failed: Failed) -> Failed:
    run.failed(failed)
    return failed


def _led_away(candidate: Candidate, led: Endpoint) -> Candidate:
    """Return a candidate that leads elsewhere, under a name that no real provider's figures are kept by."""
    provider = candidate.provider
    return replace(candidate, provider=replace(provider, name=f"{DRILLED}{provider.name}", endpoint=led))


def _key_of(request: UpstreamRequest) -> str:
    """Return which key a request goes with: its fingerprint, `client` for the caller's own, empty for none."""
    credential = request.credential
    if credential is None:
        return ""
    return "client" if credential.of_client else credential.secret.fingerprint
