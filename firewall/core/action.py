"""An action: a tool call made comparable.

One tool call can hold several actions (a shell line, a GraphQL document, a batch). Classification fills
everything here from bytes alone; nothing an agent claims lowers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.effect import Effect, ordered, strictest
from firewall.core.fast_init import fast_init, maker
from firewall.core.thing import Thing

LOCAL = "local"
"""The environment of files under the grant's workspace, after links are resolved."""
PRODUCTION = frozenset({"production", "prod", "prd", "live"})
"""Names of environments, in small letters, where nobody approves his own agent's calls."""
UNRESOLVED = "unresolved"
"""The environment of a thing that no row of environments.toml names: judged strictly, can be asked."""

Attribute = int | str | bool


class Scope(StrEnum):
    """Where what an action touches lies, as seen from the agent."""

    WORKSPACE = "workspace"
    """All of it under the grant's workspace."""
    MACHINE = "machine"
    """On this machine, outside the workspace."""
    ELSEWHERE = "elsewhere"
    """On another machine, in a container, or behind an interface."""
    UNSEEN = "unseen"
    """It cannot be seen what it touches."""


class Reversal(StrEnum):
    """What can be taken back."""

    NOTHING = "nothing"
    """There is nothing to take back."""
    UNDO = "undo"
    """The same interface can restore it."""
    LOST = "lost"
    """What it removes, or has sent out, does not come back through that interface."""
    UNKNOWN = "unknown"
    """Nobody can say."""


class Confidence(StrEnum):
    """How an action was read; members stand from the best to the worst."""

    CERTAIN = "certain"
    """By the grammar and by a rule about this very operation, all of it seen."""
    LIKELY = "likely"
    """By the words of its name, by what is published about it, or with something unseen."""
    GUESS = "guess"
    """It could not be resolved; what is said is the least that must be assumed."""


@fast_init
@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that decided, as a span of the exact bytes of `ToolCall.arguments`' decoded text."""

    start: int
    """Offset of the first character into the text that was judged (see `Action.text`)."""
    end: int
    """Offset behind the last character."""
    note: str
    """Why these words matter, in plain words."""


evidence_of = maker(Evidence)
"""Makes a piece of evidence."""


@fast_init
@dataclass(frozen=True, slots=True)
class Reach:
    """What an action addresses, for the question whether it touches the firewall itself."""

    paths: tuple[str, ...] = ()
    """Absolute paths that it reads, writes or runs; normalised, links not resolved."""
    trees: tuple[str, ...] = ()
    """Absolute paths that it reads, writes or removes with everything below."""
    addresses: tuple[str, ...] = ()
    """`host:port/path` that it speaks to."""
    programs: tuple[str, ...] = ()
    """Names of the programs that it starts, with arguments, as one string each."""
    signals: tuple[str, ...] = ()
    """Process ids or names that it signals; `*` where they cannot be seen."""


reach_of = maker(Reach)
"""Makes a reach."""


@fast_init
@dataclass(frozen=True, slots=True)
class Action:
    """One operation on one resource, with its effects and the words that show them."""

    operation: str
    """`domain:verb`, e.g. `shell:rm`, `git:push`, `graphql:volumeDelete`, `http:POST`, `file:write`."""
    tool: str
    """The tool name as the client calls it (`Bash`, `exec_command`), or the name of the target."""
    resource: str
    """`kind:provider/path`, e.g. `file:/srv/data`, `volume:railway/vol_1`; `unknown:` where it cannot be seen."""
    environment: str
    """`local`, a configured name, or `unresolved`."""
    effects: tuple[Effect, ...]
    """Distinct, strictest first; never empty."""
    summary: str
    """One plain sentence: what happens, to what, whether it can be undone."""
    text: str = ""
    """The text that the evidence points into (a command line, a document, a body)."""
    evidence: tuple[Evidence, ...] = ()
    inside_workspace: bool = False
    """Everything it touches lies under the grant's workspace."""
    undo: str = ""
    """How it can be undone, in plain words; empty: it cannot, or nobody knows."""
    suggest: str = ""
    """A milder command line that may do as well; empty: none is known."""
    unseen: tuple[str, ...] = ()
    """What could not be seen, in plain words."""
    files: tuple[str, ...] = ()
    """Absolute paths of files that the call runs or reads as configuration: bound by hash where visible."""
    reach: Reach = Reach()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """What `when` expressions may ask for besides the fields above."""
    confidence: Confidence = Confidence.CERTAIN
    target: str = ""
    """Name of the target that it goes to; empty: it is no request to one."""
    things: tuple[Thing, ...] = ()
    """What it names by id, for resolvers of the target to look up."""
    sets: tuple[tuple[str, int], ...] = ()
    """Numbers that it sets of them by argument, which may be lower than what they are now."""

    @property
    def scope(self) -> Scope:
        """Where what it touches lies."""
        kind = self.resource.partition(":")[0]
        if self.inside_workspace:
            return Scope.WORKSPACE
        if self.attributes.get("machine") or self.attributes.get("network"):
            return Scope.ELSEWHERE
        if kind in _HERE:
            return Scope.MACHINE
        return Scope.UNSEEN if kind == "unknown" else Scope.ELSEWHERE

    @property
    def reversal(self) -> Reversal:
        """What can be taken back, by its effects and by what is known to undo it."""
        found = {_REVERSAL[effect] for effect in self.effects}
        if Reversal.LOST in found and not self.undo:
            return Reversal.LOST
        if Reversal.UNKNOWN in found:
            return Reversal.UNKNOWN
        return Reversal.UNDO if found - {Reversal.NOTHING} else Reversal.NOTHING

    @property
    def effect(self) -> Effect:
        """The strictest effect."""
        return strictest(self.effects)


action_of = maker(Action)
"""Makes an action."""


_HERE = frozenset({"file", "project", "code", "process", "program", "schedule", "none"})
"""Kinds of resources that lie on this machine unless something says otherwise."""
_REVERSAL = {
    Effect.READ: Reversal.NOTHING,
    Effect.WRITE: Reversal.UNDO,
    Effect.DISRUPTIVE: Reversal.UNDO,
    Effect.EXEC: Reversal.UNKNOWN,
    Effect.UNKNOWN: Reversal.UNKNOWN,
    Effect.EXFIL: Reversal.LOST,
    Effect.SECRET: Reversal.LOST,
    Effect.PRIVILEGE: Reversal.UNKNOWN,
    Effect.DESTRUCTIVE: Reversal.LOST,
}


def with_effects(*effects: Effect) -> tuple[Effect, ...]:
    """Return effects as `Action.effects` wants them; none means `unknown`."""
    return ordered(effects) or (Effect.UNKNOWN,)
