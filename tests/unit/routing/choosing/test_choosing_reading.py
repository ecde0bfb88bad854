"""Facts of a call, read from the request."""

import pytest

from firewall.core.dialect import Dialect
from firewall.routing.choosing.facts import nothing
from firewall.routing.choosing.reading import facts_of
from tests.support.choosing import call_of

FUNCTION = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize("field", ["tools", "functions"])
def test_tools_are_tools_under_their_older_name_too(field: str) -> None:
    """A rule about calls with tools holds for both ways in which Chat Completions takes them."""
    said = {"tools": [{"type": "function", "function": FUNCTION}], "functions": [FUNCTION]}[field]
    assert facts_of(call_of(dialect=Dialect.OPENAI_CHAT, **{field: said}), 0, nothing).has_tools
    assert not facts_of(call_of(dialect=Dialect.OPENAI_CHAT, **{field: []}), 0, nothing).has_tools
