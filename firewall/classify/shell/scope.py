"""What a shell knows while it runs a line: variables, functions, aliases, the working directory.

A variable is a constant, or unknown (None). INVARIANT: what happens only on some paths (after `||`, in a
branch, in a loop) leaves a variable unknown and a working directory with every possibility.
"""

from dataclasses import dataclass, field

from tree_sitter import Node

from firewall.classify.draft import Source
from firewall.classify.environments import Place

MAX_CWDS = 4


@dataclass(frozen=True, slots=True)
class Body:
    """A function's or alias's text, to be read where it is called."""

    source: Source
    node: Node | None = None
    """The parsed body; None: `source.text` is read again (aliases)."""
    offsets: "tuple[int, ...] | None" = None
    from_file: bool = False
    """Defined in a file that was read: it may be another one when it is called."""
    running: bool = False
    """A function that is being read: a call of it is a call of itself."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a command finds on its standard input."""

    text: str | None = None
    """The text when it is known."""
    source: Source | None = None
    """Where that text stands."""
    below: tuple[str, ...] = ()
    """The lines are paths below these folders (`find`, `ls`), when the text is not known."""
    ends: tuple[str, ...] = ()
    """The lines are paths that may end like these."""
    exec_label: str = ""
    """What produced it, for messages."""
    paths: tuple[str, ...] = ()
    """It is the content of one of these files."""
    local: bool = False
    """It carries content of local files (for what leaves the machine)."""


@dataclass(slots=True)
class Scope:
    """The state of one shell; copied for subshells and branches."""

    cwds: tuple[str, ...] = ()
    """Where it may be; empty: unknown."""
    variables: dict[str, str | None] = field(default_factory=dict)
    arrays: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    """Arrays of which the number of elements is known; a name is a variable or an array, never both."""
    functions: dict[str, Body] = field(default_factory=dict)
    aliases: dict[str, Body] = field(default_factory=dict)
    positional: tuple[str | None, ...] | None = None
    """`$1` and so on; None: unknown how many."""
    machine: str = ""
    """Where it runs when not here: `ssh:host`, `container:name`."""
    places: tuple[Place, ...] = ()
    """What else is known about where that machine is."""
    below: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Variables that hold a path below these folders."""
    near: str = ""
    """While `cwds` is unknown: a made-up path that ends like the working directory."""

    def copy(self) -> "Scope":
        """Return an independent copy."""
        return Scope(
            self.cwds,
            dict(self.variables),
            dict(self.arrays),
            dict(self.functions),
            dict(self.aliases),
            self.positional,
            self.machine,
            self.places,
            dict(self.below),
            self.near,
        )

    def take(self, other: "Scope") -> None:
        """Become another scope (after a part that certainly ran)."""
        self.cwds = other.cwds
        self.variables = other.variables
        self.arrays = other.arrays
        self.functions = other.functions
        self.aliases = other.aliases
        self.below = other.below
        self.near = other.near

    def merge(self, other: "Scope") -> None:
        """Join with what another path through the line leaves behind."""
        if self.cwds and other.cwds:
            joined = tuple(dict.fromkeys((*self.cwds, *other.cwds)))
            self.cwds = joined if len(joined) <= MAX_CWDS else ()
        else:
            self.cwds = ()
        for name in {*self.variables, *other.variables}:
            if self.variables.get(name) != other.variables.get(name):
                self.variables[name] = None
        for name in [name for name, values in self.arrays.items() if other.arrays.get(name) != values]:
            self.arrays.pop(name)
            self.variables[name] = None
        self.near = self.near or other.near
        for name, body in other.functions.items():
            self.functions.setdefault(name, body)
        for name, body in other.aliases.items():
            self.aliases.setdefault(name, body)
        self.below = {name: value for name, value in self.below.items() if other.below.get(name) == value}

    def assign(self, name: str, value: str | None) -> None:
        """Set a variable; None: to what nobody knows."""
        self.variables[name] = value
        self.arrays.pop(name, None)

    def assign_all(self, name: str, values: tuple[str | None, ...]) -> None:
        """Set an array."""
        self.arrays[name] = values
        self.variables.pop(name, None)

    def forget(self) -> None:
        """Forget every variable: something may have set any of them."""
        self.variables.update(dict.fromkeys((*self.variables, *self.arrays)))
        self.arrays.clear()
        self.below.clear()

    def move(self, to: tuple[str, ...]) -> None:
        """Change the working directory; empty: nobody knows where to."""
        self.cwds = to[:MAX_CWDS]
