"""What a team's pack adds to the catalogue: programs, their subcommands, hosts, agents' tools, sets of paths.

INVARIANT: a pack never lowers what the catalogue says. Rows for a program that the catalogue knows are asked
beside the catalogue's own, hosts come after it, tools may not stand twice, and only sets of paths that make things
stricter may grow; a row that says `override = true` replaces, and is listed in `overrides`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from firewall.classify.reader import Reader
from firewall.classify.rows import Program, read_programs
from firewall.classify.shelf import Shelf
from firewall.core.errors import ConfigError

OWN_KEYS = frozenset({"program", "commands", "host", "tool", "paths", "case"})
"""What this module reads of a pack (`case` is the policy tests'); the rest describes one vendor's API."""
RAISING = ("privilege", "secret", "secret_folders", "system", "device", "history", "instructions")
"""Sets of paths that can only make a judgement stricter."""
_PASSING = frozenset({"", "git", "gh", "container"})
"""Readers of programs that leave what they do not read to the rows."""


@dataclass(slots=True)
class Additions:
    """Everything that packs add, while they are read."""

    hosts: list[tuple[str, Sequence[object]]] = field(default_factory=list)
    """Behind the shipped ones: where they stand, and the raw rows."""
    first_hosts: list[tuple[str, Sequence[object]]] = field(default_factory=list)
    tools: list[tuple[Reader, bool]] = field(default_factory=list)
    """Rows of agents' tools, and whether they replace."""
    paths: dict[str, list[str]] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    """What replaces something of the catalogue, in plain words with its place."""

    def take(self, pack: Mapping[str, object], where: str, shelf: Shelf) -> dict[str, object]:
        """Read a pack's own keys into `shelf` and here; return what is left of it.

        Raises: ConfigError naming the row.
        """
        own = Reader({key: value for key, value in pack.items() if key in OWN_KEYS}, where)
        for row in own.rows("program"):
            self._program(row, shelf)
        for name, row in own.inner("commands").tables():
            known = shelf.programs.get(name)
            if known is not None and not known.verbs:
                raise ConfigError(f"{row.where}: `{name}` keeps to its rows", hint="add a `program` row instead")
        shelf.publish(own, beside=True)
        self._hosts(own)
        for row in own.rows("tool"):
            self.tools.append((row, row.boolean("override")))
        self._paths(own.inner("paths"))
        own.get("case")
        own.finish()
        return {key: value for key, value in pack.items() if key not in OWN_KEYS}

    def _program(self, row: Reader, shelf: Shelf) -> None:
        replaces = row.boolean("override")
        for program in read_programs(row):
            known = shelf.programs.get(program.name)
            if known is None:
                shelf.programs[program.name] = program
            elif replaces:
                shelf.programs[program.name] = program
                self.overrides.append(f"{row.where} replaces what is known about `{program.name}`")
            else:
                shelf.programs[program.name] = _beside(known, program, row)

    def _hosts(self, own: Reader) -> None:
        for number, row in enumerate(own.rows("host"), 1):
            replaces = row.boolean("override")
            raw = {key: value for key, value in row.table.items() if key != "override"}
            (self.first_hosts if replaces else self.hosts).append((own.where, [raw]))
            if replaces:
                self.overrides.append(f"{own.where}: `host` row {number} comes before the known hosts")
        own.get("host")

    def _paths(self, table: Reader) -> None:
        replaces = table.boolean("override")
        for key in table.table:
            if key == "override":
                continue
            if key not in RAISING and not replaces:
                raise ConfigError(
                    f"{table.where}: `{key}` would lower what the catalogue says",
                    hint="say `override = true` in this table",
                )
            self.paths.setdefault(key, []).extend(table.strings(key))
            if key not in RAISING:
                self.overrides.append(f"{table.where} adds to `{key}`, which makes judgements milder")
        table.finish()


def _beside(known: Program, added: Program, row: Reader) -> Program:
    """Return a known program with a pack's rows beside its own.

    Raises: ConfigError where its rows would never be asked, or say how its words are read.
    """
    if known.special not in _PASSING or added.wrap is not None or added.code is not None or added.special:
        raise ConfigError(
            f"{row.where}: `{added.name}` is read by code, or its words would be read another way",
            hint="say `override = true` to replace it",
        )
    return replace(known, added=(*known.added, added))
