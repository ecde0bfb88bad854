"""What vendors publish of the operations that resolvers ask: tests/cases/resolvers/published/*.json."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache

from tests.support.understanding import ROOT

FOLDER = ROOT / "tests/cases/resolvers/published"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@cache
def published(name: str) -> list[dict[str, object]]:
    """Return the operations of a vendor's description."""
    found = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert found["source"]
    assert found["licence"]
    operations: list[dict[str, object]] = found["operations"]
    return operations


def operation(name: str, method: str, path: str) -> dict[str, object] | None:
    """Return the published operation of a request; in `path` a part that is filled in is `{word}` or its value."""
    bare = re.sub(r"\{[a-z_]+\}", "x", path)
    for one in published(name):
        template = re.escape(str(one["path"])).replace(r"\{\}", "[^/]+")
        if one["method"] == method and re.fullmatch(template, bare):
            return one
    return None


def has(schema: object, path: str) -> bool:
    """Tell whether a published answer has something at a path of a resolver."""
    level = [schema]
    for part in re.split(r"(?<!\\)\.", path) if path else []:
        name, key = _filtered(part.replace("\\.", "."))
        level = [inner for one in level for inner in _inner(one, name)] if name else level
        if key and not any(list(_inner(one, key)) for one in level):
            return False
    return bool(level)


def _filtered(segment: str) -> tuple[str, str]:
    found = re.fullmatch(r"([^\[]*)\[([^=]+)=.*\]", segment)
    return (found[1], found[2]) if found else (segment, "")


def _inner(schema: object, name: str) -> Iterator[object]:
    assert isinstance(schema, Mapping)
    if "items" in schema and "properties" not in schema:
        yield from _inner(schema["items"], name)
    elif not schema or (schema.get("additionalProperties") is True and name not in schema.get("properties", {})):
        yield {}
    elif name in schema.get("properties", {}):
        yield schema["properties"][name]


def problems(shape: object, value: object, at: str = "") -> list[str]:
    """Return where a value is not of a published shape: names that it does not have, values of another kind."""
    assert isinstance(shape, Mapping)
    kinds = shape.get("type", ())
    if kinds and not any(_is(value, kind) for kind in kinds):
        return [f"{at or 'the answer'}: {value!r} is none of {', '.join(kinds)}"]
    if isinstance(value, list):
        return [one for item in value for one in problems(shape.get("items", {}), item, f"{at}[]")]
    if isinstance(value, dict) and shape:
        named = shape.get("properties", {})
        open_ = shape.get("additionalProperties") is not False
        strange = [f"{at}: there is no `{name}`" for name in value if name not in named and not open_]
        inner = ((named[name], item, f"{at}.{name}") for name, item in value.items() if name in named)
        return strange + [one for part in inner for one in problems(*part)]
    if "enum" in shape and value not in shape["enum"]:
        return [f"{at}: {value!r} is none of {shape['enum']}"]
    return []


def _is(value: object, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
