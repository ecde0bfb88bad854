"""The programs of all files of a catalogue, put together: no program stands twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from firewall.classify.reader import Reader
from firewall.classify.rows import Program, Rule, read_programs
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError

_GUESSING = 6
"""A program with so many published subcommands has a command tree whose other words may be read as well."""


@dataclass(slots=True)
class Shelf:
    """Programs by name, while files are read."""

    programs: dict[str, Program] = field(default_factory=dict)
    published: dict[str, dict[str, Rule]] = field(default_factory=dict)

    def take(self, table: Reader) -> None:
        """Read the `[[program]]` rows and the `[commands]` of a file.

        Raises: ConfigError naming the row, also where a program stands twice.
        """
        for row in table.rows("program"):
            for program in read_programs(row):
                if program.name in self.programs:
                    raise ConfigError(f"{row.where}: `{program.name}` stands twice")
                self.programs[program.name] = program
        self.publish(table)

    def publish(self, table: Reader, *, beside: bool = False) -> None:
        """Read the `[commands]` of a file; `beside`: those of a known program are asked beside its own words.

        Raises: ConfigError naming the table, also where a program's stands twice.
        """
        for name, row in table.inner("commands").tables():
            if name in self.published:
                raise ConfigError(f"{row.where} stands twice")
            known = self.programs.get(name)
            if beside and known is not None:
                more = Program(name, published=_published(row), takes=known.takes, style=known.style)
                self.programs[name] = replace(known, added=(*known.added, more))
            else:
                self.published[name] = _published(row)

    def all(self) -> Mapping[str, Program]:
        """Return every program, with what is published of it.

        A program whose rows do not guess (`verbs`) keeps to them: what they leave open, they leave `unknown`.
        """
        found = dict(self.programs)
        for name, paths in self.published.items():
            known = found.get(name)
            if known is None:
                found[name] = Program(name, published=paths, verbs=len(paths) >= _GUESSING)
            elif known.verbs:
                found[name] = replace(known, published=paths)
        return found


def _published(row: Reader) -> dict[str, Rule]:
    """Read one table of `[commands]`: effects joined by commas -> subcommands joined by `|`."""
    found: dict[str, Rule] = {}
    for key in row.table:
        try:
            effects = tuple(Effect(name.strip()) for name in key.split(","))
        except ValueError as error:
            raise row.wrong(key, f"effects joined by commas ({', '.join(Effect)})") from error
        rule = Rule(effects=effects)
        for path in row.string(key).split("|"):
            if path in found:
                raise ConfigError(f"{row.where}: `{path}` stands twice")
            found[path] = rule
    row.finish()
    return found
