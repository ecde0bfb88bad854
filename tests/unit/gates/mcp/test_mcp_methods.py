"""Which methods of clients are served."""

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.versions import LEGACY, MODERN
from firewall.gates.mcp.methods import Way, served, shown, way_of


@pytest.mark.parametrize(
    ("method", "modern", "legacy"),
    [
        ("tools/call", Way.CALL, Way.CALL),
        ("tools/list", Way.LIST, Way.LIST),
        ("resources/templates/list", Way.LIST, Way.LIST),
        ("resources/read", Way.READ, Way.READ),
        ("completion/complete", Way.READ, Way.READ),
        ("server/discover", Way.HELLO, None),
        ("initialize", None, Way.HELLO),
        ("ping", None, Way.PING),
        ("logging/setLevel", None, Way.RESULT),
        ("resources/subscribe", None, None),
        ("tasks/list", None, None),
        ("sampling/createMessage", None, None),
        ("Tools/Call", None, None),
    ],
)
def test_a_method_has_one_way_in_each_era_or_none(method: str, modern: Way | None, legacy: Way | None) -> None:
    """What is not named is refused with -32601 under its id: nothing passes because nobody thought of it."""
    message = messages.request(4, method)
    for version, way in ((MODERN, modern), *((version, legacy) for version in LEGACY)):
        if way is not None:
            assert way_of(message, version) is way
            continue
        with pytest.raises(McpError) as caught:
            way_of(message, version)
        assert (caught.value.number, caught.value.status, caught.value.of) == (-32601, 404, 4)


def test_clients_hear_of_what_is_served() -> None:
    """Of each capability only that it is there: what changes by itself is told on no stream."""
    said = {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True},
        "tasks": {},
        "x": {},
        "logging": True,
    }
    assert served(said) == {"tools": {}, "resources": {}}


def test_names_are_shown_plainly() -> None:
    """What an error repeats holds no line breaks, no escapes, and is short."""
    assert shown("a\n\x1b`b" + "c" * 200) == "a???b" + "c" * 75
    assert shown(7) == "?"
