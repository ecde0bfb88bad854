"""Schemas as this API writes them (a subset of OpenAPI 3.0), turned into JSON schemas.

Source: https://ai.google.dev/api/caching#Schema. JSON schemas are taken by the API as they are, in fields of their
own (`parametersJsonSchema`, `responseJsonSchema`), so there is no way back to write.
"""

from collections.abc import Mapping

from firewall.codecs.gemini.tables import camel
from firewall.codecs.neutral import fields
from firewall.codecs.neutral.losses import Losses, untranslatable

Json = Mapping[str, object]

_MAX_DEPTH = 32
_KEPT = frozenset({"default", "description", "maximum", "minimum", "pattern", "required", "title"})
_COUNTS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
_NOTES = frozenset({"propertyOrdering"})
_NESTED = {
    "additionalProperties": "additionalProperties",
    "anyOf": "anyOf",
    "defs": "$defs",
    "items": "items",
    "properties": "properties",
}
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_DATA = frozenset({"const", "default", "enum", "examples"})
"""Members that hold values, not schemas."""
_FORMATS = frozenset({"enum", "float", "double", "int32", "int64"})
"""Formats that say nothing to others."""


def json_schema(schema: Json, losses: Losses, where: str, *, depth: int = 0) -> dict[str, object]:
    """Return the JSON schema that means the same; the wished order of properties is listed as lost.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the member.
    """
    if depth > _MAX_DEPTH:
        untranslatable(where, "the schema is nested too deeply")
    out: dict[str, object] = {}
    for key, one in schema.items():
        name, path = camel(key), f"{where}.{key}"
        if name in _NOTES:
            losses.add_those({name: one}, (name,))
        elif one is not None:
            _member(out, name, one, losses, path, depth=depth)
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
        if isinstance(out.get("enum"), list):
            out["enum"] = [*_list(out["enum"], where), None]
    return out


def lowered(schema: Json, *, depth: int = 0) -> dict[str, object]:
    """Return a JSON schema whose types are written as JSON schemas write them: Gemini CLI writes `OBJECT`."""
    out: dict[str, object] = {}
    for key, one in schema.items():
        if key == "type" and isinstance(one, str) and one.lower() in _TYPES:
            out[key] = one.lower()
        elif key in _DATA or depth > _MAX_DEPTH:
            out[key] = one
        elif isinstance(one, Mapping):
            out[key] = lowered(one, depth=depth + 1)
        elif isinstance(one, list):
            out[key] = [lowered(each, depth=depth + 1) if isinstance(each, Mapping) else each for each in one]
        else:
            out[key] = one
    return out


def _member(out: dict[str, object], name: str, one: object, losses: Losses, path: str, *, depth: int) -> None:
    if name in _KEPT:
        out[name] = one
    elif name in _COUNTS:
        out[name] = _count(one, path)
    elif name in _NESTED:
        out[_NESTED[name]] = _inner(name, one, losses, path, depth=depth)
    elif name == "type":
        _type(out, one, path)
    elif name == "format":
        if not (isinstance(one, str) and one in _FORMATS):
            out[name] = one
    elif name == "ref":
        out["$ref"] = str(one).replace("#/defs/", "#/$defs/")
    elif name in ("enum", "example"):
        out["examples" if name == "example" else name] = [one] if name == "example" else [*_list(one, path)]
    elif name != "nullable":
        untranslatable(path, "no JSON schema says that")


def _inner(name: str, one: object, losses: Losses, path: str, *, depth: int) -> object:
    if name == "additionalProperties" and isinstance(one, bool):
        return one
    if name == "anyOf":
        listed = enumerate(_list(one, path))
        return [_schema(each, losses, f"{path}.{place}", depth=depth) for place, each in listed]
    if name in ("properties", "defs"):
        named = _table(one, path).items()
        return {key: _schema(each, losses, f"{path}.{key}", depth=depth) for key, each in named}
    return _schema(one, losses, path, depth=depth)


def _schema(value: object, losses: Losses, path: str, *, depth: int) -> dict[str, object]:
    return json_schema(_table(value, path), losses, path, depth=depth + 1)


def _type(out: dict[str, object], one: object, path: str) -> None:
    kind = str(one).lower()
    if kind == "type_unspecified":
        return
    if kind not in _TYPES:
        fields.wrong(path, "a type of JSON")
    out["type"] = kind


def _count(value: object, path: str) -> int:
    """Return a count; the API writes 64-bit numbers as strings."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is not int:
        fields.wrong(path, "an integer")
    return value


def _table(value: object, path: str) -> Json:
    if not isinstance(value, Mapping):
        fields.wrong(path, "an object")
    return value


def _list(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        fields.wrong(path, "a list")
    return value
