"""Which methods of clients are served."""

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.versions import ALL, LEGACY, MODERN
from firewall.gates.mcp.methods import Way, served, shown, way_of, ways
from tests.support.installation import REPOSITORY


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
        ("resources/subscribe", None, Way.SUBSCRIBE),
        ("resources/unsubscribe", None, Way.SUBSCRIBE),
        ("subscriptions/listen", Way.LISTEN, None),
        ("tasks/update", Way.TASK, None),
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


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result", "tasks/get", "tasks/cancel"])
def test_tasks_of_sessions_are_of_one_revision(method: str) -> None:
    """2025-11-25 alone has them among the revisions of sessions."""
    message = messages.request(4, method)
    assert way_of(message, "2025-11-25") is Way.TASK
    for version in LEGACY[1:]:
        with pytest.raises(McpError):
            way_of(message, version)


def test_clients_hear_of_what_is_served() -> None:
    """Of each capability that it is there, and whether what changes is told; nothing else that stands in it."""
    said = {
        "tools": {"listChanged": True, "x": 1},
        "prompts": {"listChanged": False, "subscribe": True},
        "resources": {"subscribe": True},
        "completions": {"listChanged": True},
        "tasks": {},
        "x": {},
        "logging": True,
    }
    assert served(said) == {
        "tools": {"listChanged": True},
        "prompts": {},
        "resources": {"subscribe": True},
        "completions": {},
    }


def documented() -> dict[str, dict[str, str]]:
    """Return what the page says of each method, by revision."""
    page = (REPOSITORY / "docs" / "mcp.md").read_text("utf-8")
    rows = page.partition("## Methods")[2].partition("\n## ")[0].splitlines()
    table = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("|")]
    head, _, *body = table
    return {
        name.strip("` "): dict(zip(head[1:], cells, strict=True))
        for names, *cells in body
        for name in names.split(",")
    }


def test_the_page_says_which_methods_are_served() -> None:
    """Each method of each revision stands there, as it is served or refused; none is served that does not."""
    said = documented()
    for version in ALL:
        served_there = {method for method, cells in said.items() if cells[version].startswith("served")}
        assert served_there == ways(version).keys(), version
        refused = {cells[version] for method, cells in said.items() if method not in served_there}
        assert refused <= {"refused", "-"}, version


def test_names_are_shown_plainly() -> None:
    """What an error repeats holds no line breaks, no escapes, and is short."""
    assert shown("a\n\x1b`b" + "c" * 200) == "a???b" + "c" * 75
    assert shown(7) == "?"
