"""Answers of users held against the forms that servers gave: each kind of field, and what no form asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.gates.mcp.forms import asked_of, is_readable, misfit, misfit_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TITLED = [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]
REFUSED: dict[str, object] = {
    "$ref": "#/$defs/a",
    "$dynamicRef": "#a",
    "$defs": {"a": {"type": "string"}},
    "allOf": [{"type": "string"}],
    "not": {"type": "null"},
    "if": {"type": "string"},
    "dependentSchemas": {},
    "dependentRequired": {},
    "patternProperties": {},
    "unevaluatedProperties": False,
    "propertyNames": {},
    "contains": {"type": "string"},
}
SHORT = {"type": "string", "minLength": 2, "maxLength": 4}
WHOLE = {"type": "integer", "minimum": 1, "maximum": 9}
SOME = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["r", "g", "b"]}}


def asked(field: object, *, required: bool = False) -> dict[str, object]:
    """Return the parameters of a form with one field."""
    schema: dict[str, object] = {"type": "object", "properties": {"it": field}}
    return {"message": "?", "requestedSchema": {**schema, "required": ["it"]} if required else schema}


def accepted(value: object) -> dict[str, object]:
    """Return an answer that fills in the field."""
    return {"action": "accept", "content": {"it": value}}


@pytest.mark.parametrize(
    ("field", "fitting", "others"),
    [
        ({"type": "string"}, ["", "a", "1"], [1, 1.5, True, None, ["a"], {"a": "b"}]),
        (SHORT, ["ab", "abcd", "\U0001f44d\U0001f44d"], ["", "a", "abcde", "\U0001f44d"]),
        ({"type": "string", "format": "email"}, ["a@example.com"], ["a", "@", "a@", "@example.com"]),
        ({"type": "string", "format": "uri"}, ["https://example.com/a", "note:1"], ["example", "/a", ""]),
        (
            {"type": "string", "format": "date"},
            ["2026-02-28"],
            ["2026-02-30", "28.2.2026", "2026-02-28T00:00:00Z"],
        ),
        (
            {"type": "string", "format": "date-time"},
            ["2026-02-28T10:00:00Z", "2026-02-28T10:00:00.5+01:00"],
            ["2026-02-28", "10:00", "2026-02-28T25:00:00Z"],
        ),
        ({"type": "string", "pattern": "^[a-z]+$"}, ["ab"], ["A", "a1"]),
        ({"type": "number"}, [0, -1, 1.5], ["1", True, None, [1]]),
        ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1], [-0.1, 1.1]),
        ({"type": "integer"}, [0, -1, 2.0], [1.5, "1", False]),
        (WHOLE, [1, 9], [0, 10]),
        ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
        ({"type": "string", "enum": ["r", "g"]}, ["r", "g"], ["b", "R", "", 1]),
        ({"type": "string", "enum": ["r"], "enumNames": ["Red"]}, ["r"], ["Red"]),
        ({"type": "string", "oneOf": TITLED}, ["r", "g"], ["b", "Red"]),
        (SOME, [["r"], ["r", "g"]], [[], ["r", "g", "b"], ["x"], "r", [1], [["r"]]]),
        ({"type": "array", "items": {"anyOf": TITLED}}, [[], ["g"]], [["Red"], [None]]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
        (
            {"anyOf": [{"const": "a", "type": "string"}, {"type": "integer"}], "default": None},
            ["a", 1],
            ["b", 1.5],
        ),
        ({"type": "array", "items": {"type": "string"}}, [["a"]], [[1], [{"a": 1}], [["a"]], ["a"] * 257]),
        ({"type": "number", "exclusiveMinimum": 0, "title": "N", "examples": [1]}, [1], [0]),
    ],
)
def test_each_kind_of_field_takes_its_own_values(
    field: dict[str, object], fitting: list[object], others: list[object]
) -> None:
    """As the specification has them, and those of its libraries; values within values are none."""
    params = asked(field)
    assert [misfit(params, accepted(value)) for value in fitting] == ["" for _ in fitting]
    assert all(misfit(params, accepted(value)) for value in others), others


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"action": "accept", "content": {}}, '"it" is a required property'),
        ({"action": "accept"}, '"it" is a required property'),
        ({"action": "accept", "content": None}, '"it" is a required property'),
        ({"action": "accept", "content": {"it": "a", "more": "b"}}, "it holds something that was not asked for"),
        ({"action": "accept", "content": ["it"]}, "`content` must be an object"),
        ({"action": "accept", "content": "a"}, "`content` must be an object"),
        ({"action": "decline", "content": {"it": "a"}}, "`content` was not asked for"),
        ({"action": "cancel", "content": {"it": "a"}}, "`content` was not asked for"),
        ({"action": "decline"}, ""),
        ({"action": "cancel", "content": None}, ""),
        ({"action": "decline", "content": {}}, ""),
        ({"action": "agree", "content": {"it": "a"}}, "`action` must be accept, decline or cancel"),
        ({"action": ["accept"]}, "`action` must be accept, decline or cancel"),
        ({"content": {"it": "a"}}, "`action` must be accept, decline or cancel"),
        ("accept", "`action` must be accept, decline or cancel"),
        (accepted("a"), ""),
    ],
)
def test_what_is_required_must_be_there_and_nothing_else_may(said: object, words: str) -> None:
    """Only who accepts fills in, all that is required and nothing beside the form."""
    assert misfit(asked({"type": "string"}, required=True), said) == words


def test_more_than_a_form_asks_for_never_fits() -> None:
    """Also where its schema would let anything pass."""
    schema = {"type": "object", "properties": {}, "additionalProperties": True, "$schema": DRAFT, "title": "T"}
    assert misfit({"requestedSchema": schema}, accepted("a")) == "it holds something that was not asked for"
    assert misfit({"requestedSchema": schema}, {"action": "accept", "content": {}}) == ""


def test_an_address_is_answered_with_nothing() -> None:
    """Its user opened it or did not."""
    page = {"mode": "url", "url": "https://example.com/"}
    assert misfit(page, {"action": "accept"}) == ""
    assert misfit(page, accepted("a")) == "`content` was not asked for"


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {"type": "object"},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"it": {"type": "odd"}}},
        {"type": "object", "properties": {"it": {"$ref": "https://example.com/schema"}}},
        {"type": "object", "properties": {"it": {"type": "string", "pattern": "("}}},
        {"type": "object", "properties": {"it": {"type": "string", "pattern": r"\pL{200}"}}},
        {"type": "object", "properties": {f"p{n}": {"type": "string", "pattern": f"a{n}"} for n in range(65)}},
        {"type": "object", "properties": {"it": {"type": "object"}}},
        {"type": "object", "properties": {"it": {"type": "array"}}},
        {"type": "object", "properties": {"it": {"type": "array", "items": SOME}}},
        {"type": "object", "properties": {"it": {}}},
        {"type": "object", "properties": {"it": {"type": "string", "format": "regex"}}},
        {"type": "object", "properties": {"it": {"type": "string", "oneOf": [{"type": "string"}]}}},
        {"type": "object", "properties": {"it": {"anyOf": [{"anyOf": [{"type": "string"}]}]}}},
        {"properties": {"it": {"type": "string"}}},
        *(
            {"type": "object", "properties": {"it": {"type": "string", name: value}}}
            for name, value in REFUSED.items()
        ),
        *({"type": "object", "properties": {"it": SHORT}, name: value} for name, value in REFUSED.items()),
        {"type": "object", "properties": {"it": {"description": "x" * (65 << 10)}}},
    ],
)
def test_a_schema_that_cannot_be_read_fits_nothing(schema: object) -> None:
    """Nothing is fetched, and nobody answers what nobody can check."""
    params = {"message": "?", "requestedSchema": schema}
    assert not is_readable(params)
    assert misfit(params, accepted("a")) == "the form cannot be read"
    assert misfit(params, {"action": "decline"}) == ""


def test_a_form_that_doubles_is_refused() -> None:
    """Thirty short definitions, each of which names the next twice, would be held against an answer for years."""
    named: dict[str, object] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    schema = {"type": "object", "properties": {"it": {"$ref": "#/$defs/a0"}}, "$defs": {**named, "a30": SHORT}}
    assert not is_readable({"requestedSchema": schema})
    assert misfit({"requestedSchema": schema}, accepted("ab")) == "the form cannot be read"


def test_a_pattern_that_takes_for_ever_ends() -> None:
    """Patterns are a server's: what cannot be told in time does not fit."""
    params = asked({"type": "string", "pattern": "^(?=(a+)+$)(a+)+$"})
    assert misfit(params, accepted("a" * 4000 + "!"))


