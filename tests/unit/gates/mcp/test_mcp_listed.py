"""Whether a server's list of tools was seen over a line: not before, not after a change, not for ever."""

from firewall.codecs.mcp import messages
from firewall.gates.mcp.listed import FRESH_S, Listed, tools_of


def test_a_list_is_believed_once_it_was_seen_and_for_a_while() -> None:
    """A new line was never listed; what was seen grows old."""
    now = 100.0
    listed = Listed(lambda: now)
    assert not listed.is_fresh
    listed.seen(listed.changes, [])
    assert listed.is_fresh
    now += FRESH_S
    assert not listed.is_fresh


def test_a_change_that_is_told_voids_it() -> None:
    """Also one that is told while the list is on its way: the list may be the old one."""
    listed = Listed(lambda: 0.0)
    listed.seen(listed.changes, [])
    listed.changed()
    assert not listed.is_fresh
    asked_at = listed.changes
    listed.changed()
    listed.seen(asked_at, [])
    assert not listed.is_fresh
    listed.seen(listed.changes, [])
    assert listed.is_fresh


def test_it_names_what_was_listed_last() -> None:
    """As long as the list is believed, and nothing that stood in an earlier one alone."""
    listed = Listed(lambda: 0.0)
    assert not listed.has("a")
    listed.seen(0, [{"name": "a"}, {"name": 7}, "b"])
    assert (listed.has("a"), listed.has("b")) == (True, False)
    listed.changed()
    assert not listed.has("a")
    listed.seen(1, [{"name": "c"}])
    assert (listed.has("a"), listed.has("c")) == (False, True)


def test_what_is_no_list_names_nothing() -> None:
    """An answer without a list of tools, and one that is an error."""
    for answer in (messages.result(1, {}), messages.result(1, {"tools": "a"}), messages.failure(1, -1, "no")):
        assert tools_of(answer) == []
    assert tools_of(messages.result(1, {"tools": [{"name": "a"}]})) == [{"name": "a"}]
