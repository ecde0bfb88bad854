"""Facts of a call, read from the request."""

from dataclasses import replace

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


def test_a_picture_is_one_however_json_spells_it() -> None:
    """A rule about pictures holds for a body in which the kind's name has an escaped letter."""
    source = {"type": "url", "url": "https://example.com/a.png"}
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    call = call_of(messages=[turn])
    body = call.request.body.replace(b'"image"', b'"im\\u0061ge"')
    assert body != call.request.body
    escaped = replace(call, request=replace(call.request, body=body))
    assert facts_of(escaped, 0, nothing).has_images
    assert facts_of(call, 0, nothing).has_images
