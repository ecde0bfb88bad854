"""`on_refusal = "continue"`: the model hears why its calls were refused, and what it says next is the answer.

Only when every call of an answer was refused and the model was free to speak; at most MOST times for one request.
Whenever there is no way on, the refusals are explained to the client instead. INVARIANT: each further request is
recorded, limited and charged like the first one before it leaves, and goes to whoever gave the answer.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from firewall.codecs.continuing.joined import joined_answer
from firewall.codecs.continuing.registry import CONTINUERS
from firewall.codecs.interface import Codec, Usage
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, ProtocolError
from firewall.gates.models.ruler import AnswerRuler, Ruler, StreamRuler
from firewall.routing.call import Heard, Plan, Routed

log = logging.getLogger("stayhand.models")
MOST = 3

AskAgain = Callable[[Mapping[str, object], Usage], Awaitable[Routed]]
"""Ends the account of the present request with what it used, records the next one and asks it."""


def narrowed(plan: Plan, heard: Heard | None) -> Plan:
    """Return a plan by which only whoever answered is asked again; the plan itself before anybody did.

    Nobody else is: not its steps, and no judge or grader, for whom no money would be held.
    """
    if heard is None:
        return plan
    only = (heard.candidate,)
    return replace(plan, candidates=only, smaller=(), tiers=(), checks=None, judge=(), grading=None)


@dataclass(slots=True, eq=False)
class Continuing:
    """One request's way on after refusals."""

    dialect: Dialect
    codec: Codec
    value: Mapping[str, object]
    """The request, as it was asked last."""
    ask: AskAgain
    max_bytes: int
    ended: Callable[[Usage], None]
    """The answer is over: what its newest request used."""
    routed: Routed | None = None
    """Who answers the newest request."""
    attempts: int = 0
    """Requests that were sent to providers for it."""
    is_unanswered: bool = False
    """The newest request gave no answer that goes on: what `ruler` says was used is not its."""
    _left: int = MOST
    _written: int = 0
    _opened: list[Routed] = field(default_factory=list)

    async def go_on(self, ruler: Ruler) -> tuple[Ruler, Routed] | None:
        """Tell the model of an answer's refusals; return the ruler that goes on, and what it is to be fed.

        The new ruler of a whole answer has read it already. None: there is no way on, and `ruler` is settled.
        """
        try:
            found = await self._went_on(ruler)
        except FirewallError as error:
            log.info("no way on after refusals: code=%s", error.code)
            found = None
        if found is None:
            ruler.settle()
        return found

    def used(self, ruler: Ruler | None) -> Usage:
        """Return what the newest request used, as whoever answered counts it; nothing where it has no answer."""
        if self.is_unanswered or ruler is None:
            return Usage()
        counted = self.routed.usage if self.routed is not None else None
        return counted if counted is not None else ruler.usage

    def over(self, ruler: Ruler) -> None:
        """Say that the answer is over, and let go of what was asked."""
        self.ended(self.used(ruler))
        self.close()

    def close(self) -> None:
        """Let go of what was asked."""
        for response in self._opened:
            response.close()

    async def _went_on(self, ruler: Ruler) -> tuple[Ruler, Routed] | None:
        told = ruler.refused
        if not told or not self._left:
            return None
        continuer = CONTINUERS[self.dialect]
        if not isinstance(ruler, AnswerRuler | StreamRuler):
            return None
        is_streamed = isinstance(ruler, StreamRuler)
        answer = self.codec.answer_of(ruler.raw) if is_streamed else ruler.raw
        value = continuer.again(self.value, answer, told)
        if value is None:
            return None
        self._left -= 1
        usage = self.used(ruler)
        response = await self.ask(value, usage)
        self.is_unanswered, self.routed = True, response
        self._opened.append(response)
        self.attempts += response.heard.attempts
        self._check(response, is_streamed=is_streamed)
        self.value = value
        self._written += usage.output_tokens
        found: Ruler
        if isinstance(ruler, AnswerRuler):
            second = await response.read(self.max_bytes)
            whole = joined_answer(self.codec, continuer, first=ruler.body, second=second, written=self._written)
            found = AnswerRuler(self.codec, whole, defers=True, raw=second)
        else:
            found = ruler.following(continuer.follower(ruler.as_stream(), self._written))
        self.is_unanswered = False
        return found, response

    def _check(self, response: Routed, *, is_streamed: bool) -> None:
        """Refuse what is no answer of the form that was begun.

        Raises: ProtocolError (upstream).
        """
        kinds = [value for name, value in response.fields if name == b"content-type"]
        wanted = b"text/event-stream" if is_streamed else b"application/json"
        if response.status != 200 or not kinds or kinds[0].partition(b";")[0].strip().lower() != wanted:
            raise ProtocolError("the provider did not go on", code="upstream_rejected", side="upstream")
