"""Open sessions of agents' tools, as far as the guard released what opened them and what was typed into them.

Kept per run (the token at the root of the lineage), in memory and bounded: what is forgotten, or happened in
another process, is not known, and what is typed into a session that is not known is `exec` all the same.
"""

from collections import OrderedDict
from collections.abc import Mapping

from firewall.classify.state import Session
from firewall.guard.requester import Requester

MAX_RUNS = 1024
MAX_SESSIONS = 64


class SessionMemory:
    """What was opened and typed, by run."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Mapping[str, Session]] = OrderedDict()

    def of(self, requester: Requester) -> Mapping[str, Session]:
        """Return the open sessions of a run; empty: nothing is known."""
        return self._runs.get(_run(requester), {})

    def keep(self, requester: Requester, sessions: Mapping[str, Session]) -> None:
        """Keep the state after a call was released; of too many sessions the newest are kept."""
        if not sessions:
            return
        run = _run(requester)
        newest = list(sessions.items())[-MAX_SESSIONS:]
        self._runs[run] = {**({"": sessions[""]} if "" in sessions else {}), **dict(newest)}
        self._runs.move_to_end(run)
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)


def _run(requester: Requester) -> str:
    return requester.lineage[-1] if requester.lineage else requester.token_id
