"""JSON schemas of an answer, as this provider takes them: closed objects, and no bounds but a few.

What it does not take is told to the model in the description, as the vendor's own SDK does (anthropic 2.11,
`transform_schema`). A closed object asks more than an open one, so an answer that fits it fits the other as well.
"""

from collections.abc import Mapping

from firewall.codecs.neutral.losses import untranslatable

Schema = Mapping[str, object]

_MAX_DEPTH = 32
_KEPT = frozenset({"$ref", "const", "description", "enum", "title", "type"})
_NESTED = ("anyOf", "allOf")
_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip
_SILENT = frozenset({"$schema", "$id", "additionalProperties", "nullable"})
"""Members that say nothing more once the object is closed."""


def closed(schema: Schema, depth: int = 0) -> dict[str, object]:
    """Return the schema as this provider takes it.

    Raises: ProtocolError (400) `untranslatable` for objects whose members have any name, which it cannot promise.
    """
    if depth > _MAX_DEPTH:
        untranslatable("the schema of the answer", "it is nested too deeply")
    out: dict[str, object] = {}
    told: dict[str, object] = {}
    for key, one in schema.items():
        if key in _KEPT:
            out[key] = one
        elif not _nest(out, key, one, depth):
            told[key] = one
    if schema.get("type") == "object" or "properties" in schema:
        _close(out, schema)
    if told:
        words = "{" + ", ".join(f"{key}: {one}" for key, one in told.items()) + "}"
        said = out.get("description")
        out["description"] = f"{said}\n\n{words}" if isinstance(said, str) and said else words
    return out


def _nest(out: dict[str, object], key: str, one: object, depth: int) -> bool:
    """Write a member that holds schemas, or one that needs no words; tell whether it was one."""
    if key in ("properties", "$defs", "definitions") and isinstance(one, Mapping):
        out[key] = {name: _inner(each, depth) for name, each in one.items()}
    elif key == "items" and isinstance(one, Mapping):
        out[key] = _inner(one, depth)
    elif key in (*_NESTED, "oneOf") and isinstance(one, list):
        out["anyOf" if key == "oneOf" else key] = [_inner(each, depth) for each in one]
    elif (key == "format" and one in _FORMATS) or (key == "minItems" and one in (0, 1)):
        out[key] = one
    else:
        return key in _SILENT or key == "required"
    return True


def _inner(value: object, depth: int) -> object:
    return closed(value, depth + 1) if isinstance(value, Mapping) else value


def _close(out: dict[str, object], schema: Schema) -> None:
    others = schema.get("additionalProperties", True)
    if isinstance(others, Mapping) or (others is not False and not schema.get("properties")):
        untranslatable("the schema of the answer", "this provider promises no objects with members of any name")
    out["additionalProperties"] = False
    if isinstance(schema.get("required"), list):
        out["required"] = schema["required"]
