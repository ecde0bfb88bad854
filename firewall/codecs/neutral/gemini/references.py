"""JSON schemas without references, as the Gemini API wants them.

It takes JSON schemas, but refuses a node that says anything beside `$ref`, and some references that other readers
find. So what is referred to is put in its place; a node that would hold itself is left open there.
"""

from collections.abc import Mapping
from urllib.parse import unquote

import orjson

from firewall.codecs.neutral.form import Schema
from firewall.codecs.neutral.losses import untranslatable

_MOST_NODES = 20_000
"""Of a schema written out: references to references can make a small one very large."""
_DEEPEST = 100
_DEFINITIONS = ("$defs", "definitions")
_MARK = b'"$ref"'


def written_out(schema: Schema, where: str) -> Schema:
    """Return the schema with everything in its place; itself where it refers to nothing.

    Raises: ProtocolError (400) `untranslatable`, naming the schema that would become too large.
    """
    if _MARK not in orjson.dumps(schema):
        return schema
    found = _Writing(schema, where).node(schema, ())
    return {key: one for key, one in found.items() if key not in _DEFINITIONS}


class _Writing:
    """One schema on its way."""

    def __init__(self, root: Schema, where: str) -> None:
        self._root = root
        self._where = where
        self._count = self._depth = 0

    def node(self, node: Mapping[str, object], within: tuple[str, ...]) -> dict[str, object]:
        """Return a node without references; `within`: those that led here."""
        self._count += 1
        self._depth += 1
        if self._count > _MOST_NODES or self._depth > _DEEPEST:
            untranslatable(self._where, "its references make the schema too large")
        found = self._found(node, within)
        self._depth -= 1
        return found

    def _found(self, node: Mapping[str, object], within: tuple[str, ...]) -> dict[str, object]:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return {key: self._value(one, within) for key, one in node.items()}
        beside = {key: self._value(one, within) for key, one in node.items() if key != "$ref"}
        target = None if reference in within else self._target(reference)
        return beside if target is None else {**self.node(target, (*within, reference)), **beside}

    def _value(self, value: object, within: tuple[str, ...]) -> object:
        if isinstance(value, Mapping):
            return self.node(value, within)
        return [self._value(one, within) for one in value] if isinstance(value, list) else value

    def _target(self, reference: str) -> Mapping[str, object] | None:
        """Return what a pointer within the schema leads to, None for any other and for one that leads nowhere."""
        if not reference.startswith("#"):
            return None
        found: object = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else None
