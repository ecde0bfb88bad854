"""tools.toml, hosts.toml, the packs and the tables, compiled into one value that every reader shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TypeVar

from firewall.classify.api.known import HostRow, Pack, read_hosts, read_pack
from firewall.classify.api.table import Table, read_table
from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.rules import read_rules
from firewall.classify.egress import EgressRow, read_egress, without_egress
from firewall.classify.globs import NOTHING, Glob, any_of, matches
from firewall.classify.mcp.tables import McpServer
from firewall.classify.packs import Additions
from firewall.classify.personal.scanner import Scanner, read_kinds
from firewall.classify.reader import Reader
from firewall.classify.recovery import FILE as RECOVERY
from firewall.classify.recovery import RecoveryRule, read_recovery
from firewall.classify.resolvers.vendor import Vendor
from firewall.classify.rows import Program
from firewall.classify.shelf import Shelf
from firewall.core.errors import ConfigError

MAX_KEPT = 512
MAX_HOST_CHARS = 256


class ToolKind(StrEnum):
    """How an agent's own tool is read."""

    SHELL = "shell"
    INPUT = "input"
    """Text typed into an open session."""
    READ = "read"
    LIST = "list"
    WRITE = "write"
    """The whole content of a file."""
    EDIT = "edit"
    PATCH = "patch"
    INERT = "inert"
    """Changes nothing outside the conversation (todo lists, plans, questions)."""
    AGENT = "agent"
    """Starts another agent whose own calls are judged again."""
    FETCH = "fetch"
    SEARCH = "search"
    CODE = "code"
    """JavaScript whose only way to the world is to call other tools."""
    OPAQUE = "opaque"
    """Known by name, not understood: `unknown`."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool of an agent, by name."""

    name: str
    kind: ToolKind
    text: tuple[str, ...] = ()
    """Arguments that hold the text (first that is present)."""
    paths: tuple[str, ...] = ()
    """Arguments that hold a path or a list of paths."""
    globs: tuple[str, ...] = ()
    """Arguments that narrow a search to names, below the paths."""
    cwd: tuple[str, ...] = ()
    """Arguments that hold the working directory."""
    urls: tuple[str, ...] = ()
    inert: frozenset[str] = frozenset()
    """Arguments that are shown, never bound by an approval."""
    known: frozenset[str] = frozenset()
    """Other arguments whose meaning is known; one that is not makes the call `unknown`."""
    elevating: frozenset[str] = frozenset()
    """Arguments that switch a sandbox off when true."""
    session: tuple[str, ...] = ()
    """Of kind `input`: arguments that name the open session (first that is present)."""
    language: str = "shell"
    """Of kind `shell`: what the text is written in, `shell` or `powershell`."""


@dataclass(frozen=True, slots=True)
class PathSets:
    """Kinds of paths, each as one pattern for `fullmatch` on an absolute path."""

    privilege: Glob = NOTHING
    secret: Glob = NOTHING
    harmless_secret: Glob = NOTHING
    """Looks like a credential file and is none (`.env.example`, `id_rsa.pub`)."""
    secret_folders: Glob = NOTHING
    """Folders whose content, taken as a whole, holds credentials."""
    regenerable: Glob = NOTHING
    temporary: Glob = NOTHING
    """What lies below the machine's folders for temporary files."""
    system: Glob = NOTHING
    device: Glob = NOTHING
    void: Glob = NOTHING
    """Swallows what is written (/dev/null, terminals)."""
    history: Glob = NOTHING
    instructions: Glob = NOTHING
    bin: Glob = NOTHING
    """Folders whose programs are what their name says."""


@dataclass(frozen=True, slots=True)
class Words:
    """Verbs and nouns of vendors' command lines and APIs."""

    read: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()
    disruptive: frozenset[str] = frozenset()
    destructive: frozenset[str] = frozenset()
    privilege: frozenset[str] = frozenset()
    """Nouns: a change of one is a change of rights."""
    secret: frozenset[str] = frozenset()
    """Nouns: reading one shows credentials."""
    execute: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
    """Verbs that are as often a thing: the next verb decides."""
    verbs: frozenset[str] = field(init=False, default=frozenset())
    """Every word that is a verb of vendors' operations."""

    def __post_init__(self) -> None:
        """Put the verbs together once."""
        verbs = self.destructive | self.write | self.disruptive | self.read | self.execute
        object.__setattr__(self, "verbs", verbs)


