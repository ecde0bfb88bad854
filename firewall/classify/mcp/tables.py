"""Servers that packs name: what their pinned tools do, and rules over arguments.

A server is known by the names under which agents configure it. That a name leads to the vendor's server is the
agent's configuration, and writing that is `privilege` (see tools.toml).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.classify.globs import Glob, glob_pattern, matches
from firewall.classify.reader import Reader
from firewall.classify.sql.dialects import dialect_named
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class McpRule:
    """(tools, argument predicate) -> effects; the first that fits decides, before the table of tools."""

    tools: tuple[Glob, ...]
    effects: tuple[Effect, ...]
    when: Mapping[str, tuple[Glob, ...]] = field(default_factory=dict)
    """Argument -> globs over its value as text, in lower case; all must fit."""
    without: tuple[str, ...] = ()
    """Arguments that must be missing or empty."""
    summary: str = ""
    undo: str = ""

    def fits(self, tool: str, arguments: Mapping[str, object]) -> bool:
        """Tell whether the rule speaks of this call."""
        return (
            matches(self.tools, tool)
            and all(matches(globs, plain(arguments.get(key))) for key, globs in self.when.items())
            and not any(arguments.get(key) not in (None, "", [], {}) for key in self.without)
        )


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server of a pack."""

    provider: str
    names: tuple[Glob, ...]
    """Names in agents' configurations, in lower case."""
    tools: Mapping[str, tuple[Effect, ...]] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    """Tool -> the agents' own tool in tools.toml that it is like."""
    rules: tuple[McpRule, ...] = ()
    dispatch: str = ""
    """The argument in which a tool takes the name of another tool of this server."""
    dialect: str = ""
    """The dialect of the SQL that its tools take (`postgres`); empty: the strictest of several readings counts."""


def plain(value: object) -> str:
    """Return an argument as text for globs: lower case; empty when it is missing."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, str | int | float | bool) else "*structure*"


MAX_NAME_CHARS = 400
"""Of a tool's name; no table holds one that is nearly as long."""
_JOINTS = str.maketrans("-./ ", "____")


def canonical(tool: str) -> str:
    """Return a tool's name as tables hold it: servers and clients differ in `-`, `.` and `_`."""
    return tool[:MAX_NAME_CHARS].translate(_JOINTS)


def read_server(table: Reader, provider: str) -> McpServer | None:
    """Compile the `[mcp]` table of a pack; None where it has none.

    Raises: ConfigError naming the row.
    """
    if not table.table:
        return None
    names = table.strings("servers")
    if not names or any(not name.strip("*?") for name in names):
        raise ConfigError(f"{table.where} needs `servers`, and none may match everything")
    lists = table.inner("tools")
    tools: dict[str, tuple[Effect, ...]] = {}
    for effect in Effect:
        for tool in lists.strings(effect.value):
            tools[canonical(tool)] = (*tools.get(canonical(tool), ()), effect)
    lists.finish()
    found = McpServer(
        provider=provider,
        names=tuple(glob_pattern(name.lower()) for name in names),
        tools=tools,
        same={canonical(tool): str(name) for tool, name in table.attributes("same").items()},
        rules=tuple(_rule(row) for row in table.rows("rule")),
        dispatch=table.string("dispatch"),
        dialect=table.string("dialect"),
    )
    if found.dialect and dialect_named(found.dialect) is None:
        raise ConfigError(f"{table.where}: `{found.dialect}` is no dialect of SQL that is known")
    table.finish()
    return found


def _rule(row: Reader) -> McpRule:
    when = {
        name: tuple(glob_pattern(glob) for glob in str(globs).lower().split("|"))
        for name, globs in row.attributes("when").items()
    }
    rule = McpRule(
        tools=tuple(glob_pattern(canonical(tool)) for tool in row.strings("tools")),
        effects=row.effects("effects"),
        when=when,
        without=row.strings("without"),
        summary=row.string("summary"),
        undo=row.string("undo"),
    )
    row.finish()
    if not rule.tools or not rule.effects:
        raise ConfigError(f"{row.where} needs `tools` and `effects`")
    return rule
