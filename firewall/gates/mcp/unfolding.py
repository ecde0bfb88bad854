"""How much work a tool's schema can make: its references unfold, and short ones can double without end. Pure.

INVARIANT: a schema that refers to nothing above itself holds an argument against `MOST_NODES` schemas at most; of
one that does, `MOST_STEPS` of them are held against all arguments of one call. FAIL-CLOSED: a reference that is no
path into the schema itself (`#/...`) is not followed, and such a schema is not bounded.
Spec: JSON Schema 2020-12, core, 8.2 ("Base URI, Anchors, and Dereferencing"), 10 and 11 (applicators).
"""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

MOST_NODES = 10_000
MOST_STEPS = 100_000
MOST_PATTERNS = 64
MAX_PATTERN_CHARS = 1024
_MAX_DEPTH = 200
_HERE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "extends", "type", "disallow")
_BELOW = (
    *("items", "prefixItems", "additionalItems", "contains", "unevaluatedItems"),
    *("additionalProperties", "propertyNames", "unevaluatedProperties"),
)
_MAPS_HERE, _MAPS_BELOW = ("dependentSchemas", "dependencies"), ("properties", "patternProperties")
_DEFINED = ("$defs", "definitions")
_UNFOLLOWED = ("$dynamicRef", "$recursiveRef")
_AGAIN = ("unevaluatedItems", "unevaluatedProperties")
"""For these a validator goes through what applies to the same value again: less than three times as much each."""


class _TooMuchError(Exception):
    """More work than is done."""


class Unfolding:
    """Counts how often schemas are held against values; for one schema."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._root = schema
        self._left = 0
        self._under_way: list[int] = []
        self._patterns: set[str] = set()
        self.is_recursive = False
        """It refers to something above itself."""

    def is_bounded(self) -> bool:
        """Tell whether the schema can be unfolded, and is small then."""
        self._left = MOST_NODES
        try:
            self._unfold(self._root)
        except (_TooMuchError, RecursionError):
            return False
        return True

    def is_held(self, value: object) -> bool:
        """Tell whether a value is held against the schema in few steps."""
        self._left = MOST_STEPS
        try:
            self._hold(self._root, value, 0)
        except (_TooMuchError, RecursionError):
            return False
        return True

    def _step(self, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise _TooMuchError

    def _unfold(self, node: object) -> None:
        """Go through a schema and all that it refers to."""
        if not isinstance(node, dict):
            return
        if id(node) in self._under_way:
            self.is_recursive = True
            return
        self._step(len(self._under_way))
        is_root = not self._under_way
        if any(name in node for name in _UNFOLLOWED) or (
            not is_root and any(isinstance(node.get(name), str) for name in ("$id", "id"))
        ):
            raise _TooMuchError
        self._count_patterns(node)
        self._under_way.append(id(node))
        for _ in range(_times(node)):
            if "$ref" in node:
                self._unfold(self._target(node["$ref"]))
            for name in (*_HERE, *_MAPS_HERE):
                for inner in _schemas(node.get(name), is_map=name in _MAPS_HERE):
                    self._unfold(inner)
        for name in (*_BELOW, *_MAPS_BELOW, *(_DEFINED if is_root else ())):
            for inner in _schemas(node.get(name), is_map=name in (*_MAPS_BELOW, *_DEFINED)):
                self._unfold(inner)
        self._under_way.pop()

    def _count_patterns(self, node: Mapping[str, object]) -> None:
        named = node.get("patternProperties")
        for pattern in (node.get("pattern"), *(named if isinstance(named, dict) else ())):
            if isinstance(pattern, str):
                self._patterns.add(pattern)
                if len(self._patterns) > MOST_PATTERNS or len(pattern) > MAX_PATTERN_CHARS:
                    raise _TooMuchError

    def _hold(self, node: object, value: object, depth: int) -> None:
        """Go through all that a value, and what is in it, is held against."""
        if not isinstance(node, dict):
            return
        self._step(depth)
        for _ in range(_times(node)):
            if "$ref" in node:
                self._hold(self._target(node["$ref"]), value, depth + 1)
            for name in (*_HERE, *_MAPS_HERE):
                for inner in _schemas(node.get(name), is_map=name in _MAPS_HERE):
                    self._hold(inner, value, depth + 1)
        named = node.get("properties")
        if isinstance(value, dict) and isinstance(named, dict):
            for name in named.keys() & value.keys():
                self._hold(named[name], value[name], depth + 1)
        below = [one for name in _BELOW for one in _schemas(node.get(name), is_map=False)]
        below += _schemas(node.get("patternProperties"), is_map=True)
        for child in _children(value) if below else ():
            for inner in below:
                self._hold(inner, child, depth + 1)

    def _target(self, reference: object) -> object:
        """Return what a reference refers to. Raises: _TooMuchError for one that leads elsewhere."""
        if not isinstance(reference, str) or (reference != "#" and not reference.startswith("#/")):
            raise _TooMuchError
        at: object = self._root
        for step in unquote(reference).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(at, dict):
                at = at.get(name)
            else:
                at = at[int(name)] if isinstance(at, list) and name.isdecimal() and int(name) < len(at) else None
        if not isinstance(at, dict | bool):
            raise _TooMuchError
        return at


def _schemas(held: object, *, is_map: bool) -> Iterator[object]:
    """Yield the schemas that stand under a name: one, several in a list, or by name."""
    if isinstance(held, dict):
        yield from held.values() if is_map else (held,)
    elif isinstance(held, list):
        yield from held


def _children(value: object) -> Iterable[object]:
    """Return what is in a value."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _times(node: Mapping[str, object]) -> int:
    return 3 if any(name in node for name in _AGAIN) else 1
