"""An action: a tool call made comparable.

One tool call can hold several actions (a shell line, a GraphQL document, a batch). Classification fills
everything here from bytes alone; nothing an agent claims lowers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.core.effect import Effect, ordered, strictest

LOCAL = "local"
"""The environment of files under the grant's workspace, after links are resolved."""
UNRESOLVED = "unresolved"
"""The environment of a thing that no row of environments.toml names: judged strictly, can be asked."""

Attribute = int | str | bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that decided, as a span of the exact bytes of `ToolCall.arguments`' decoded text."""

    start: int
    """Offset of the first character into the text that was judged (see `Action.text`)."""
    end: int
    """Offset behind the last character."""
    note: str
    """Why these words matter, in plain words."""


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
    unseen: tuple[str, ...] = ()
    """What could not be seen, in plain words."""
    files: tuple[str, ...] = ()
    """Absolute paths of files that the call runs or reads as configuration: bound by hash where visible."""
    reach: Reach = Reach()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """What `when` expressions may ask for besides the fields above."""

    @property
    def effect(self) -> Effect:
        """The strictest effect."""
        return strictest(self.effects)


def with_effects(*effects: Effect) -> tuple[Effect, ...]:
    """Return effects as `Action.effects` wants them; none means `unknown`."""
    return ordered(effects) or (Effect.UNKNOWN,)
