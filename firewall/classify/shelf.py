"""The programs of all files of a catalogue, put together: no program stands twice."""

from dataclasses import dataclass, field

from firewall.classify.reader import Reader
from firewall.classify.rows import Program, read_programs
from firewall.core.errors import ConfigError


@dataclass(slots=True)
class Shelf:
    """Programs by name, while files are read."""

    programs: dict[str, Program] = field(default_factory=dict)

    def take(self, table: Reader) -> None:
        """Read the `[[program]]` rows of a file.

        Raises: ConfigError naming the row, also where a program stands twice.
        """
        for row in table.rows("program"):
            for program in read_programs(row):
                if program.name in self.programs:
                    raise ConfigError(f"{row.where}: `{program.name}` stands twice")
                self.programs[program.name] = program
