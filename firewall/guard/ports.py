"""What the guard asks of its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from firewall.classify.catalogue import Catalogue
from firewall.classify.environments import Environments
from firewall.classify.state import Unread
from firewall.core.action import Action
from firewall.core.thing import Thing
from firewall.core.verdict import Verdict
from firewall.core.world import Finding
from firewall.guard.requester import Requester as Asker
from firewall.policy.people import Requester


class Rules(Protocol):
    """A policy snapshot: immutable, swapped as a whole."""

    @property
    def digest(self) -> str:
        """SHA-256 hex over the loaded files."""
        ...

    @property
    def environments(self) -> Environments:
        """What things belong to which environment."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """What programs, hosts and tools do."""
        ...

    def verdict(self, action: Action, *, roles: frozenset[str], requester: Requester) -> Verdict:
        """Return the strictest verdict among the action's effects; never raises."""
        ...

    def row(self, ref: str) -> str:
        """Return the text of a row named as `policy.csv:12`."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was read, once: what was classified is what was hashed."""

    digest: str
    """SHA-256 hex of its bytes, or `unread`."""
    text: str | None = None
    """Its text; None where it is unread, too large to judge, or no UTF-8 text."""
    why: Unread | None = None
    """Why there is no text, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Named:
    """A call that names things."""

    target: str
    """The target whose resolver knows them."""
    things: tuple[Thing, ...]
    region: str
    """Of AWS, as a request to it names it; empty: it names none."""
    is_fresh: bool
    """It does more than read: an answer from a cache may deny it, and nothing else."""


class World(Protocol):
    """Looking up what ids name, with a credential of the resolver's own."""

    async def look(self, named: Named, requester: Asker, *, rules: Rules) -> tuple[Finding, ...]:
        """Return what is known of everything that a request names; never raises for what cannot be known.

        Nothing at all: the target has no resolver.
        """
        ...


class Files(Protocol):
    """Reading files of a workspace, so that what a call runs is bound by content."""

    def seen(self, paths: Sequence[str], workspace: str) -> "dict[str, Seen]":
        """Return what each path holds; `unread` for what cannot be read or lies outside the workspace."""
        ...
