"""Read a policies folder into a Snapshot, or say everything that is wrong with it.

Every file is read once: the bytes that are hashed are the bytes that are compiled.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import tomli

from firewall.classify.catalogue import Catalogue, compile_catalogue
from firewall.classify.environments import Environments, compile_environments
from firewall.classify.personal.scanner import FILE as PERSONAL
from firewall.classify.reader import Reader
from firewall.classify.recovery import FILE as RECOVERY
from firewall.classify.resolvers.vendor import read_vendor
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.errors import ConfigError
from firewall.policy import lint, rows, suggestions
from firewall.policy.defaults import shipped
from firewall.policy.engine import MODEL_FILE, Engine, ModelError, read_model
from firewall.policy.index import Index
from firewall.policy.people import Approvers
from firewall.policy.problem import PolicyProblems, Problem
from firewall.policy.snapshot import Snapshot

ENVIRONMENTS = "environments.toml"
TOOLS = "tools.toml"
HOSTS = "hosts.toml"
CREDENTIALS = "credentials.toml"
"""What credentials look like."""
OPTIONAL = (CREDENTIALS, RECOVERY, PERSONAL)
"""A folder without one of these, made before there was one, uses the shipped file."""
PACKS = "packs"
APIS = "apis"
RESOLVERS = "resolvers"
"""The folder of what vendors' requests name and how it is looked up; a folder without one resolves nothing."""
PROGRAMS = "tools"
"""The folder of further files of programs, beside tools.toml."""
COMMON = frozenset({"dev", "staging", "production"})
"""Names that rows may always use: tokens carry them before environments.toml says what belongs to them."""
REQUIRED = (MODEL_FILE, rows.FILE, ENVIRONMENTS, TOOLS, HOSTS)
_T = TypeVar("_T")
MAX_FILE_BYTES = 8 * 1024 * 1024
_AS_IT_LIES: Mapping[str, bytes] = MappingProxyType({})


@dataclass(slots=True)
class _Folder:
    """The bytes of a policies folder, and what was found wrong so far."""

    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def text(self, name: str) -> str:
        return self.files.get(name, b"").decode("utf-8", errors="replace")

    def table(self, name: str) -> Mapping[str, object]:
        try:
            found: dict[str, object] = tomli.loads(self.files.get(name, b"").decode("utf-8"))
        except UnicodeDecodeError:
            self.problems.append(Problem(name, 0, "not UTF-8 text", "save the file as UTF-8"))
        except (tomli.TOMLDecodeError, RecursionError) as error:
            line = re.search(r"at line ([0-9]+)", str(error))
            message = f"not valid TOML: {re.sub(r' *[(]at .*', '', str(error))[:200]}"
            self.problems.append(Problem(name, int(line[1]) if line else 0, message))
        else:
            return found
        return {}

    def digest(self) -> str:
        found = hashlib.sha256()
        for name in sorted(self.files):
            for part in (name.encode(), self.files[name]):
                found.update(len(part).to_bytes(8, "big") + part)
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class _Read:
    folder: _Folder
    table: rows.Table
    environments: Environments
    catalogue: Catalogue


def load(
    directory: Path,
    *,
    approvers: Approvers | None = None,
    roles: frozenset[str] | None = None,
    environments: frozenset[str] = frozenset(),
    instead: Mapping[str, bytes] = _AS_IT_LIES,
) -> Snapshot:
    """Load a policies folder.

    `approvers`: who could approve; None: there is no installation, and nobody can tell. `roles`: the role names
    that tokens can have; None accepts any. `environments`: names that rows may use besides those of
    environments.toml and the common ones (those of targets and MCP servers). `instead`: bytes by file name that
    stand for those of the folder, to try a change.
    Raises: PolicyProblems with everything that is wrong; nothing is loaded then.
    """
    read = _read(directory, approvers=approvers, roles=roles, also=environments, instead=instead)
    if any(problem.is_fatal for problem in read.folder.problems):
        raise PolicyProblems(read.folder.problems)
    # casbin takes every row under the model, or says why not; what is asked later is asked of the index.
    Engine(read.folder.text(MODEL_FILE), read.table.rows, groups=read.table.groups)
    return Snapshot(
        digest=read.folder.digest(),
        environments=read.environments,
        catalogue=read.catalogue,
        rows=read.table.rows,
        places=_places(read),
        _answering=Index(read.table.rows, groups=read.table.groups),
        _groups=read.table.groups,
        _texts={row.ref: row.text for row in read.table.rows},
    )


def check(
    directory: Path,
    *,
    approvers: Approvers | None = None,
    roles: frozenset[str] | None = None,
    environments: frozenset[str] = frozenset(),
) -> list[Problem]:
    """Return everything that is wrong with a policies folder, warnings included; arguments as for `load`."""
    found = _read(directory, approvers=approvers, roles=roles, also=environments)
    return found.folder.problems


