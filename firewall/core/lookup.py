"""What an argument of an MCP tool names: an id that a resolver looks up, or a place of environments.toml."""

from dataclasses import dataclass

from firewall.core.fast_init import fast_init

ID = "id"
"""The word of an argument that is an id by itself."""


@fast_init
@dataclass(frozen=True, slots=True)
class Lookup:
    """One `[[mcp_server.argument]]`; with `target`, or with `place`."""

    target: str = ""
    """The infrastructure target whose resolver knows what an id is."""
    thing: str = ""
    """The kind of thing, as that resolver's file calls it; empty: all that the file knows by arguments' names."""
    at: tuple[tuple[str, str], ...] = ()
    """(word, JSON pointer): where the parts of a name stand; one part alone is `id`. `*` is each element."""
    place: str = ""
    """The list of environments.toml that names such places (`kube_namespaces`, `databases`, …)."""
    written: str = ""
    """How the place is written there, with words in braces; empty: as the argument is."""
