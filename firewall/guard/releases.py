"""Releases: what an approved call leaves for the gates that it passes next (DESIGN 1; why: ADR 0028).

An agent's call is seen where its model says it (models), where its hook reports it (hooks) and where its MCP
client makes it (mcp). People approve it once: the gate that consumed the approval leaves a release, and each later
gate may use it once, for minutes, where it judges the call no stricter than people were told.

Kept in memory, bounded: what is forgotten, or was lost with the process, is merely asked about again.
INVARIANT: a release replaces nothing but an ask; `take` gives each gate of a release to one call alone.
INVARIANT: a call passes with the very files that people agreed to, by hash; what changed, came or went is asked.
INVARIANT: the agent's id of a call only narrows: of several that fit it picks one, and one that is not there none.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from firewall.classify.mcp.names import flat
from firewall.core.action import UNRESOLVED
from firewall.core.call import CallForm
from firewall.core.effect import Effect
from firewall.core.verdict import Ask
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester

WINDOW_S = 300
"""How long a release serves later gates: a client asks its own user in between, and runs a call once it may."""
MAX_CALLS = 4096
MAX_EACH = 16
"""Releases of calls with the same arguments."""
HOOKS = "hooks"
_LATER = {"models": ("hooks", "mcp"), "hooks": ("mcp",)}
"""The gates that a call passes after another."""
_COMMAND = b"command:"
"""Stands in a key in front of a command, where a command alone is known."""
_Key = tuple[str, str, bytes]


@dataclass(slots=True, eq=False)
class Release:
    """What one approved call leaves."""

    approval: str
    name: str
    """The tool's name as it was called where it was approved."""
    entry: int
    """The entry that judged it where it was approved."""
    session: str
    call_id: str
    """The agent's id of the call; empty: it has none."""
    effects: frozenset[Effect]
    environments: frozenset[str]
    obligations: str
    until_us: int
    resources: frozenset[str]
    files: frozenset[tuple[str, str]]
    """Path and SHA-256 hex (or `unread`) of what it runs."""
    gates: set[str] = field(default_factory=set)
    """Those that have not used it."""
    commands: Counter[bytes] = field(default_factory=Counter)
    """Hashes of the commands that it runs, as often as a hook may still report each in its own words."""


