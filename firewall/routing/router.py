"""Who answers a model call, and asking them. The one face of routing that gates see."""

import time
from collections.abc import Callable
from dataclasses import replace

from firewall.classify.credentials.detector import Detector
from firewall.codecs.interface import Usage
from firewall.routing.answer import PlainAnswer
from firewall.routing.asides import Aside
from firewall.routing.call import Attempt, Heard, ModelCall, Plan, Routed, UnansweredError
from firewall.routing.cascading import Cascade
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.table import Table
from firewall.routing.grading import regraded
from firewall.routing.masking import CREDENTIALS, masked_call
from firewall.routing.passing import passed_on, speaker
from firewall.routing.port import Upstream
from firewall.routing.providers import Providers
from firewall.routing.trying.answers import Begun, Kept
from firewall.routing.trying.asker import Asker, Note, unnoted
from firewall.routing.trying.cache import Cache
from firewall.routing.trying.circuits import Circuits
from firewall.routing.trying.frame import Frame
from firewall.routing.trying.run import Again, Run, World, run_of


def frame_over(upstream: Upstream) -> Frame:
    """Return a frame whose circuits nobody hears of."""
    asker = Asker(upstream, Circuits(time.monotonic), world=World(time.monotonic))
    return Frame(asker, Cache(time.monotonic))


class Router:
    """Picks a chain and asks it."""

    def __init__(
        self,
        *,
        providers: Providers,
        upstream: Upstream,
        chooser: Chooser | None = None,
        frame: Frame | None = None,
        detector: Callable[[], Detector] = Detector,
        note: Note = unnoted,
    ) -> None:
        """`chooser`: none: no routes, the first provider of the spoken dialect answers.

        `frame`: what tries; none: one of its own whose circuits nobody hears of. `detector`: of what routes hide.
        `note`: told of answers that failed a route's checks.
        """
        self._detector = detector
        self._upstream = upstream
        self._chooser = chooser or Chooser(Table, providers, Outside(now_us=lambda: 0))
        self._frame = frame or frame_over(upstream)
        self._cascade = Cascade(self._frame, note)
        self._aside = Aside(self._frame, note)

    def plan(self, call: ModelCall) -> Plan:
        """Return who is asked, in order; decided before anything is recorded or reserved.

        Raises: FirewallError (4xx) when nobody may or can answer.
        """
        return self._chooser.plan(call)

    async def open(
        self,
        call: ModelCall,
        plan: Plan,
        *,
        entry: int = 0,
        trail: list[Attempt] | None = None,
        again: Again | None = None,
    ) -> Routed:
        """Ask the plan's candidates and return the first answer, in the dialect of the call.

        `entry`: number of the `model.requested` entry; it stands before anybody is asked. `trail`: gets every
        request that is sent, with what is known of it; it is right at any time, also when this is cancelled.
        `again`: asked before a candidate is asked once more that may charge for its last request.

        Raises: UnansweredError; ProtocolError where the client's own bytes cannot be sent.
        """
        trail = [] if trail is None else trail
        run = run_of(self._masked(call, plan), plan, entry, trail=trail, again=again)
        graded: list[Attempt] = []
        if plan.grading is not None:
            plan, grade, graded = await regraded(self._aside, run, plan.grading)
            run = Run(run.call, plan, entry, trail=trail, again=again)
            if grade is not None:
                self._chooser.graded(call, grade)
        try:
            answer = await (self._cascade.open(run) if plan.tiers else self._frame.open(run))
        except UnansweredError as error:
            error.heard = with_more(error.heard, graded)
            raise
        if graded:
            answer.heard = with_more(answer.heard, graded) or answer.heard
            if isinstance(answer, Begun):
                answer.before = tuple(graded)
        if answer.heard.attempts and not answer.heard.degraded:
            self._chooser.answered(call, plan, answer.heard.candidate, has_called=_has_called(answer))
        return answer

    async def again(
        self, call: ModelCall, plan: Plan, broken: Routed, *, ending: bytes, usage: Usage
    ) -> Routed | None:
        """Ask those of the plan who were not asked yet, after an answer broke off: theirs begins anew.

        `ending`: the error that it ended in, empty where it cannot be read; `usage`: what it used, as far as it
        said. None: its route does not want that, or nobody is left.

        Raises: UnansweredError.
        """
        if not isinstance(broken, Begun) or broken.again is None:
            return None
        before = list(broken.before)
        try:
            answer = await broken.again(ending, usage)
        except UnansweredError as error:
            error.heard = with_more(error.heard, before)
            raise
        if answer is not None:
            answer.heard = with_more(answer.heard, before) or answer.heard
            if isinstance(answer, Begun):
                answer.before = broken.before
            self._chooser.answered(call, plan, answer.heard.candidate)
        return answer

    async def carry(self, call: ModelCall, plan: Plan) -> Routed:
        """Pass a call that is never translated to the first candidate that speaks its dialect.

        Raises: NoProviderError (404) when none does; UpstreamError.
        """
        call = self._masked(call, plan)
        candidate = speaker(call, plan)
        response = await self._upstream.open(candidate.provider.endpoint, passed_on(call, candidate))
        return PlainAnswer(response, Heard(candidate, plan.route))

    def _masked(self, call: ModelCall, plan: Plan) -> ModelCall:
        return masked_call(call, self._detector())[0] if CREDENTIALS in plan.mask else call


def may_begin_again(answer: Routed) -> bool:
    """Tell whether somebody may take over when an answer breaks off: never from what a route degrades to."""
    return isinstance(answer, Begun) and answer.again is not None


def _has_called(answer: Kept | Begun) -> bool:
    """Tell whether an answer called tools, or may yet."""
    return isinstance(answer, Begun) or answer.answer is None or bool(answer.answer.calls)


def with_more(heard: Heard | None, before: list[Attempt]) -> Heard | None:
    """Return what is heard with attempts that were made before it."""
    if heard is None or not before:
        return heard
    return replace(heard, tried=(*before, *heard.tried), attempts=heard.attempts + len(before))
