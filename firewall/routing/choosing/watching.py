"""One call while it is under way, as choosing sees it: who is busy with it, and what its attempts took."""

from types import TracebackType
from typing import Self

from firewall.routing.call import Attempt, ModelCall, Plan, UnansweredError
from firewall.routing.choosing.chooser import Chooser
from firewall.routing.choosing.measures import WHOLE, Observed
from firewall.routing.trying.answers import Begun, Kept


class Watch:
    """Counts a call with the candidate that is asked first, later with the one that answers, until it is over."""

    def __init__(self, chooser: Chooser, call: ModelCall, plan: Plan) -> None:
        self._chooser = chooser
        self._call = call
        self._plan = plan
        self._busy = ""

    def __enter__(self) -> Self:
        """Begin."""
        self._begin(self._plan.candidates[0].name)
        return self

    def heard(self, answer: Kept | Begun) -> Kept | Begun:
        """Take what is known of an answer; one that goes on keeps its candidate busy."""
        heard = answer.heard
        self._observe(heard.tried)
        if heard.attempts and not heard.degraded:
            self._chooser.answered(self._call, self._plan, heard.candidate)
        self.over()
        if isinstance(answer, Begun):
            self._begin(heard.candidate.name)
            answer.on_close(self.over)
        return answer

    def over(self) -> None:
        """Nobody is busy with it any more."""
        if self._busy:
            self._chooser.measures.ended(self._busy)
            self._busy = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, unless an answer goes on."""
        if kind is not None:
            if isinstance(error, UnansweredError) and error.heard is not None:
                self._observe(error.heard.tried)
            self.over()

    def _begin(self, name: str) -> None:
        self._busy = name
        self._chooser.measures.began(name)

    def _observe(self, tried: tuple[Attempt, ...]) -> None:
        behind = "" if self._call.request.stream else WHOLE
        now = self._chooser.outside.now_us()
        for one in tried:
            seen = Observed(one.candidate.name + behind, now, one.took_ms * 1000, is_ok=one.outcome == "ok")
            self._chooser.measures.observe(seen)