def _read(
    directory: Path,
    *,
    approvers: Approvers | None,
    roles: frozenset[str] | None,
    also: frozenset[str],
    instead: Mapping[str, bytes] = _AS_IT_LIES,
) -> _Read:
    folder = _Folder()
    _read_files(directory, folder, instead)
    table = rows.read(folder.files[rows.FILE]) if rows.FILE in folder.files else rows.Table()
    folder.problems += table.problems
    environments = _environments(folder)
    catalogue = _catalogue(folder)
    folder.problems += suggestions.check(catalogue, environments, folder.files)
    folder.problems += [
        Problem(_file_of(ConfigError(text), folder), 0, text, is_fatal=False) for text in catalogue.overrides
    ]
    if MODEL_FILE in folder.files:
        try:
            read_model(folder.text(MODEL_FILE))
        except ModelError as error:
            hint = "its rules are fixed; restore the file of this version"
            folder.problems.append(Problem(MODEL_FILE, 0, str(error), hint))
    if rows.FILE in folder.files:
        broken = any(problem.file == ENVIRONMENTS for problem in folder.problems)
        names = None if broken else COMMON | also | frozenset(environments.names())
        world = lint.World(names, frozenset(catalogue.tools), approvers, roles)
        folder.problems += lint.lint(table, world)
    return _Read(folder, table, environments, catalogue)


def _places(read: _Read) -> tuple[str, ...]:
    """Return every environment that the folder knows by name, `local` left out, in a fixed order."""
    reserved = {rows.ANY, rows.ELSEWHERE, LOCAL, UNRESOLVED}
    named = {row.environment for row in read.table.rows} | set(read.environments.names())
    return tuple(sorted(named - reserved))


def _read_files(directory: Path, folder: _Folder, instead: Mapping[str, bytes]) -> None:
    listed: list[str] = []
    for inner, ending in ((PROGRAMS, "toml"), (PACKS, "toml"), (RESOLVERS, "toml"), (APIS, "tsv")):
        try:
            listed += sorted(f"{inner}/{path.name}" for path in (directory / inner).glob(f"*.{ending}"))
        except OSError:
            folder.problems.append(Problem(inner, 0, "cannot be listed"))
    for name in (*REQUIRED, *OPTIONAL, *listed):
        place = directory
        if name in OPTIONAL and not (directory / name).exists():
            place = shipped()
        try:
            data = instead[name] if name in instead else _bytes_of(place / name)
        except OSError as error:
            problem = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            folder.problems.append(Problem(name, 0, problem, f"looked in `{directory}`"))
            continue
        if len(data) > MAX_FILE_BYTES:
            folder.problems.append(Problem(name, 0, f"larger than {MAX_FILE_BYTES} bytes"))
            continue
        folder.files[name] = data


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _environments(folder: _Folder) -> Environments:
    def compile_it() -> Environments:
        found = compile_environments(folder.table(ENVIRONMENTS))
        if rows.ELSEWHERE in found.names():
            raise ConfigError(f"`{rows.ELSEWHERE}` is a word of policy.csv and cannot name an environment")
        return found

    return _compiled(folder, compile_it, Environments())


def _catalogue(folder: _Folder) -> Catalogue:
    packs = [folder.table(name) for name in folder.files if name.startswith(f"{PACKS}/")]
    programs = {name: folder.table(name) for name in folder.files if name.startswith(f"{PROGRAMS}/")}
    apis = {Path(name).stem: folder.text(name) for name in folder.files if name.startswith(f"{APIS}/")}
    tools, hosts = folder.table(TOOLS), folder.table(HOSTS)
    credentials, recovery = folder.table(CREDENTIALS), folder.table(RECOVERY)
    personal = folder.table(PERSONAL)
    resolvers = {name: folder.table(name) for name in folder.files if name.startswith(f"{RESOLVERS}/")}

    def compile_it() -> Catalogue:
        made = compile_catalogue(
            tools,
            hosts,
            packs,
            programs=programs,
            apis=apis,
            credentials=credentials,
            recovery=recovery,
            personal=personal,
        )
        return replace(made, vendors=tuple(read_vendor(Reader(table, name)) for name, table in resolvers.items()))

    return _compiled(folder, compile_it, Catalogue())


def _compiled(folder: _Folder, compile_it: Callable[[], _T], empty: _T) -> _T:
    try:
        return compile_it()
    except ConfigError as error:
        folder.problems.append(Problem(_file_of(error, folder), error.line, error.public, error.hint))
        return empty


def _file_of(error: ConfigError, folder: _Folder) -> str:
    """Find the file that a compiler's message speaks of: it names it, or counts the packs from 1."""
    if error.file:
        return error.file
    pack = re.match(r"pack ([0-9]+)\b", error.public)
    if pack is not None:
        names = [name for name in folder.files if name.startswith(f"{PACKS}/")]
        return names[int(pack[1]) - 1] if int(pack[1]) <= len(names) else PACKS
    return next((name for name in folder.files if error.public.startswith(name)), ENVIRONMENTS)
