"""hosts.toml and packs/*.toml: what is known about HTTP hosts and GraphQL schemas, by hand and from tables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from firewall.classify.api.predicates import fits
from firewall.classify.api.table import Table
from firewall.classify.globs import NOTHING, Glob, any_of
from firewall.classify.mcp.tables import McpServer, read_server
from firewall.classify.reader import Reader
from firewall.classify.sql.dialects import dialect_named
from firewall.core.action import Attribute
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError

READS = ("bulk",)
HOST_KINDS = ("rest", "graphql", "aws", "kubernetes", "postgrest")


@dataclass(frozen=True, slots=True)
class HostRule:
    """(method, path, body predicate) -> effects at some hosts."""

    methods: frozenset[str]
    path: Glob
    effects: tuple[Effect, ...]
    summary: str = ""
    when: Mapping[str, Attribute] = field(default_factory=dict)
    """Dotted name in a JSON or form body, or in the address -> what it must be (see predicates.py)."""
    operations: frozenset[str] = frozenset()
    """Operations of the host's table, lower case (`git/update-ref`, `rds:ModifyDBInstance`); empty: any."""
    sql: str = ""
    """The dotted argument that holds SQL: where it is seen, the SQL says what happens."""
    dialect: str = ""
    """The dialect of that SQL; empty: it is read as several, and the strictest counts."""
    reads: str = ""
    """The body has a form of its own, whose reader says what happens: one of `READS`."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """A family of hosts."""

    hosts: Glob
    provider: str
    kind: str = "rest"
    """`rest`, `graphql`, `aws`, `kubernetes`, `postgrest`."""
    known: bool = False
    """Writes there are writes, not `unknown`: the API's methods mean what they say."""
    plain: bool = False
    """Where the table is silent, the method alone says what happens: the table holds the exceptions."""
    rules: tuple[HostRule, ...] = ()
    paths: Glob = NOTHING
    """GraphQL endpoints of the host, or where its PostgREST API lies."""
    table: Table | None = None
    """The host's operations: asked where no rule fits."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a GraphQL root field does when its arguments fit."""

    effects: tuple[Effect, ...]
    when: Mapping[str, Attribute] = field(default_factory=dict)
    """Dotted argument -> value it must have for the rule to fit (see predicates.py)."""
    resource: str = ""
    summary: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A vendor's GraphQL schema and MCP server, as far as we know them."""

    provider: str
    hosts: Glob
    queries: Mapping[str, tuple[FieldRule, ...]] = field(default_factory=dict)
    mutations: Mapping[str, tuple[FieldRule, ...]] = field(default_factory=dict)
    table: Table | None = None
    """The schema's root fields: asked where no rule fits."""
    mcp: McpServer | None = None


def _hosts_of(row: Reader) -> Glob:
    """Compile the `hosts` of a row; none may match everything."""
    names = row.strings("hosts")
    if any(not name.strip("*?.") for name in names):
        raise row.wrong("hosts", "names of hosts; none may match everything")
    return any_of(names)


def read_hosts(table: Reader, tables: Mapping[str, Table]) -> tuple[HostRow, ...]:
    """Compile hosts.toml.

    Raises: ConfigError naming the row.
    """
    rows = tuple(_host(row, tables) for row in table.rows("host"))
    table.finish()
    return rows


def _host(row: Reader, tables: Mapping[str, Table]) -> HostRow:
    kind = row.string("kind", "rest")
    if kind not in HOST_KINDS:
        raise row.wrong("kind", f"one of {', '.join(HOST_KINDS)}")
    found = HostRow(
        hosts=_hosts_of(row),
        provider=row.string("provider"),
        kind=kind,
        known=row.boolean("known"),
        plain=row.boolean("plain"),
        rules=tuple(_host_rule(rule) for rule in row.rows("rules")),
        paths=any_of(row.strings("paths")),
        table=_table(row, tables, "aws" if kind == "aws" else "rest"),
    )
    row.finish()
    return found