@given(st.text(min_size=4).filter(lambda text: text not in "the answer is not of type integer `it`: "))
def test_the_server_never_hears_what_was_answered(text: str) -> None:
    """Whatever the value, the words about it are the same."""
    assert misfit(asked(WHOLE), accepted(text)) == '`it`: the answer is not of type "integer"'


def test_answers_are_held_against_their_own_question() -> None:
    """Of several questions each has its own form; other questions and answers to come are not looked at."""
    form = {"method": "elicitation/create", "params": asked(WHOLE)}
    model = {"method": "sampling/createMessage", "params": {"messages": []}}
    wanted = asked_of({"a": form, "b": model, "c": "odd", "d": {"method": "elicitation/create"}})
    assert wanted == {"a": {"requestedSchema": asked(WHOLE)["requestedSchema"]}, "d": {}}
    assert misfit_of(wanted, {"a": accepted(1), "b": {"role": "assistant"}}) is None
    assert misfit_of(wanted, {"b": {"role": "assistant"}}) is None
    for answers in (
        {"a": {**accepted(1), "_meta": {"note": "x"}}},
        {"a": accepted("1")},
        {"a": accepted(1), "d": accepted(1)},
    ):
        error = misfit_of(wanted, answers)
        assert error is not None
        assert (error.code, error.number) == ("answer_misfit", -32602)
