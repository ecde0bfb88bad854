"""The hash of a tool's declaration, in every dialect."""

import pytest

from firewall.codecs.declared import schema_hash

TOOL = {"name": "Bash", "description": "run"}
REQUESTS: dict[str, dict[str, object]] = {
    "anthropic": {"tools": [{"name": "Read"}, TOOL]},
    "chat": {"tools": [{"type": "function", "function": TOOL}]},
    "chat, old": {"functions": [TOOL]},
    "responses": {"tools": [{"type": "function", **TOOL}]},
    "responses, namespace": {"tools": [{"type": "namespace", "name": "ns", "tools": [TOOL]}]},
    "codex, new": {"input": [{"type": "additional_tools", "tools": [TOOL]}]},
    "gemini": {"tools": [{"functionDeclarations": [TOOL]}]},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_declaration_is_found_and_its_change_noticed(name: str) -> None:
    """Each dialect's place is looked at; another description is another hash."""
    request = REQUESTS[name]
    found = schema_hash(request, "ns/Bash")
    changed = eval(repr(request).replace("'run'", "'walk'"))  # noqa: S307 - our own literal
    assert len(found) == 64
    assert schema_hash(changed, "Bash") not in ("", found)


def test_undeclared_tool_has_no_hash() -> None:
    """A call of something that was never declared is bound to nothing."""
    assert schema_hash(REQUESTS["anthropic"], "Write") == ""
    assert schema_hash({"tools": "x", "input": 3}, "Bash") == ""
