"""Read parsed TOML with a place to point at: every wrong type and every unknown key names its row."""

from collections.abc import Mapping

from firewall.core.action import Attribute
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError

_NAMES = frozenset({str})


class Reader:
    """One table of a data file; `finish` refuses keys that nobody asked for."""

    __slots__ = ("_seen", "table", "where")

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, Mapping) or (table and not _NAMES.issuperset(map(type, table))):
            raise ConfigError(f"{where} must be a table")
        self.table: Mapping[str, object] = table
        self.where = where
        self._seen: set[str] = set()

    def get(self, key: str) -> object:
        """Return a raw value, None where it is missing."""
        self._seen.add(key)
        return self.table.get(key)

    def string(self, key: str, default: str = "") -> str:
        """Return a string."""
        self._seen.add(key)
        value = self.table.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def integer(self, key: str, default: int) -> int:
        """Return a whole number."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, "a whole number")
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false; missing is false."""
        value = self.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; one string counts as a list of one."""
        self._seen.add(key)
        value = self.table.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of strings")
        return tuple(value)

    def effects(self, key: str) -> tuple[Effect, ...]:
        """Return a list of effects."""
        names = self.strings(key)
        try:
            return tuple([Effect(name) for name in names]) if names else ()
        except ValueError as error:
            raise self.wrong(key, f"a list of effects ({', '.join(Effect)})") from error

    def inner(self, key: str) -> "Reader":
        """Return a table; missing is empty."""
        value = self.get(key)
        return Reader({} if value is None else value, f"{self.where}: `{key}`")

    def rows(self, key: str) -> tuple["Reader", ...]:
        """Return a list of tables."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.wrong(key, "a list of tables")
        return tuple(Reader(row, f"{self.where}: `{key}` row {index}") for index, row in enumerate(value, 1))

    def tables(self) -> tuple[tuple[str, "Reader"], ...]:
        """Return every entry as a table of its own."""
        self._seen.update(self.table)
        return tuple((name, Reader(row, f"{self.where}.{name}")) for name, row in self.table.items())

    def attributes(self, key: str) -> dict[str, Attribute]:
        """Return a table of plain values."""
        inner = self.inner(key)
        found: dict[str, Attribute] = {}
        for name, value in inner.table.items():
            if not isinstance(value, int | str | bool):
                raise inner.wrong(name, "a string, a number or true or false")
            found[name] = value
        return found

    def attributes_here(self) -> dict[str, Attribute]:
        """Return this table's own entries, all of them plain values."""
        self._seen.update(self.table)
        for name, value in self.table.items():
            if not isinstance(value, int | str | bool):
                raise self.wrong(name, "a string, a number or true or false")
        return {name: value for name, value in self.table.items() if isinstance(value, int | str | bool)}

    def wrong(self, key: str, wanted: str) -> ConfigError:
        """Return the error for a key of the wrong kind."""
        return ConfigError(f"{self.where}: `{key}` must be {wanted}")

    def finish(self) -> None:
        """Refuse keys that were never read.

        Raises: ConfigError naming the first.
        """
        if not self._seen.issuperset(self.table):
            unknown = sorted(set(self.table) - self._seen)
            raise ConfigError(
                f"{self.where} has an unknown key `{unknown[0]}`", hint=f"known: {', '.join(sorted(self._seen))}"
            )
