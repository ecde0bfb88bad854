"""Things: what requests name by an id."""

from dataclasses import dataclass

from firewall.core.fast_init import fast_init, maker


@fast_init
@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a request names by an id."""

    provider: str
    kind: str
    """`volume`, `environment`, `database`, …: as the provider's resolvers call it."""
    id: str
    """As the request writes it; empty: it is named, and its id cannot be seen."""
    parts: tuple[tuple[str, str], ...] = ()
    """The words that it was put together from, where one word is not enough: (`namespace`, `web`)."""
    through: str = ""
    """Where it is found out what it is: the target with the resolver, or `environments.toml`; empty: the target
    that the request goes to."""

    @property
    def resource(self) -> str:
        """Return it as policy rows and environments.toml write it."""
        return f"{self.kind}:{self.provider}/{self.id or '?'}"


thing_of = maker(Thing)
"""Makes a thing."""
