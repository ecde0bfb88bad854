"""What a form may ask for, taken apart: an object of primitive fields and lists of choices. Pure.

INVARIANT: what comes out was written here, member by member, and refers to nothing: a value is held against it in
time that grows with its length alone. FAIL-CLOSED: a form with a member that is not named here is none.
Of members that are no notes, those of the specification stand here, and those plain ones beside them that SDKs
make of Python's and TypeScript's types: `const`, exclusive bounds, `multipleOf`, `uniqueItems`, lists of free
texts, and fields that may be one of several (`anyOf`: optional ones say null so). References are in none of them.
Specs: MCP 2025-06-18, 2025-11-25, 2026-07-28 (client, "Elicitation", "Requested Schema"; `pattern` stands in the
page of 2025-11-25, not in the schema).
"""

from collections.abc import Callable, Mapping

Check = Callable[[object], bool]
FORMATS = frozenset({"email", "uri", "date", "date-time"})


def flat(schema: object) -> dict[str, object] | None:
    """Return what answers are held against, without notes; None: it is no form."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or not _is_of(schema, _FORM):
        return None
    fields = schema.get("properties")
    if not isinstance(fields, dict):
        return None
    read = {name: _field(field) for name, field in fields.items()}
    if not all(read.values()):
        return None
    required = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": read, **required}


def _field(field: object) -> dict[str, object] | None:
    """Return one field without its notes; None: it is none."""
    if not isinstance(field, dict):
        return None
    if "type" in field or "anyOf" not in field:
        return _primitive(field)
    several = field["anyOf"]
    if not _is_of(field, {**_NOTES, "anyOf": _is_any}) or not isinstance(several, list) or not several:
        return None
    read = [{"type": "null"} if one == {"type": "null"} else _primitive(one) for one in several]
    return {"anyOf": read} if all(read) else None


def _primitive(field: object) -> dict[str, object] | None:
    """Return a field of one type; None: it is none."""
    if not isinstance(field, dict) or not isinstance(field.get("type"), str):
        return None
    known = _TYPES.get(field["type"])
    if known is None or not _is_of(field, {**_NOTES, "type": _is_text, **known}):
        return None
    held = {name: value for name, value in field.items() if name in known or name == "type"}
    held.pop("enumNames", None)
    if "oneOf" in held:
        held["allOf"] = [{"enum": _choices(held.pop("oneOf"))}]
    if field["type"] != "array":
        return held
    items = _items(field.get("items"))
    return None if items is None else {**held, "items": items}


def _items(items: object) -> dict[str, object] | None:
    """Return what each of a list may be: one of some choices, or a text."""
    if isinstance(items, dict) and "type" not in items:
        (name,) = items if len(items) == 1 else ("",)
        chosen = _choices(items[name]) if name in ("anyOf", "oneOf") else None
        return None if chosen is None else {"enum": chosen}
    return _primitive(items) if isinstance(items, dict) and items.get("type") == "string" else None


def _choices(choices: object) -> list[object] | None:
    """Return the values of titled choices; None: they are none."""
    if not isinstance(choices, list) or not choices:
        return None
    is_read = all(isinstance(one, dict) and "const" in one and _is_of(one, _CHOICE) for one in choices)
    return list(dict.fromkeys(one["const"] for one in choices)) if is_read else None


def _is_of(held: Mapping[str, object], known: Mapping[str, Check]) -> bool:
    """Tell whether each member is a known one, and what such a one may be."""
    return all(name in known and known[name](value) for name, value in held.items())


def _is_any(_: object) -> bool:
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_yes_or_no(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_count(value: object) -> bool:
    return _is_number(value) and value >= 0  # type: ignore[operator]  # a number


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float) or _is_texts(value)


def _is_format(value: object) -> bool:
    return isinstance(value, str) and value in FORMATS


def _is_examples(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_plain, value))


def _is_choices(value: object) -> bool:
    return _choices(value) is not None


_NOTES: Mapping[str, Check] = {
    "title": _is_text,
    "description": _is_text,
    "default": _is_plain,
    "examples": _is_examples,
    "deprecated": _is_yes_or_no,
}
_FORM: Mapping[str, Check] = {
    **_NOTES,
    "$schema": _is_text,
    "type": _is_text,
    "properties": _is_any,
    "required": _is_texts,
    "additionalProperties": _is_yes_or_no,
}
_CHOICE: Mapping[str, Check] = {"const": _is_text, "title": _is_text, "description": _is_text, "type": _is_text}
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_NUMBER: Mapping[str, Check] = {
    **dict.fromkeys(_BOUNDS, _is_number),
    "enum": _is_numbers,
    "const": _is_number,
}
_TYPES: Mapping[str, Mapping[str, Check]] = {
    "string": {
        "minLength": _is_count,
        "maxLength": _is_count,
        "format": _is_format,
        "pattern": _is_text,
        "enum": _is_texts,
        "enumNames": _is_texts,
        "const": _is_text,
        "oneOf": _is_choices,
    },
    "number": _NUMBER,
    "integer": _NUMBER,
    "boolean": {"const": _is_yes_or_no},
    "array": {"minItems": _is_count, "maxItems": _is_count, "uniqueItems": _is_yes_or_no, "items": _is_any},
}
"""By type of a field: its members beside notes."""
