"""What pydantic found wrong with a file, in our words: short, lower case, naming what was expected."""

from collections.abc import Mapping

from pydantic import ValidationError

_WORDS: Mapping[str, str] = {
    "extra_forbidden": "is no key of ours",
    "missing": "is missing",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must not be empty",
}


def complaints(error: ValidationError) -> list[tuple[str, str]]:
    """Return where and what for each thing that is wrong, the first of them first.

    A place is a key as people count, `case.1.effects` that of the first case; the words follow the key's name.
    """
    return [
        (_place(found["loc"]), _words(found["type"], found["msg"], found.get("ctx", {})))
        for found in error.errors()
    ]


def _place(keys: tuple[int | str, ...]) -> str:
    return ".".join(str(key + 1) if isinstance(key, int) else key for key in keys)


def _words(kind: str, message: str, context: Mapping[str, object]) -> str:
    words = _WORDS.get(kind)
    if words is not None:
        return words.format_map(context)
    if kind == "value_error" and "error" in context:
        return str(context["error"])
    return message[:1].lower() + message[1:]