@dataclass(frozen=True, slots=True)
class Variables:
    """What environment variables mean."""

    assumed: Mapping[str, str] = field(default_factory=dict)
    running: Glob = NOTHING
    """Names whose value makes programs run code (LD_PRELOAD, GIT_SSH_COMMAND)."""
    secret: Glob = NOTHING
    plain: Glob = NOTHING
    harmless: frozenset[str] = frozenset()
    """Values of `running` variables that run nothing new."""
    search: Glob = NOTHING
    """Names whose value lists folders that code is loaded from."""
    trusted_path: Glob = NOTHING
    """Folders that may stand in `PATH`."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All catalogues, compiled."""

    programs: Mapping[str, Program] = field(default_factory=dict)
    tools: Mapping[str, ToolSpec] = field(default_factory=dict)
    paths: PathSets = field(default_factory=PathSets)
    words: Words = field(default_factory=Words)
    variables: Variables = field(default_factory=Variables)
    hosts: tuple[HostRow, ...] = ()
    packs: tuple[Pack, ...] = ()
    apis: Mapping[str, Table] = field(default_factory=dict)
    """The tables of apis/, by name."""
    overrides: tuple[str, ...] = ()
    """What a pack replaces, in plain words with its place."""
    credentials: Detector = field(default_factory=Detector)
    """What credentials look like."""
    personal: Scanner = field(default_factory=Scanner)
    """personal.toml: what personal data looks like."""
    egress: tuple[EgressRow, ...] = ()
    """Hosts that agents may read from without a target."""
    vendors: tuple[Vendor, ...] = ()
    """resolvers/*.toml: what requests name, and how it is asked what that is."""
    recovery: tuple[RecoveryRule, ...] = ()
    """recovery.toml: what brings data back."""
    _rows: dict[tuple[str, int], HostRow | None] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    _spoken: dict[tuple[str, str], Vendor | None] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    _served: dict[tuple[str, str], tuple[McpServer, ...]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """What was found for servers asked about before: catalogues never change, and neither do these answers."""

    def row_of(self, host: str, port: int) -> HostRow | None:
        """Return what is known about a server: by its name, else by name and port (`localhost:9200`)."""
        try:
            return self._rows[host, port]
        except KeyError:
            names = (host, f"{host}:{port}")
            row = next((row for name in names for row in self.hosts if row.hosts.fullmatch(name)), None)
            return _keep(self._rows, (host, port), row)

    def vendor_of(self, kind: str, host: str) -> Vendor | None:
        """Return the first vendor that is behind targets of a kind at a host; None: no file speaks of it."""
        try:
            return self._spoken[host, kind]
        except KeyError:
            found = next((one for one in self.vendors if one.speaks_for(kind, host)), None)
            return _keep(self._spoken, (host, kind), found)

    def mcp_servers(self, name: str) -> tuple[McpServer, ...]:
        """Return what packs say of the MCP server of this name, in the order of the packs."""
        folded = name.lower()
        try:
            return self._served[folded, "mcp"]
        except KeyError:
            servers = (pack.mcp for pack in self.packs if pack.mcp is not None)
            found = tuple(server for server in servers if matches(server.names, folded))
            return _keep(self._served, (folded, "mcp"), found)


_K = TypeVar("_K", bound=tuple[str, object])
_V = TypeVar("_V")


def _keep(kept: dict[_K, _V], key: _K, value: _V) -> _V:
    """Remember an answer, where it is about few names that are short: agents may name any host."""
    if len(kept) >= MAX_KEPT:
        kept.clear()
    if len(key[0]) <= MAX_HOST_CHARS:
        kept[key] = value
    return value


def compile_catalogue(
    tools: Mapping[str, object],
    hosts: Mapping[str, object],
    packs: Sequence[Mapping[str, object]],
    *,
    programs: Mapping[str, Mapping[str, object]] | None = None,
    apis: Mapping[str, str] | None = None,
    credentials: Mapping[str, object] | None = None,
    recovery: Mapping[str, object] | None = None,
    personal: Mapping[str, object] | None = None,
) -> Catalogue:
    """Compile the data files; `programs`: those of `tools/`, `apis`: the texts of `apis/`, by their names.

    `credentials`: credentials.toml; `recovery`: recovery.toml; `personal`: personal.toml.

    Raises: ConfigError naming the file and row.
    """
    table = Reader(tools, "tools.toml")
    shelf = Shelf()
    shelf.take(table)
    for name, more in (programs or {}).items():
        file = Reader(more, name)
        shelf.take(file)
        file.finish()
    tables = {name: read_table(f"apis/{name}.tsv", text) for name, text in (apis or {}).items()}
    more_of = Additions()
    rest = [(where, more_of.take(pack, where, shelf)) for where, pack in _numbered(packs)]
    catalogue = Catalogue(
        programs=shelf.all(),
        tools=_tool_specs(table, more_of),
        paths=_path_sets(_with_more(table.inner("paths"), more_of.paths)),
        words=_words(table.inner("words")),
        variables=_variables(table.inner("variables")),
        hosts=(
            *_more_hosts(more_of.first_hosts, tables),
            *read_hosts(Reader(without_egress(hosts), "hosts.toml"), tables),
            *_more_hosts(more_of.hosts, tables),
        ),
        packs=tuple(read_pack(Reader(pack, where), tables) for where, pack in rest if pack),
        apis=tables,
        overrides=tuple(more_of.overrides),
        credentials=Detector(read_rules(credentials or {})),
        personal=read_kinds(personal or {}),
        egress=read_egress(Reader(hosts, "hosts.toml")),
        recovery=read_recovery(Reader(recovery or {}, RECOVERY)),
    )
    table.finish()
    return catalogue


def _numbered(packs: Sequence[Mapping[str, object]]) -> list[tuple[str, Mapping[str, object]]]:
    return [(f"pack {index}", pack) for index, pack in enumerate(packs, 1)]


def _tool_specs(table: Reader, more_of: Additions) -> dict[str, ToolSpec]:
    specs: dict[str, ToolSpec] = {}
    for row, replaces in [*((row, False) for row in table.rows("tool")), *more_of.tools]:
        for spec in _tools(row):
            if spec.name in specs and not replaces:
                raise ConfigError(f"{row.where}: tool `{spec.name}` stands twice")
            if spec.name in specs:
                more_of.overrides.append(f"{row.where} replaces what is known about the tool `{spec.name}`")
            specs[spec.name] = spec
    return specs


def _with_more(table: Reader, more: Mapping[str, Sequence[str]]) -> Reader:
    unknown = sorted(set(more) - {item.name for item in fields(PathSets)})
    if unknown:
        raise ConfigError(f"pack: `paths` has an unknown key `{unknown[0]}`")
    return Reader({**table.table, **{key: [*table.strings(key), *more[key]] for key in more}}, table.where)


def _more_hosts(rows: Sequence[tuple[str, Sequence[object]]], tables: Mapping[str, Table]) -> tuple[HostRow, ...]:
    return tuple(host for where, raw in rows for host in read_hosts(Reader({"host": raw}, where), tables))


def _tools(row: Reader) -> tuple[ToolSpec, ...]:
    names = row.strings("names")
    try:
        kind = ToolKind(row.string("kind"))
    except ValueError as error:
        raise row.wrong("kind", f"one of {', '.join(ToolKind)}") from error
    text, paths, globs, cwd, urls = (row.strings(key) for key in ("text", "paths", "globs", "cwd", "urls"))
    inert, known, elevating = (frozenset(row.strings(key)) for key in ("inert", "known", "elevating"))
    language, session = row.string("language", "shell"), row.strings("session")
    row.finish()
    if not names:
        raise ConfigError(f"{row.where} needs `names`")
    if language not in ("shell", "powershell"):
        raise row.wrong("language", "`shell` or `powershell`")
    everything = known | {*text, *paths, *globs, *cwd, *urls, *session} | inert | elevating
    return tuple(
        ToolSpec(
            name=name,
            kind=kind,
            text=text,
            paths=paths,
            globs=globs,
            cwd=cwd,
            urls=urls,
            inert=inert,
            known=everything,
            elevating=elevating,
            session=session,
            language=language,
        )
        for name in names
    )


def _path_sets(table: Reader) -> PathSets:
    found = PathSets(
        privilege=any_of(table.strings("privilege"), path=True, any_case=True),
        secret=any_of(table.strings("secret"), path=True, any_case=True),
        harmless_secret=any_of(table.strings("harmless_secret"), path=True),
        secret_folders=any_of(table.strings("secret_folders"), path=True, any_case=True),
        regenerable=any_of(table.strings("regenerable"), path=True),
        temporary=any_of(table.strings("temporary"), path=True),
        system=any_of(table.strings("system"), path=True),
        device=any_of(table.strings("device"), path=True),
        void=any_of(table.strings("void"), path=True),
        history=any_of(table.strings("history"), path=True),
        instructions=any_of(table.strings("instructions"), path=True),
        bin=any_of(table.strings("bin"), path=True),
    )
    table.finish()
    return found


def _words(table: Reader) -> Words:
    found = Words(
        read=frozenset(table.strings("read")),
        write=frozenset(table.strings("write")),
        disruptive=frozenset(table.strings("disruptive")),
        destructive=frozenset(table.strings("destructive")),
        privilege=frozenset(table.strings("privilege")),
        secret=frozenset(table.strings("secret")),
        execute=frozenset(table.strings("execute")),
        things=frozenset(table.strings("things")),
    )
    table.finish()
    return found


def _variables(table: Reader) -> Variables:
    assumed = {name: str(value) for name, value in table.attributes("assumed").items()}
    found = Variables(
        assumed=assumed,
        running=any_of(table.strings("running")),
        secret=any_of(table.strings("secret")),
        plain=any_of(table.strings("plain")),
        harmless=frozenset(table.strings("harmless")),
        search=any_of(table.strings("search")),
        trusted_path=any_of(table.strings("trusted_path"), path=True),
    )
    table.finish()
    return found
