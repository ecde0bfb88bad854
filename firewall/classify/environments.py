"""Where an action lands: environments.toml compiled, and places resolved to an environment's name.

A *place* is (kind, value): a path, a host, a resource, a kube context … An environment that two rows claim,
or that no row names, is `unresolved`. `local` is never decided here for paths: that is the workspace's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firewall.classify.globs import Glob, glob_pattern, matches
from firewall.core.action import UNRESOLVED
from firewall.core.errors import ConfigError


class PlaceKind(StrEnum):
    """What sort of thing a place names; the value is the key of the list in environments.toml."""

    PATH = "paths"
    HOST = "hosts"
    RESOURCE = "resources"
    KUBE_CONTEXT = "kube_contexts"
    KUBE_NAMESPACE = "kube_namespaces"
    GIT_REMOTE = "git_remotes"
    """`remote/branch`; `remote/*` names the remote whatever the branch."""
    AWS_PROFILE = "aws_profiles"
    DATABASE = "databases"
    MACHINE = "machines"
    """`ssh:host`, `container:name`, `pod:name`, `docker`."""
    PROJECT = "projects"
    """A vendor's project, app, account or workspace name: `vendor/name`."""
    TAG = "tags"
    """A tag or label as an API answers it: `aws/Environment=production`, `kubernetes/env=prod`."""


Place = tuple[PlaceKind, str]


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """One `[[environment]]` of the file."""

    name: str
    globs: Mapping[PlaceKind, tuple[Glob, ...]]

    def claims(self, place: Place) -> bool:
        """Tell whether this row names the place."""
        return matches(self.globs.get(place[0], ()), place[1])


@dataclass(frozen=True, slots=True)
class Environments:
    """environments.toml, compiled."""

    rows: tuple[EnvironmentRow, ...] = ()
    scratch: tuple[Glob, ...] = ()
    _by_kind: dict[PlaceKind, tuple[tuple[str, tuple[Glob, ...]], ...]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """The globs of a kind of place, each with the name of its row: most kinds have none."""

    def __post_init__(self) -> None:
        """Sort them once."""
        for row in self.rows:
            for kind, globs in row.globs.items():
                if globs:
                    self._by_kind[kind] = (*self._by_kind.get(kind, ()), (row.name, globs))

    def name_of(self, places: Iterable[Place]) -> str:
        """Return the one environment that rows claim for these places; none or several: `unresolved`."""
        found = self.claimed(places)
        return found.pop() if len(found) == 1 else UNRESOLVED

    def claimed(self, places: Iterable[Place]) -> set[str]:
        """Return every environment that a row claims for one of these places."""
        found = set[str]()
        for kind, value in places:
            for name, globs in self._by_kind.get(kind, ()):
                if matches(globs, value):
                    found.add(name)
        return found

    def claims_path(self, path: str) -> str:
        """Return the environment that a path belongs to by a row; empty when no row names it."""
        found = {row.name for row in self.rows if row.claims((PlaceKind.PATH, path))}
        if not found:
            return ""
        return found.pop() if len(found) == 1 else UNRESOLVED

    def is_scratch(self, path: str) -> bool:
        """Tell whether a row names a normalised path as scratch (never the folder of a `/**` itself)."""
        return matches(self.scratch, path)

    def names(self) -> tuple[str, ...]:
        """Return the configured names in file order, once each."""
        return tuple(dict.fromkeys(row.name for row in self.rows))


def compile_environments(table: Mapping[str, object]) -> Environments:
    """Compile the parsed environments.toml.

    Raises: ConfigError naming the row: unknown keys, a missing name, globs that match everything.
    """
    unknown = set(table) - {"scratch", "environment"}
    if unknown:
        raise ConfigError(f"environments.toml has an unknown key `{min(unknown)}`")
    rows = table.get("environment", [])
    if not isinstance(rows, list):
        raise ConfigError("environments.toml: `environment` must be a list of tables")
    return Environments(
        rows=tuple(_row(row, index) for index, row in enumerate(rows, 1)),
        scratch=_scratch(table.get("scratch", [])),
    )


def _row(row: object, index: int) -> EnvironmentRow:
    where = f"environments.toml: environment {index}"
    if not isinstance(row, Mapping):
        raise ConfigError(f"{where} must be a table")
    name = row.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        raise ConfigError(f"{where} needs a `name` of lower-case letters, digits, `-` and `_`")
    if name == UNRESOLVED:
        raise ConfigError(f"{where} may not be called `{UNRESOLVED}`")
    known = {kind.value for kind in PlaceKind} | {"name"}
    unknown = set(row) - known
    if unknown:
        raise ConfigError(
            f"{where} (`{name}`) has an unknown key `{min(unknown)}`", hint=f"known: {', '.join(sorted(known))}"
        )
    globs = {
        kind: _globs(row[kind.value], where=f"{where} (`{name}`): `{kind.value}`", kind=kind)
        for kind in PlaceKind
        if kind.value in row
    }
    return EnvironmentRow(name=name, globs=globs)


def _scratch(values: object) -> tuple[Glob, ...]:
    """Compile scratch globs: `/tmp/**` is everything below /tmp, and not /tmp."""
    below = (
        [f"{value[:-1]}/**" if isinstance(value, str) and value.endswith("/**") else value for value in values]
        if isinstance(values, list)
        else values
    )
    return _globs(below, where="environments.toml: `scratch`", kind=PlaceKind.PATH)


def _globs(values: object, *, where: str, kind: PlaceKind) -> tuple[Glob, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{where} must be a list of globs")
    for value in values:
        if not value.strip("*/?"):
            raise ConfigError(f"{where}: `{value}` would match everything")
    return tuple(glob_pattern(value, path=kind is PlaceKind.PATH) for value in values)
