"""Paths to operations: the templates of an API (`/repos/{}/{}/keys/{}`) as a tree of segments."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from firewall.classify.api.table import Operation, Table, effects_of
from firewall.core.effect import severity

MAX_STEPS = 400
MAX_SEGMENTS = 64
MAX_KEPT = 512
KEPT_SEGMENTS = 16
KEPT_CHARS = 256
ANY = "{}"
REST = "{+}"


@dataclass(slots=True)
class Node:
    """One segment of the templates that share it."""

    inner: dict[str, "Node"] = field(default_factory=dict)
    mixed: list[tuple[str, str]] = field(default_factory=list)
    """Heads and tails of the segments that are only partly a parameter (`{}:cancel`)."""
    operations: dict[str, list[tuple[str, Operation]]] = field(default_factory=dict)
    """Method -> (query words that must stand in the address, operation)."""
    kept: dict[tuple[str, ...], Operation | None] = field(default_factory=dict)
    """Of a root: what paths without query words meant, by method and segments; templates never change then."""


def routes_of(table: Table, method: str) -> Node:
    """Return a table's templates for one method as a tree; made once."""
    key = f"routes {method}"
    kept = table.kept.get(key)
    if isinstance(kept, Node):
        return kept
    root = Node()
    mark = f"\t{method}\t"
    for line in table.body.splitlines():
        if mark in line:
            effects, _, path, name, summary = line.split("\t")
            add_route(root, method, path, Operation(name, effects_of(effects), summary))
    table.kept[key] = root
    return root


def add_route(root: Node, method: str, template: str, operation: Operation) -> None:
    """Add one template; `?word` behind the path must stand in the address."""
    path, _, query = template.partition("?")
    root.kept.clear()
    node = root
    for segment in path.split("/"):
        if not segment:
            continue
        head, brace, tail = segment.partition(ANY)
        if brace and (head or tail) and segment != REST and (head, tail) not in node.mixed:
            node.mixed.append((head, tail))
        node = node.inner.setdefault(segment, Node())
    node.operations.setdefault(method, []).append((query, operation))


def segments_of(path: str) -> list[str]:
    """Split a path as it stands in the address, percent signs taken out of each segment by itself."""
    parts = [part for part in path.split("/") if part][:MAX_SEGMENTS]
    return [unquote(part) for part in parts] if "%" in path else parts


def find(root: Node, method: str, path: Sequence[str], query: Sequence[str]) -> Operation | None:
    """Return the operation that a path means: literal segments before parameters, deeper before wider."""
    if query or len(path) > KEPT_SEGMENTS or sum(map(len, path)) > KEPT_CHARS:
        return _found(root, method, path, query)
    key = (method, *path)
    if key not in root.kept:
        if len(root.kept) >= MAX_KEPT:
            root.kept.clear()
        root.kept[key] = _found(root, method, path, ())
    return root.kept[key]


def _found(root: Node, method: str, path: Sequence[str], query: Sequence[str]) -> Operation | None:
    asked = set(query)
    budget = MAX_STEPS
    stack: list[tuple[Node, int]] = [(root, 0)]
    while stack and budget:
        budget -= 1
        node, at = stack.pop()
        if at == len(path):
            found = _chosen(node, method, asked)
            if found is not None:
                return found
            continue
        stack += _steps(node, path, at)
    return None


def _steps(node: Node, path: Sequence[str], at: int) -> list[tuple[Node, int]]:
    """Return the next nodes, the most exact last: it is the first to be taken off a stack."""
    segment, inner = path[at], node.inner
    found: list[tuple[Node, int]] = []
    if (rest := inner.get(REST)) is not None:
        found += [(rest, end) for end in range(len(path), at, -1)]
    if (one := inner.get(ANY)) is not None:
        found.append((one, at + 1))
    for head, tail in reversed(node.mixed) if node.mixed else ():
        if len(segment) > len(head) + len(tail) and segment.startswith(head) and segment.endswith(tail):
            found.append((inner[f"{head}{ANY}{tail}"], at + 1))
    if (exact := inner.get(segment)) is not None and segment not in (ANY, REST):
        found.append((exact, at + 1))
    return found


def _chosen(node: Node, method: str, asked: set[str]) -> Operation | None:
    """Return the operation whose query words fit best; of several that fit alike, what any of them would do."""
    if method not in node.operations:
        return None
    best: list[Operation] = []
    words = -1
    for query, operation in node.operations.get(method, ()):
        needed = [part for part in query.split("&") if part] if query else []
        if len(needed) < words or not all(part in asked for part in needed):
            continue
        best = [*best, operation] if len(needed) == words else [operation]
        words = len(needed)
    if len(best) < 2:
        return best[0] if best else None
    # FAIL-CLOSED: the path alone does not tell them apart.
    strictest_first = sorted(best, key=lambda one: max(severity(effect) for effect in one.effects), reverse=True)
    return strictest_first[0]
