"""What clients say about themselves goes to servers in its form alone."""

import pytest

from firewall.codecs.mcp.claims import capabilities_of, info_of


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"roots": {"listChanged": True}, "sampling": {}}, {"roots": {"listChanged": True}, "sampling": {}}),
        ({"roots": 1, "sampling": {}, "x": None, "y": [1]}, {"sampling": {}}),
        ({"experimental": {"x": {"y": "z" * 20_000}}}, {}),
        ("roots", {}),
        (None, {}),
    ],
)
def test_capabilities_are_an_object_of_objects(said: object, wanted: object) -> None:
    """What is none is left out, and far too much of it altogether."""
    assert capabilities_of(said) == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"name": "c", "version": "1"}, {"name": "c", "version": "1"}),
        ({"name": "c", "version": "1", "title": "C", "x": {}}, {"name": "c", "version": "1", "title": "C"}),
        ({"name": "c", "version": "1", "title": 7}, {"name": "c", "version": "1"}),
        ({"name": "c" * 257, "version": "1"}, {}),
        ({"name": "c\n", "version": "1"}, {}),
        ({"name": "c", "version": 1}, {}),
        ({"name": "c"}, {}),
        (["c"], {}),
    ],
)
def test_names_and_versions_are_short_text(said: object, wanted: object) -> None:
    """Without both there is no claim."""
    assert info_of(said) == wanted
