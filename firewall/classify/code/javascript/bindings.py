"""How the names of a JavaScript program get their values, and which are given others later."""

from dataclasses import dataclass, field

from firewall.classify.code.javascript.syntax import Node

MAX_WORK = 4000


@dataclass(frozen=True, slots=True)
class Binding:
    """How a name gets its value."""

    value: Node | None
    """The initializer, or what is looped over; None: not known."""
    each: bool = False
    """The name stands for each element of the value in turn."""
    path: tuple[str | int, ...] = ()
    """What a pattern takes from it: keys and places."""
    function: Node | None = None
    """The function that the name is."""
    sources: "tuple[tuple[Node | None, bool], ...] | None" = None
    """For a parameter: what each call hands over (None: nothing), and whether it is gone through one by one."""
    default: Node | None = None
    """For a parameter: what it is where a call hands over nothing, or `undefined`."""


@dataclass(slots=True)
class Names:
    """All names that a program binds."""

    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    work: int = MAX_WORK
    """Steps that evaluating may still take, for the whole program: who asks again for a value pays again."""
    assigned: set[str] = field(default_factory=set)
    """Given another value after they were bound."""
    changed: set[str] = field(default_factory=set)
    """Arrays and objects that may be changed in place."""
    handed: set[str] = field(default_factory=set)
    """Given to a call that changes something, and perhaps kept there."""
    through: list[Node] = field(default_factory=list)
    """Functions whose result is changed in place."""
    own: list[Node] = field(default_factory=list)
    """Changes that a class makes to its own objects (`this.a = …`), whichever those are."""
    foreign: list[Node] = field(default_factory=list)
    """Changes to something that no name of this program holds (`Array.prototype.map = …`)."""

    def the(self, name: str) -> Binding | None:
        """Return how a name gets its one value; None: in no way, in several, or it is assigned."""
        found = self.bindings.get(name, ())
        return found[0] if len(found) == 1 and name not in self.assigned else None

    def function(self, name: str) -> Node | None:
        """Return the function that a name is."""
        bound = self.the(name)
        return bound.function if bound is not None else None
