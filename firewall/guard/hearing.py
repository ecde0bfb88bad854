"""Whether agents' hooks are alive: what was heard of each session, and what ran without a word (`hook.silent`).

An agent runs a call when its hook is broken, and nobody sees it. But its model calls pass here: a call that we
released and whose result comes back must have been reported by the hook in between, by its id, or, where the hook
says none that the model knows, by one report for each call. That a session began, or goes on, reports nothing.

Kept in memory and bounded; it says something about agents and decides nothing.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.guard.requester import Requester
from firewall.sequencer.posting import post

MAX_SESSIONS = 4096
MAX_AWAITED = 20_000
MAX_TEXT = 128
"""Characters that are kept of an id or a session; of a longer one its hash is."""
_NAMES = {"gemini-cli": "gemini"}
"""Clients of the models gate whose hooks go by another name."""
_UNREPORTED = frozenset({"write_stdin"})
"""Tools that act and that no hook reports."""
_NOT_MISSED = -1
"""Stands for a call that only reads: nothing is amiss where no hook speaks of it."""
_Key = tuple[str, str]


@dataclass(slots=True)
class Heard:
    """What the hooks of one session said."""

    client: str
    session: str
    events: int = 0
    """Everything that was heard."""
    reports: int = 0
    """Calls that were reported under no id that is awaited."""
    last_us: int = 0
    is_silent: bool = False
    """A gap was logged, and no call has been reported since."""


class HookWatch:
    """What was heard of hooks, by run and session."""

    __slots__ = ("_awaited", "_expected", "_heard", "_hooked", "_sequencer")

    def __init__(self, sequencer: Sequencer, expected: Collection[str] = ()) -> None:
        """`expected`: agents whose hooks must be heard, though none of theirs was ever heard here."""
        self._sequencer = sequencer
        self._expected = frozenset(expected)
        self._heard: OrderedDict[_Key, Heard] = OrderedDict()
        self._hooked: OrderedDict[_Key, int] = OrderedDict()
        self._awaited: OrderedDict[_Key, int] = OrderedDict()

    def heard(self, requester: Requester, *, now_us: int, call_id: str | None = None) -> None:
        """Note an event of a hook: a sign of life of its session, and of its run.

        `call_id`: the agent's id of the call that is reported, empty where it says none; None: no call is.
        """
        run, client = _run(requester), _NAMES.get(requester.client, requester.client)
        was_awaited = bool(call_id) and self._awaited.pop((run, _short(str(call_id))), None) is not None
        for session in {requester.session, ""}:
            one = self._session(requester, session)
            one.client, one.session = client, _short(requester.session)
            one.events += 1
            one.last_us = now_us
            if call_id is not None:
                one.reports += not was_awaited
                one.is_silent = False
        _bounded(self._hooked, (requester.principal, client), 0, most=MAX_SESSIONS)

    def of(self, requester: Requester) -> list[Heard]:
        """Return what was heard of each session of a run, the newest last."""
        run = _run(requester)
        return [one for (of, session), one in self._heard.items() if of == run and session and one.events]

    def released(self, requester: Requester, call: ToolCall, effects: Sequence[Effect]) -> None:
        """Expect to hear of a call that the models gate has let go, where its hook is expected to speak."""
        if not self._is_watched(requester) or call.form is CallForm.HOSTED or call.name in _UNREPORTED:
            return
        key = (_run(requester), _short(call.id or call.name))
        is_missed = not set(effects) <= {Effect.READ}
        reports = self._session(requester, requester.session).reports if is_missed else _NOT_MISSED
        _bounded(self._awaited, key, reports, most=MAX_AWAITED)

    def reported(self, requester: Requester, call_ids: Sequence[str]) -> None:
        """Log a gap where the results of calls come back that no hook has spoken of."""
        run = _run(requester)
        found = [self._awaited.pop((run, _short(call_id)), None) for call_id in call_ids]
        then = [reports for reports in found if reports is not None and reports != _NOT_MISSED]
        if not then:
            return
        heard = self._session(requester, requester.session)
        unheard = len(then) - (heard.reports - min(then))
        if unheard <= 0 or heard.is_silent:
            return
        heard.is_silent = True
        record = Record(
            kind="hook.silent",
            data={
                "client": requester.client,
                "calls": unheard,
                "heard": heard.events,
                "token": requester.token_id,
                "gate": requester.gate,
            },
            person=requester.grant.owner,
            principal=requester.principal,
            private={"session": requester.session},
        )
        post(self._sequencer, Unit(records=(record,)))

    def _is_watched(self, requester: Requester) -> bool:
        if requester.gate != "models":
            return False
        client = _NAMES.get(requester.client, requester.client)
        return client in self._expected or (requester.principal, client) in self._hooked

    def _session(self, requester: Requester, session: str) -> Heard:
        key = (_run(requester), _short(session))
        found = self._heard.get(key)
        if found is None:
            found = self._heard[key] = Heard(requester.client, key[1])
        self._heard.move_to_end(key)
        if len(self._heard) > MAX_SESSIONS:
            self._heard.popitem(last=False)
        return found


def _bounded(kept: OrderedDict[_Key, int], key: _Key, value: int, *, most: int) -> None:
    """Put something at the end; the oldest are forgotten first."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)


def _run(requester: Requester) -> str:
    return requester.lineage[-1] if requester.lineage else requester.token_id


def _short(text: str) -> str:
    """Return a text that may be kept, other ones for others."""
    return text if len(text) <= MAX_TEXT else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
