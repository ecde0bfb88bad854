"""What classification may know besides the bytes of a call: the grant's workspace and the compiled catalogues."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.classify.catalogue import Catalogue
from firewall.classify.environments import Environments
from firewall.classify.state import Session, Unread
from firewall.core.fast_init import fast_init, maker
from firewall.core.target import TargetSpec


@fast_init
@dataclass(frozen=True, slots=True)
class Context:
    """Where a call is judged from. Only `workspace` is a fact of the grant; the rest can only narrow."""

    workspace: str
    """Canonical absolute path of the grant's workspace; empty: none."""
    cwd: str
    """Where the agent says it runs; a claim, used only to narrow; empty: the workspace."""
    home: str
    """The agent's home as far as known; empty: unknown, `~` then is unseen."""
    environments: Environments
    """environments.toml, compiled."""
    catalogue: Catalogue
    """tools.toml, hosts.toml and the packs, compiled."""
    targets: Mapping[str, TargetSpec] = field(default_factory=dict)
    """The infrastructure APIs of the configuration, by name."""
    sessions: Mapping[str, Session] = field(default_factory=dict)
    """Open sessions of the agent's tools, by the name that its calls give them; what is not here is not known."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Texts of files that the call runs or reads as configuration, by absolute path; what it lacks was not read.

    They only raise: an action never gets milder because a text is here.
    """
    unread: Mapping[str, Unread] = field(default_factory=dict)
    """Why files that the call names were not read, by absolute path, as far as somebody has looked."""


context_of = maker(Context)
"""Makes a context."""