def _table(row: Reader, tables: Mapping[str, Table], kind: str) -> Table | None:
    """Return the table that a row names; a folder without apis/ has none, and the rows judge alone."""
    name = row.string("table")
    if not name or not tables:
        return None
    found = tables.get(name)
    if found is None or found.kind != kind:
        raise row.wrong("table", f"the name of a `{kind}` table in apis/")
    return found


def _host_rule(row: Reader) -> HostRule:
    found = HostRule(
        methods=frozenset(method.upper() for method in row.strings("methods")),
        path=any_of(row.strings("path") or ("*",)),
        effects=row.effects("effects"),
        summary=row.string("summary"),
        when=_when(row),
        operations=frozenset(name.lower() for name in row.strings("operations")),
        sql=row.string("sql"),
        dialect=row.string("dialect"),
        reads=row.string("reads"),
    )
    row.finish()
    if found.reads and found.reads not in READS:
        raise row.wrong("reads", f"one of {', '.join(READS)}")
    if found.dialect and dialect_named(found.dialect) is None:
        raise row.wrong("dialect", "the name of an SQL dialect")
    if not found.effects:
        raise ConfigError(f"{row.where} needs `effects`")
    return found


def rule_for(
    rules: Iterable[HostRule], method: str, path: str, *, operation: str, arguments: Mapping[str, object]
) -> HostRule | None:
    """Return the first rule that fits a request; `operation` is empty where no table names it."""
    return next((rule for rule in _speaking(rules, method, path, operation) if fits(rule.when, arguments)), None)


def hangs_on_arguments(rules: Iterable[HostRule], method: str, path: str, *, operation: str) -> bool:
    """Tell whether a rule would look at the arguments of such a request."""
    return any(rule.when or rule.sql for rule in _speaking(rules, method, path, operation))


def asked_of(rules: Iterable[HostRule], operation: str) -> frozenset[str]:
    """Return the names of the arguments that the rules of an operation look at."""
    speaking = _speaking(rules, "", "/", operation)
    names = (name for rule in speaking for name in (*rule.when, *re.split(r"[|+]", rule.sql)))
    return frozenset(name.partition(".")[0] for name in names if name)


def _speaking(rules: Iterable[HostRule], method: str, path: str, operation: str) -> Iterator[HostRule]:
    """Yield the rules for a method, path and operation, whatever they ask of the arguments."""
    name = operation.lower()
    for rule in rules:
        if rule.operations and name not in rule.operations:
            continue
        if rule.methods and method not in rule.methods:
            continue
        if rule.path.fullmatch(path):
            yield rule


def read_pack(table: Reader, tables: Mapping[str, Table]) -> Pack:
    """Compile one pack.

    Raises: ConfigError naming the pack and row.
    """
    provider = table.string("provider")
    found = Pack(
        provider=provider,
        hosts=_hosts_of(table),
        queries={name: _fields(row) for name, row in table.inner("query").tables()},
        mutations={name: _fields(row) for name, row in table.inner("mutation").tables()},
        table=_table(table, tables, "graphql"),
        mcp=read_server(table.inner("mcp"), provider),
    )
    table.get("provenance")
    table.finish()
    if not found.provider:
        raise ConfigError(f"{table.where} needs a `provider`")
    return found


def _when(row: Reader) -> dict[str, Attribute]:
    found = row.attributes("when")
    for name, wanted in found.items():
        if isinstance(wanted, str) and wanted.startswith("~"):
            try:
                re.compile(wanted[1:])
            except re.error as error:
                raise row.wrong(f"when.{name}", "a pattern that compiles") from error
    return found


def _fields(row: Reader) -> tuple[FieldRule, ...]:
    """One field: a single rule as the table itself, or several under `rules`."""
    if row.get("rules") is None:
        return (_field(row),)
    rules = tuple(_field(rule) for rule in row.rows("rules"))
    row.finish()
    return rules


def _field(row: Reader) -> FieldRule:
    row.get("rules")
    found = FieldRule(
        effects=row.effects("effects"),
        when=_when(row),
        resource=row.string("resource"),
        summary=row.string("summary"),
        undo=row.string("undo"),
    )
    row.finish()
    if not found.effects:
        raise ConfigError(f"{row.where} needs `effects`")
    return found
