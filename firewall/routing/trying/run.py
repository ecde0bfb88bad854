"""One call while it is tried: what was asked, what went wrong, and who is not worth asking any more."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from firewall.codecs.interface import Usage
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init, maker
from firewall.routing.call import Attempt, Candidate, Heard, ModelCall, Plan, UnansweredError, heard_of
from firewall.routing.drills.room import Drill
from firewall.routing.trying.answers import Begun, Kept
from firewall.routing.trying.attempt import Failed
from firewall.routing.trying.faults import UNASKED, Fault, conduct

Windows = Callable[[Candidate], int | None]
"""The context window of a candidate in tokens; None: nobody knows."""


Again = Callable[[Candidate], Awaitable[bool]]
"""Whether a call's money reaches for one more request to a candidate."""
_OF_THE_QUESTION = frozenset({Fault.CALLER, Fault.CONTEXT, Fault.FILTERED, Fault.UNTRANSLATABLE, Fault.KEY})


@dataclass(frozen=True, slots=True)
class World:
    """Time and luck, as arguments."""

    now: Callable[[], float]
    """Seconds of a clock that never runs backwards."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    luck: Callable[[], float] = random.random
    """Evenly from 0 to below 1."""


@fast_init
@dataclass(frozen=True, slots=True)
class Lap:
    """When one request of a call began, after the first, and how long it took; milliseconds."""

    at_ms: int = 0
    took_ms: int = 0


UNTIMED = Lap()
"""Of what was not sent."""


@dataclass(slots=True)
class Run:
    """One call while it is tried."""

    call: ModelCall
    plan: Plan
    entry: int = 0
    """Number of its `model.requested` entry."""
    began: float | None = None
    """When the first candidate was asked, by the clock of the world."""
    tried: list[Attempt] = field(default_factory=list)
    """Its own requests, as far as it is known what came of them."""
    trail: list[Attempt] = field(default_factory=list)
    """All requests of the call, also those of its other runs: what may be charged for, however the call ends."""
    again: Again | None = None
    """Asked before a candidate is asked once more whose last request may cost; None: nothing stands in the way."""
    drill: Drill | None = None
    """The call is a drill's: some of its candidates fail on purpose."""
    asked: int = 0
    """Requests that went out, or are about to."""
    has_earned: bool = False
    """It has added its share to what its providers may be asked beyond first requests."""
    repeated: int = 0
    waited_s: float = 0.0
    """Between requests, all together."""
    cache: str = ""
    """`hit`, `miss` or `bypass`, on a route with a cache."""
    degraded: str = ""
    """What was given because nobody answered."""
    is_over: bool = False
    """Nobody else may be asked."""
    _asked: Failed | None = None
    """What went wrong first: what came later would only mask it."""
    _unasked: Failed | None = None
    silent: frozenset[str] = frozenset()
    """Providers that said nothing."""
    _refused: frozenset[tuple[str, str]] = frozenset()
    """Providers and keys that do not go together."""
    _window: int | None = None
    """The question did not fit into one of so many tokens; -1: nobody knows how large that was."""
    _wait_s: float | None = None
    """When the first of those may be asked that were left alone."""

    def may_help(self, candidate: Candidate, windows: Windows) -> bool:
        """Tell whether a candidate could do better than those before it."""
        if candidate.provider.name in self.silent:
            return False
        if self._window is None:
            return True
        window = windows(candidate)
        return window is not None and 0 < self._window < window

    def is_refused(self, provider: str, key: str) -> bool:
        """Tell whether a provider refused this key."""
        return bool(self._refused) and (provider, key) in self._refused

    def began_at(self, now: float) -> int:
        """Return how many milliseconds after the first request one is sent at `now`."""
        if self.began is None:
            self.began = now
            return 0
        return int((now - self.began) * 1000)

    def failed(self, failed: Failed, lap: Lap = UNTIMED) -> None:
        """Note that there was no answer, and whether somebody else may be asked."""
        kind = conduct(failed.fault)
        self.is_over = not self._goes_on(failed)
        if failed.fault in UNASKED:
            self._unasked = self._unasked or failed
            return
        self._asked = self._asked or failed
        usage = failed.answer.counted if failed.answer else None
        self.sent(
            Attempt(
                failed.candidate,
                failed.fault.value,
                failed.status,
                lap.took_ms,
                usage,
                at_ms=lap.at_ms,
                may_cost=kind.may_cost,
            )
        )

    def broke_off(self, begun: Begun, failed: Failed, now: float, usage: Usage) -> Attempt:
        """Note that an answer ended after it had begun, and whether others may be asked; returns its request."""
        self.is_over = not self._goes_on(failed)
        was = begun.heard.tried[-1]
        took_ms = self.began_at(now) - was.at_ms
        one = replace(was, outcome=failed.fault.value, took_ms=took_ms, usage=usage, may_cost=True)
        self.tried = [one if old is was else old for old in self.tried]
        return self.learned_more(was, one)

    def given_up(self, candidate: Candidate, lap: Lap) -> None:
        """Note an attempt whose answer nobody waits for any more."""
        self.sent(Attempt(candidate, "given_up", took_ms=lap.took_ms, at_ms=lap.at_ms, may_cost=True))

    def sent(self, one: Attempt) -> None:
        """Note what came of a request."""
        self.tried.append(one)
        self.trail.append(one)

    def learned_more(self, one: Attempt, now: Attempt) -> Attempt:
        """Note what is known of a request by now, in place of what was; returns that."""
        place = next((place for place, old in enumerate(self.trail) if old is one), None)
        if place is None:
            self.trail.append(now)
        else:
            self.trail[place] = now
        return now

    @property
    def may_degrade(self) -> bool:
        """Nobody could answer, and that is not the question's fault."""
        first = self._asked or self._unasked
        return first is None or first.fault not in _OF_THE_QUESTION

    def learned(self, failed: Failed, key: str, windows: Windows) -> None:
        """Remember what a failure says about those who are still to be asked."""
        provider = failed.candidate.provider.name
        if failed.fault is Fault.TIMEOUT:
            self.silent |= {provider}
        elif failed.fault is Fault.KEY:
            self._refused |= {(provider, key)}
        elif failed.fault is Fault.CONTEXT:
            known = windows(failed.candidate)
            self._window = -1 if known is None or self._window == -1 else max(self._window or 0, known)

    def left_alone(self, wait_s: float) -> None:
        """Note a candidate that was not asked because it failed too often."""
        self._wait_s = wait_s if self._wait_s is None else min(self._wait_s, wait_s)

    def answered(self, candidate: Candidate, dropped: tuple[str, ...] = ()) -> Heard:
        """Return what is told of the answer that `candidate` gave."""
        return heard_of(
            candidate,
            self.plan.route,
            attempts=len(self.tried),
            dropped=dropped,
            tried=tuple(self.tried),
            cache=self.cache,
            degraded=self.degraded,
        )

    def heard_beside(self, heard: Heard) -> Heard:
        """Return what is told of an answer beside which others were asked: they may cost as well."""
        own = heard.tried[-1]
        others = [one for one in self.tried if one is not own]
        return replace(heard, attempts=len(self.tried), tried=(*others, own))

    def unanswered(self) -> Kept:
        """Return what the first provider said that was asked.

        Raises: UnansweredError where it said nothing, or nobody was asked.
        """
        first = self._asked or self._unasked
        heard = self.answered(first.candidate) if first is not None and self.tried else None
        if first is not None and first.answer is not None:
            first.answer.heard = heard or first.answer.heard
            return first.answer
        error = first.error if first is not None else None
        raise UnansweredError(error or self._nobody(), heard) from error

    def _goes_on(self, failed: Failed) -> bool:
        if failed.fault is Fault.FILTERED:
            return self.plan.terms.filtered_falls_over
        if failed.fault is Fault.KEY:
            return failed.candidate.provider.key is not None  # of the caller's own login the caller must know
        return conduct(failed.fault).elsewhere

    def _nobody(self) -> UpstreamError:
        error = UpstreamError(
            "nobody can be asked now: every provider of the route failed too often, try again later",
            fault=UpstreamFault.UNAVAILABLE,
            status=503,
            code="providers_unavailable",
        )
        error.retry_after_s = max(1.0, self._wait_s or 0.0)
        return error


run_of = maker(Run)
