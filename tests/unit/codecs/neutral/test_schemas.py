"""Schemas of answers as each provider takes them, and what models take, told from their names."""

import pytest

from firewall.codecs.neutral.anthropic import models as claude
from firewall.codecs.neutral.anthropic.schemas import closed
from firewall.codecs.neutral.gemini.schemas import lowered
from firewall.codecs.neutral.openai_chat import models as gpt
from firewall.codecs.neutral.openai_chat.request_out import is_strict
from firewall.core.errors import ProtocolError


def test_an_object_is_closed_and_bounds_are_told() -> None:
    """What this provider does not check, its model is told; what it checks stays."""
    schema = {
        "type": "object",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "How many"},
            "list": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "format": "date"}},
            "either": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]},
        },
        "required": ["n"],
        "$defs": {"x": {"type": "string", "format": "regex"}},
    }
    assert closed(schema) == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "How many\n\n{minimum: 1}"},
            "list": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "format": "date"},
                "description": "{maxItems: 3}",
            },
            "either": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]},
        },
        "required": ["n"],
        "$defs": {"x": {"type": "string", "description": "{format: regex}"}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": True}}},
    ],
)
def test_a_map_is_refused(schema: dict[str, object]) -> None:
    """Closed, it would always be empty: that is another answer than the one asked for."""
    with pytest.raises(ProtocolError, match="the schema of the answer"):
        closed(schema)


def test_an_empty_object_is_one() -> None:
    """Said to be closed, it means what it says."""
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    assert closed(schema) == schema


def test_a_schema_that_never_ends_is_refused() -> None:
    """However deep a schema is nested, the answer is a refusal and no crash."""
    schema: dict[str, object] = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    with pytest.raises(ProtocolError, match="nested"):
        closed(schema)
    assert not is_strict(schema)


def test_types_are_written_as_json_schemas_write_them() -> None:
    """Gemini CLI writes `OBJECT` in a field for JSON schemas; values that look like types stay."""
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "enum": ["STRING"], "default": "STRING"}},
        "anyOf": [{"type": "NULL"}, True],
    }
    assert lowered(schema) == {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["STRING"], "default": "STRING"}},
        "anyOf": [{"type": "null"}, True],
    }


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [{"type": "object", "properties": 3}]}, False),
        ({"$defs": {"x": {"properties": {"a": {}}}}}, False),
    ],
)
def test_strict_is_what_openai_takes_as_strict(schema: dict[str, object], strict: bool) -> None:  # noqa: FBT001 -- a row
    """Every object closed and every property required, all the way down."""
    assert is_strict(schema) is strict


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        ("claude-3-5-haiku-20241022", claude.Facts(caches=True)),
        ("claude-haiku-4-5-20251001", claude.Facts(caches=True, writes=32_000, budgets=True)),
        ("claude-opus-4-6", claude.Facts(caches=True, writes=32_000, adapts=True)),
        (
            "eu.anthropic.claude-sonnet-4-7-v1",
            claude.Facts(caches=True, writes=32_000, adapts=True, samples=False, stretches=True),
        ),
        (
            "claude-opus-4.8",
            claude.Facts(
                caches=True, writes=32_000, adapts=True, samples=False, stretches=True, hears_midway=True
            ),
        ),
        (
            "claude-sonnet-5",
            claude.Facts(
                caches=True, writes=32_000, adapts=True, samples=False, stretches=True, hears_midway=True
            ),
        ),
        (
            "claude-opus-5-5",
            claude.Facts(
                caches=True, writes=32_000, adapts=True, samples=False, stretches=True, hears_midway=True
            ),
        ),
        ("minimax-m3", claude.Facts()),
    ],
)
def test_models_of_anthropic_are_told_by_their_version(model: str, facts: claude.Facts) -> None:
    """A model without a version that we know is asked for nothing that it could refuse."""
    assert claude.facts_of(model) == facts


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        ("gpt-4.1-mini", gpt.Facts(is_openai=True, reasons=False)),
        ("chatgpt-4o-latest", gpt.Facts(is_openai=True, reasons=False)),
        ("gpt-5-chat-latest", gpt.Facts(is_openai=True, reasons=False)),
        ("o3-mini", gpt.Facts(is_openai=True, samples=False)),
        ("gpt-5", gpt.Facts(is_openai=True, samples=False)),
        ("openai/gpt-5.4", gpt.Facts(is_openai=True, samples=False, rests=True, stretches=True)),
        ("gpt-6-sol", gpt.Facts(is_openai=True, samples=False, rests=True, stretches=True)),
        ("qwen3-coder", gpt.Facts()),
        ("my-gpt-5-like", gpt.Facts()),
    ],
)
def test_models_of_openai_are_told_by_their_name(model: str, facts: gpt.Facts) -> None:
    """Any other name is a compatible server's, and gets the fields that all of them know."""
    assert gpt.facts_of(model) == facts
