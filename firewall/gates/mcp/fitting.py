"""Arguments held against what a tool declares: its `inputSchema`, as JSON Schema of whichever draft it names.

FAIL-CLOSED: a schema that is none, refers elsewhere or is too large fits nothing: too large is also one that is
short and unfolds without end (`unfolding.py`), or whose patterns do. The patterns of a schema are a server's, and
are matched in linear time, or with a bound on going back; nothing is ever fetched.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from firewall.core.ids import sha256_hex
from firewall.gates.mcp.port import Server
from firewall.gates.mcp.unfolding import Unfolding

if TYPE_CHECKING:
    from jsonschema_rs import Validator

MAX_SCHEMA_BYTES = 256 * 1024
MAX_KEPT = 1024
_MAX_SAID = 200
_BACKTRACK = 10_000
_PATTERN_BYTES, _FORMS_PATTERN_BYTES = 256 << 10, 64 << 10
"""Of one pattern, compiled: of a tool's schema, and of a form's, which nobody approved."""
_UNREADABLE = "the tool's schema cannot be read"
_UNHELD = "they cannot be held against the tool's schema"


@dataclass(frozen=True, slots=True)
class Declared:
    """A tool as its server declares it, ready to be held against."""

    definition: Mapping[str, object]
    digest: str
    """SHA-256 hex of the whole definition: approvals are bound to it."""
    validator: "Validator | None"
    """None: the schema cannot be read."""
    description: str
    """The server's words."""
    hints: tuple[tuple[str, bool], ...]
    """The server's annotations that say yes or no."""
    names: frozenset[str] | None
    """The properties that the schema names itself; None: it names none."""
    recursion: Unfolding | None = None
    """Of a schema that refers to something above itself: counts what holding arguments against it takes."""

    def misfit(self, arguments: Mapping[str, object]) -> str:
        """Say how arguments do not fit; empty: they do."""
        if self.validator is None:
            return _UNREADABLE
        if self.recursion is not None and not self.recursion.is_held(arguments):
            return _UNHELD
        try:
            if self.validator.is_valid(arguments):
                return ""
            first = next(iter(self.validator.iter_errors(arguments)), None)
        except (ValueError, RecursionError):
            return _UNHELD
        if first is None:
            return "they do not fit the tool's schema"
        where = "/".join(map(str, first.instance_path))
        return f"{f'`{where}`: ' if where else ''}{first.message}"[:_MAX_SAID]

    def has_strays(self, arguments: Mapping[str, object]) -> bool:
        """Tell whether some arguments are not among the properties that the schema names itself."""
        return self.names is None or not arguments.keys() <= self.names


class Fitting:
    """Declarations that were compiled, the newest kept; one instance per process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Declared] = OrderedDict()

    def of(self, server: Server, tool: str, definition: Mapping[str, object]) -> Declared:
        """Return a tool's declaration, compiled; one that has not changed is compiled once."""
        key = (server.identity, tool)
        found = self._kept.get(key)
        if found is None or found.definition is not definition:
            written = orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)
            digest = sha256_hex(written)
            if found is None or found.digest != digest:
                found = _declared(definition, digest, len(written))
                self._kept[key] = found
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return found


def _declared(definition: Mapping[str, object], digest: str, size: int) -> Declared:
    schema = definition.get("inputSchema")
    held = schema if isinstance(schema, dict) and size <= MAX_SCHEMA_BYTES else None
    unfolding = Unfolding(held or {})
    validator = compiled(held) if held is not None and unfolding.is_bounded() else None
    named = schema.get("properties") if isinstance(schema, Mapping) else None
    names = frozenset(named) if isinstance(named, Mapping) else None
    words, notes = definition.get("description"), definition.get("annotations")
    hints = notes.items() if isinstance(notes, Mapping) else ()
    return Declared(
        definition,
        digest,
        validator,
        description=words if isinstance(words, str) else "",
        hints=tuple(sorted((str(name), value) for name, value in hints if isinstance(value, bool))),
        names=names,
        recursion=unfolding if unfolding.is_recursive else None,
    )


def compiled(schema: dict[str, object], *, is_form: bool = False) -> "Validator | None":
    """Return what holds values against a schema; None: it cannot be read.

    `is_form`: formats count, and what it says of a value that does not fit holds nothing of the value.
    """
    from jsonschema_rs import FancyRegexOptions, ReferencingError, RegexOptions, validator_for

    size = _FORMS_PATTERN_BYTES if is_form else _PATTERN_BYTES
    for options in (
        RegexOptions(size_limit=size),
        FancyRegexOptions(backtrack_limit=_BACKTRACK, size_limit=size),
    ):
        try:
            return validator_for(
                schema,
                pattern_options=options,
                offline=True,
                validate_formats=is_form or None,
                mask="the answer" if is_form else None,
            )
        except (ValueError, ReferencingError):
            continue
    return None
