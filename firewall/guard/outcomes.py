"""Outcomes: what becomes of released calls, as far as the agent reports it (DESIGN 2.4).

The verdict's entry is durable before the effect can start; the outcome is a second entry. It is the agent's own
claim: it proves nothing about the world, and nothing depends on it.
"""

from collections import OrderedDict
from collections.abc import Sequence

from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.guard.requester import Requester
from firewall.sequencer.posting import post

MAX_AWAITED = 20_000


class Outcomes:
    """Released calls whose results have not been reported yet; the oldest are forgotten first."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._awaited: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._released: OrderedDict[tuple[str, str], None] = OrderedDict()

    def released(self, requester: Requester, call_id: str, entry: int) -> None:
        """Expect the result of a call; `call_id` is its name where the dialect has no ids."""
        key = (requester.principal, call_id)
        self._awaited[key] = entry
        if len(self._awaited) > MAX_AWAITED:
            self._awaited.popitem(last=False)
        self._released[key] = None
        if len(self._released) > MAX_AWAITED:
            self._released.popitem(last=False)

    def were_released(self, principal: str, call_ids: Sequence[str]) -> bool:
        """Tell whether an agent was let make all of these calls, as far as is remembered; of none: no."""
        return bool(call_ids) and all((principal, one) in self._released for one in call_ids)

    def finished(self, requester: Requester, reported: Sequence[tuple[str, bool]]) -> None:
        """Record the results (call id, is error) that a request reports of calls that we released."""
        if not reported:
            return
        records = tuple(
            Record(
                kind="tool.finished",
                data={"judged": entry, "reported_error": is_error, "gate": requester.gate},
                principal=requester.principal,
            )
            for call_id, is_error in reported
            if (entry := self._awaited.pop((requester.principal, call_id), None)) is not None
        )
        if records:
            post(self._sequencer, Unit(records=records))
