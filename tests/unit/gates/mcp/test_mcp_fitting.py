"""Arguments against what a tool declares: what does not fit, or cannot be told to, never passes for fitting."""

import pytest

from firewall.gates.mcp.fitting import MAX_KEPT, Fitting
from tests.support.mcp_calls import NOTE, server

NOTES = server()


def doubling(count: int, last: object) -> dict[str, object]:
    """Return a schema of so many definitions, each of which names the next twice."""
    named: dict[str, object] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(count)}
    return {"properties": {"it": {"$ref": "#/$defs/a0"}}, "$defs": {**named, f"a{count}": last}}


def nested(count: int, **more: object) -> dict[str, object]:
    """Return a schema within a schema, so many times."""
    schema: dict[str, object] = {"properties": {"it": {"type": "string"}}}
    for _ in range(count):
        schema = {"allOf": [schema], **more}
    return schema


LIST = {"$ref": "#/$defs/list"}
TWICE = {"properties": {"next": {"allOf": [LIST, LIST]}}}
ONCE = {"properties": {"next": LIST, "word": {"type": "string"}}}


def linked(count: int) -> dict[str, object]:
    """Return values within values."""
    value: dict[str, object] = {"word": "end"}
    for _ in range(count):
        value = {"next": value}
    return value


def misfit(schema: object, arguments: dict[str, object]) -> str:
    """Say how arguments do not fit a schema."""
    return Fitting().of(NOTES, "t", {"name": "t", "inputSchema": schema}).misfit(arguments)


@pytest.mark.parametrize(
    ("schema", "arguments", "wanted"),
    [
        ({"type": "object"}, {}, ""),
        ({"type": "object"}, {"anything": [1]}, ""),
        (NOTE["inputSchema"], {"id": "1"}, ""),
        (NOTE["inputSchema"], {"id": 1}, "`id`: 1 is not of type"),
        (NOTE["inputSchema"], {}, '"id" is a required property'),
        (NOTE["inputSchema"], {"id": "1", "force": True}, "Additional properties"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, {}, ""),
        ({"type": "object", "properties": {"a": {"pattern": "^(?!x)"}}}, {"a": "xy"}, "`a`: "),
        ({"type": "object", "properties": {"a": {"pattern": "^(?!x)"}}}, {"a": "ab"}, ""),
        ({"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}, {"a": "1"}, "`a`: "),
    ],
)
def test_what_fits(schema: object, arguments: dict[str, object], wanted: str) -> None:
    """Arguments are held against the schema, of whichever draft, and what does not fit is named."""
    said = misfit(schema, arguments)
    assert said.startswith(wanted)
    assert bool(said) is bool(wanted)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        "object",
        {"type": "nothing"},
        {"$ref": "https://schemas.example/a.json"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "description": "x" * 300_000},
        doubling(22, {"type": "string"}),
        nested(22, unevaluatedProperties=False),
        {"properties": {"a": {"$id": "https://example.com/a", "type": "string"}}},
        {"properties": {"a": {"$ref": "#anchor"}}},
        {"$dynamicRef": "#a"},
        {"properties": {f"p{n}": {"pattern": f"^a{n}"} for n in range(65)}},
        {"patternProperties": {"a" * 1025: {}}},
        {"properties": {"a": {"pattern": r"\pL{200}"}}},
    ],
)
def test_a_schema_that_cannot_be_read_fits_nothing(schema: object) -> None:
    """No schema, a broken one, one that lies elsewhere and one that is too large: the call is not understood."""
    assert misfit(schema, {}) == "the tool's schema cannot be read"


def test_a_schema_that_names_itself_takes_what_it_can_be_held_against() -> None:
    """A list of lists is held against once per list; one that doubles at each is given up."""
    assert misfit({**LIST, "$defs": {"list": ONCE}}, linked(50)) == ""
    assert misfit({**LIST, "$defs": {"list": ONCE}}, {"next": {"word": 1}}).startswith("`next/word`: ")
    assert misfit({**LIST, "$defs": {"list": TWICE}}, linked(3)) == ""
    held = "they cannot be held against the tool's schema"
    assert misfit({**LIST, "$defs": {"list": TWICE}}, linked(50)) == held
    assert misfit({**LIST, "$defs": {"list": LIST}}, {}) == held
    assert misfit(doubling(5, {"type": "string"}), {"it": "a"}) == ""
    assert misfit(nested(5, unevaluatedProperties=False), {"it": "a"}) == ""


def test_a_pattern_of_a_server_costs_little() -> None:
    """A pattern that goes back for ever is given up, and what was not matched does not fit."""
    schema = {"type": "object", "properties": {"a": {"pattern": r"^(?=(a+)+$)(a+)+$(?!b)"}}}
    assert misfit(schema, {"a": "a" * 5000 + "!"}) != ""


def test_a_definition_is_compiled_once_and_a_changed_one_anew() -> None:
    """The very same definition is kept, another one is not taken for it; what is kept is bounded."""
    fitting, definition = Fitting(), dict(NOTE)
    first = fitting.of(NOTES, "t", definition)
    assert fitting.of(NOTES, "t", definition) is first
    assert fitting.of(NOTES, "t", dict(definition)) is first
    changed = fitting.of(NOTES, "t", {**NOTE, "description": "Deletes everything."})
    assert changed.digest != first.digest
    assert changed.description == "Deletes everything."
    assert fitting.of(server("other"), "t", {**NOTE, "inputSchema": {}}).misfit({}) == ""
    for number in range(MAX_KEPT + 5):
        fitting.of(NOTES, f"t{number}", definition)
    assert len(fitting._kept) == MAX_KEPT


def test_hints_that_are_no_answers_are_left_out() -> None:
    """Annotations count where they say yes or no; everything else says nothing."""
    said = {"readOnlyHint": True, "title": "T", "destructiveHint": "false"}
    assert Fitting().of(NOTES, "t", {"name": "t", "annotations": said}).hints == (("readOnlyHint", True),)
    assert Fitting().of(NOTES, "t", {"name": "t", "annotations": [1], "description": 7}).hints == ()


@pytest.mark.parametrize(
    ("schema", "arguments", "wanted"),
    [
        (NOTE["inputSchema"], {"id": "1"}, False),
        ({"type": "object", "properties": {"id": {}}}, {"id": 1, "ns": "x"}, True),
        ({"type": "object"}, {"id": 1}, True),
        ({"type": "object", "properties": {}}, {}, False),
        ({"allOf": [{"properties": {"id": {}}}]}, {"id": 1}, True),
    ],
)
def test_arguments_that_a_tool_does_not_name_are_strays(
    *, schema: object, arguments: dict[str, object], wanted: bool
) -> None:
    """Whether the server heeds them nobody knows: they settle nothing."""
    declared = Fitting().of(NOTES, "t", {"name": "t", "inputSchema": schema})
    assert declared.has_strays(arguments) is wanted
