"""What agents said they would do, held against what their programs then ask for (why: ADR 0015).

A tool call that was released announces its effects at the places that it names: a target, a host, a vendor. A
request at the infra or egress gate that changes something and that nothing announced is *undeclared*. Kept per run
(the token at the root of the lineage), in memory, bounded and for minutes: what is forgotten was not announced.
INVARIANT: an announcement never makes a verdict milder than the policy says without this condition; it only keeps
`undeclared` from being set. One that destroys serves one request.

At the infra gate a run is checked once anything of it was heard where agents speak: a token that a pipeline or
terraform uses has no tool calls that could announce anything. At the egress gate every run is checked.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.work import Plain
from firewall.guard.requester import Requester

WINDOW_S = 900
"""How long an announcement holds: a call's own programs run at once, a long deployment some minutes."""
MAX_RUNS = 1024
MAX_HEARD = 65_536
MAX_SAID = 256
SAYING = frozenset({"models", "mcp", "hooks"})
"""Gates at which agents say what they will do."""
DOING = frozenset({"infra", "egress"})
"""Gates at which it is done."""
UNDECLARED = "no tool call announced this request"
_EFFECTFUL = frozenset(Effect) - {Effect.READ, Effect.SECRET}
_KNOWN = _EFFECTFUL - {Effect.UNKNOWN, Effect.EXEC}
"""Effects that must have been announced by name; of what is not understood any change at the place will do."""
_INFRA = re.compile(r"[^/]*/infra/([a-z0-9][a-z0-9-]{0,62})(?:/.*)?")
_VAGUE = frozenset({"program", "unknown", "code", "file", "repository", "none"})
"""Kinds of resources that do not name what a request would change."""
_VENDORS: Mapping[str, str] = MappingProxyType(
    {
        "aws": "aws",
        "az": "azure",
        "doctl": "digitalocean",
        "fly": "fly",
        "flyctl": "fly",
        "gcloud": "google",
        "gh": "github",
        "git": "git",
        "glab": "gitlab",
        "helm": "kubernetes",
        "heroku": "heroku",
        "kubectl": "kubernetes",
        "linode-cli": "linode",
        "neonctl": "neon",
        "netlify": "netlify",
        "oc": "kubernetes",
        "railway": "railway",
        "stripe": "stripe",
        "supabase": "supabase",
        "vercel": "vercel",
        "wrangler": "cloudflare",
    }
)
"""Programs, by the beginning of their operations, and the vendor whose API they speak to."""
_NAMED = frozenset(_VENDORS.values())


@dataclass(slots=True, eq=False)
class Said:
    """One action of a tool call that was released."""

    entry: int
    """The entry that judged the call."""
    action: Action
    places: frozenset[str]
    until_us: int
    is_used: bool = False
    """It destroys, and a request has done so."""


@dataclass(frozen=True, slots=True)
class Match:
    """What announced a request: for each of its changing actions one."""

    pairs: tuple[tuple[Action, Said], ...]

    @property
    def entries(self) -> tuple[int, ...]:
        """The entries of the announcing calls, once each."""
        return tuple(dict.fromkeys(said.entry for _, said in self.pairs))

    def use(self) -> bool:
        """Take what serves one request alone; False: another request was faster."""
        single = [said for action, said in self.pairs if Effect.DESTRUCTIVE in action.effects]
        if any(said.is_used for said in single):
            return False
        for said in single:
            said.is_used = True
        return True


@dataclass(frozen=True, slots=True)
class Declaration:
    """Whether something announced a request."""

    state: str = ""
    """`announced`, `undeclared` or `unheard`; empty: the call is no request that changes something."""
    match: Match | None = None

    @property
    def is_undeclared(self) -> bool:
        """Nothing announced it."""
        return self.state == "undeclared"

    def facts(self) -> dict[str, Plain]:
        """Return what may stand unsealed in an entry."""
        if not self.state:
            return {}
        return {
            "declared": self.state,
            **({"announced_by": tuple(map(str, self.match.entries))} if self.match else {}),
        }

    def use(self) -> bool:
        """Take what serves one request alone; False: another request was faster."""
        return self.match is None or self.match.use()


NOT_ASKED = Declaration()
_UNDECLARED = Declaration("undeclared")
_UNHEARD = Declaration("unheard")


