"""Schemas that refer to parts of themselves, written out for Gemini."""

import pytest

from firewall.codecs.neutral.gemini.references import written_out
from firewall.core.errors import ProtocolError


def test_a_schema_without_references_is_left_alone() -> None:
    """Nothing is copied or changed."""
    schema = {"type": "object", "properties": {"definitions": {"type": "string"}}}
    assert written_out(schema, "tools.0") is schema


def test_what_is_referred_to_stands_in_its_place() -> None:
    """Pointers of every form; what stands beside a reference wins; a property may be called as a keyword is."""
    schema = {
        "type": "object",
        "$defs": {"a/b": {"type": "string", "description": "there"}, "list": [{"type": "integer"}]},
        "definitions": {"old": {"$ref": "#/$defs/a~1b"}},
        "properties": {
            "one": {"$ref": "#/$defs/a~1b", "description": "here"},
            "two": {"anyOf": [{"$ref": "#/definitions/old"}, {"type": "null"}]},
            "three": {"$ref": "#/$defs/list/0"},
            "definitions": {"$ref": "#/properties/one"},
            "$ref": {"type": "boolean"},
            "gone": {"$ref": "#/$defs/nobody"},
            "far": {"$ref": "https://example.com/schema", "type": "object"},
        },
    }
    assert written_out(schema, "tools.0") == {
        "type": "object",
        "properties": {
            "one": {"type": "string", "description": "here"},
            "two": {"anyOf": [{"type": "string", "description": "there"}, {"type": "null"}]},
            "three": {"type": "integer"},
            "definitions": {"type": "string", "description": "here"},
            "$ref": {"type": "boolean"},
            "gone": {},
            "far": {"type": "object"},
        },
    }


def test_a_node_that_holds_itself_is_left_open() -> None:
    """A tree of trees is shown once."""
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}
    schema = {"$defs": {"tree": tree}, "$ref": "#/$defs/tree"}
    assert written_out(schema, "tools.0") == {"type": "object", "properties": {"left": {}}}
    assert written_out({"properties": {"me": {"$ref": "#"}}}, "tools.0") == {
        "properties": {"me": {"properties": {"me": {}}}}
    }


def test_a_schema_that_would_become_huge_is_refused() -> None:
    """References to references double at each step; nobody waits for that."""
    steps = {f"s{n}": {"anyOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(40)}
    with pytest.raises(ProtocolError, match=r"`tools\.3`.*too large") as refused:
        written_out({"$defs": steps, "$ref": "#/$defs/s0"}, "tools.3")
    assert refused.value.code == "untranslatable"
    chain = {f"s{n}": {"$ref": f"#/$defs/s{n + 1}"} for n in range(5_000)}
    with pytest.raises(ProtocolError, match="too large"):
        written_out({"$defs": chain, "$ref": "#/$defs/s0"}, "tools.3")
