"""What a request declares of a tool, as a hash: approvals are bound to the tool that the model was told of."""

import hashlib
from collections.abc import Iterator, Mapping

import orjson

_LISTS = ("tools", "functions", "functionDeclarations", "function_declarations")
_HOLDERS = ("function", "custom")
_MAX_DEPTH = 6


def schema_hash(request: Mapping[str, object], name: str) -> str:
    """Return the SHA-256 hex of every declaration of a tool, in any dialect; empty where nothing declares it.

    `name` may have a namespace in front (`ns/name`): declarations carry the bare name.
    """
    wanted = name.rpartition("/")[2]
    found = [one for one in _declarations(_sources(request)) if one.get("name") == wanted]
    if not found:
        return ""
    return hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _sources(request: Mapping[str, object]) -> list[object]:
    """Return where tools are declared: at the top, and in Codex's `additional_tools` input items."""
    items = request.get("input")
    extra = [
        item.get("tools")
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, Mapping) and item.get("type") == "additional_tools"
    ]
    return [request.get("tools"), request.get("functions"), *extra]


def _declarations(nodes: list[object], depth: int = 0) -> Iterator[Mapping[str, object]]:
    if depth > _MAX_DEPTH:
        return
    for node in nodes:
        if isinstance(node, list):
            yield from _declarations(node, depth + 1)
        elif isinstance(node, Mapping):
            if isinstance(node.get("name"), str):
                yield node
            inner = [node.get(key) for key in (*_LISTS, *_HOLDERS)]
            yield from _declarations([one for one in inner if one is not None], depth + 1)