class Announcements:
    """What was said, by run."""

    __slots__ = ("_heard", "_runs")

    def __init__(self) -> None:
        self._runs: OrderedDict[str, deque[Said]] = OrderedDict()
        self._heard: OrderedDict[str, None] = OrderedDict()

    def hear(self, requester: Requester) -> None:
        """Remember that a run speaks where agents say what they will do, whatever becomes of its call."""
        if requester.gate not in SAYING:
            return
        self._heard[_run(requester)] = None
        self._heard.move_to_end(_run(requester))
        if len(self._heard) > MAX_HEARD:
            self._heard.popitem(last=False)

    def note(self, requester: Requester, actions: Sequence[Action], *, entry: int, now_us: int) -> None:
        """Keep what a released tool call announces; calls at other gates announce nothing."""
        if requester.gate not in SAYING:
            return
        until = now_us + WINDOW_S * 1_000_000
        said = [
            Said(entry, action, places, until)
            for action in actions
            if _EFFECTFUL.intersection(action.effects) and (places := places_of(action))
        ]
        if not said:
            return
        run = self._runs.setdefault(_run(requester), deque(maxlen=MAX_SAID))
        run.extend(said)
        self._runs.move_to_end(_run(requester))
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)

    def declared(self, requester: Requester, actions: Sequence[Action], *, now_us: int) -> Declaration:
        """Say whether something announced a call."""
        if not is_checked(requester, actions):
            return NOT_ASKED
        is_said = _run(requester) in self._runs  # what changes something is not announced by nothing
        found = self.match(requester, actions, now_us=now_us) if is_said else None
        if found is not None:
            return Declaration("announced", found)
        is_heard = requester.gate == "egress" or _run(requester) in self._heard
        return _UNDECLARED if is_heard else _UNHEARD

    def match(self, requester: Requester, actions: Sequence[Action], *, now_us: int) -> Match | None:
        """Return what announced every changing action of a request; None: something was not announced."""
        run = [said for said in self._runs.get(_run(requester), ()) if said.until_us > now_us and not said.is_used]
        taken: set[int] = set()
        pairs = []
        for action in actions:
            if not is_change(action):
                continue
            found = next((said for said in run if id(said) not in taken and _announces(said, action)), None)
            if found is None:
                return None
            if Effect.DESTRUCTIVE in action.effects:
                taken.add(id(found))
            pairs.append((action, found))
        return Match(tuple(pairs))


def is_checked(requester: Requester, actions: Sequence[Action]) -> bool:
    """Tell whether a call is a request that something must have announced."""
    return requester.gate in DOING and any(map(is_change, actions))


def is_change(action: Action) -> bool:
    """Tell whether an action does more than read."""
    return bool(_EFFECTFUL.intersection(action.effects))


def undeclared(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Return a request's actions with those that change something marked, for policies and for people."""
    return tuple(
        replace(
            action,
            summary=f"{action.summary} ({UNDECLARED})",
            attributes={**action.attributes, "undeclared": True},
        )
        if is_change(action)
        else action
        for action in actions
    )


def places_of(action: Action) -> frozenset[str]:
    """Return where an action acts: `target:NAME`, `host:NAME`, `vendor:NAME`."""
    found = {f"target:{action.target}"} if action.target else set()
    for address in action.reach.addresses:
        target = _INFRA.fullmatch(address)
        host = address.partition("/")[0].rpartition(":")[0]
        found.add(f"target:{target[1]}" if target else f"host:{host}")
    named = str(action.attributes.get("host", ""))
    if named and not any(place.startswith("target:") for place in found):
        found.add(f"host:{named}")
    kind, _, rest = action.resource.partition(":")
    vendors = {_VENDORS.get(action.operation.partition(":")[0], ""), kind, rest.partition("/")[0]}
    return frozenset(found | {f"vendor:{name}" for name in vendors & _NAMED})


def _announces(said: Said, asked: Action) -> bool:
    """Tell whether an action that was said covers one that is asked for."""
    effects = set(said.action.effects)
    if not said.places & places_of(asked) or not (_KNOWN & set(asked.effects)) <= effects:
        return False
    return _same_thing(said.action, asked)


def _same_thing(said: Action, asked: Action) -> bool:
    """Tell whether two actions may be about one thing: where both name one of one kind, it is the same."""
    (kind, _, name), (asked_kind, _, asked_name) = said.resource.partition(":"), asked.resource.partition(":")
    comparable = kind == asked_kind and kind not in _VAGUE and not said.unseen
    if not comparable or name.partition("/")[0] != asked_name.partition("/")[0]:
        return True
    return name == asked_name


def _run(requester: Requester) -> str:
    return requester.lineage[-1] if requester.lineage else requester.token_id