class Releases:
    """What approved calls left, by run and arguments."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: OrderedDict[_Key, list[Release]] = OrderedDict()

    def leave(
        self,
        judgement: Judgement,
        requester: Requester,
        *,
        approval: str,
        entry: int,
        now_us: int,
        commands: Sequence[str] = (),
        ends_us: int | None = None,
    ) -> None:
        """Leave a release for the gates behind this one; requests to targets leave none.

        `commands`: what it runs, for a hook that reports each of them in words of its own. `ends_us`: when the
        repeat permit that it used is over, and with it what its uses left; None: it was approved once.
        """
        gates = _LATER.get(requester.gate)
        if gates is None or judgement.call.form is CallForm.REQUEST or not isinstance(judgement.verdict, Ask):
            return
        release = Release(
            approval=approval,
            name=judgement.call.name,
            entry=entry,
            session=requester.session,
            call_id=judgement.call.id,
            effects=frozenset(judgement.effects),
            environments=frozenset(action.environment for action in judgement.actions),
            obligations=judgement.verdict.obligations.text(),
            until_us=now_us + WINDOW_S * 1_000_000
            if ends_us is None
            else min(now_us + WINDOW_S * 1_000_000, ends_us),
            resources=frozenset(action.resource for action in judgement.actions),
            files=judgement.files,
            gates=set(gates),
            commands=Counter(map(_hash, commands if HOOKS in gates else ())),
        )
        keys = [_key(judgement, requester), *(_command_key(one, requester) for one in release.commands)]
        for key in keys:
            kept = [
                one for one in self._left.get(key, ()) if one.until_us > now_us and (one.gates or one.commands)
            ]
            self._left[key] = [*kept, release][-MAX_EACH:]
            self._left.move_to_end(key)
        while len(self._left) > MAX_CALLS:
            self._left.popitem(last=False)

    def take(self, judgement: Judgement, requester: Requester, *, now_us: int) -> Release | None:
        """Use a release for this call at this gate; None: no approved call left one that fits."""
        if not self._left or (judgement.call.served is not None and judgement.call.served.is_ambiguous):
            return None
        key = _key(judgement, requester)
        fitting = [
            one
            for one in self._left.get(key, ())
            if one.until_us > now_us
            and requester.gate in one.gates
            and _is_named(one, judgement)
            and one.files == judgement.files
            and _fits(one, judgement, requester)
        ]
        found = _narrowed(fitting, judgement.call.id)
        if found is not None:
            found.gates.discard(requester.gate)
            if requester.gate == HOOKS:  # in these words, so in no others
                found.commands.clear()
        return found

    def take_command(
        self, judgement: Judgement, requester: Requester, commands: Sequence[str], *, now_us: int
    ) -> Release | None:
        """Use a release for the one command of a call that a hook reports; None: nothing left one that fits.

        The hook's own id of a command that a script runs is not the script's, so it picks nothing here.
        """
        if requester.gate != HOOKS or len(commands) != 1:
            return None
        mark = _hash(commands[0])
        for one in self._left.get(_command_key(mark, requester), ()):
            if _is_named(one, judgement):  # in its own words it would have fitted
                continue
            # One command of several: what the others run is not its own.
            is_seen = judgement.files <= one.files
            if one.until_us > now_us and one.commands[mark] > 0 and is_seen and _fits(one, judgement, requester):
                one.commands -= Counter({mark: 1})
                one.gates.discard(HOOKS)
                return one
        return None


def _is_named(release: Release, judgement: Judgement) -> bool:
    """Tell whether both names are of one tool, however clients write it."""
    served = judgement.call.served
    if served is not None and served.is_combined:
        return release.name.endswith((f"_{served.server}__{served.tool}", f"/{served.server}__{served.tool}"))
    return flat(release.name) == flat(judgement.call.name)


def _fits(release: Release, judgement: Judgement, requester: Requester) -> bool:
    """Tell whether people have agreed to what a call is judged to do here."""
    verdict = judgement.verdict
    if not isinstance(verdict, Ask) or verdict.obligations.text() not in ("", release.obligations):
        return False
    if release.session and requester.session and release.session != requester.session:
        return False
    # What a tool of a server works on follows from its name and arguments, which are the same; only its gate knows
    # the server, and says it in other words. All others are read alike at every gate, whatever the agent claims.
    is_read_alike = judgement.call.served is None or bool(requester.cwd)
    if is_read_alike and not {action.resource for action in judgement.actions} <= release.resources:
        return False
    # What could be anywhere was shown as such, and approved by whoever decides about the strictest.
    places = {action.environment for action in judgement.actions}
    known = UNRESOLVED in release.environments or places <= release.environments
    return known and set(judgement.effects) <= release.effects


def _narrowed(fitting: list[Release], call_id: str) -> Release | None:
    """Pick the release of a call, the oldest of equals; an id that names none of those with ids picks none."""
    if not call_id:
        return fitting[0] if fitting else None
    same = [one for one in fitting if one.call_id == call_id]
    nameless = [one for one in fitting if not one.call_id]
    return next(iter([*same, *nameless]), None)


def _command_key(mark: bytes, requester: Requester) -> _Key:
    run = requester.lineage[-1] if requester.lineage else requester.token_id
    return requester.principal, run, _COMMAND + mark


def _hash(command: str) -> bytes:
    return hashlib.sha256(command.encode("utf-8", "surrogatepass")).digest()


def _key(judgement: Judgement, requester: Requester) -> _Key:
    run = requester.lineage[-1] if requester.lineage else requester.token_id
    arguments = hashlib.sha256(judgement.bound or b"{}").digest()
    return requester.principal, run, arguments
