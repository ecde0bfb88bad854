"""Whether a server's list of tools was seen over a line: not before, not after a change, not for ever."""

from firewall.gates.mcp.listed import FRESH_S, Listed


def test_a_list_is_believed_once_it_was_seen_and_for_a_while() -> None:
    """A new line was never listed; what was seen grows old."""
    now = 100.0
    listed = Listed(lambda: now)
    assert not listed.is_fresh
    listed.seen(listed.changes)
    assert listed.is_fresh
    now += FRESH_S
    assert not listed.is_fresh


def test_a_change_that_is_told_voids_it() -> None:
    """Also one that is told while the list is on its way: the list may be the old one."""
    listed = Listed(lambda: 0.0)
    listed.seen(listed.changes)
    listed.changed()
    assert not listed.is_fresh
    asked_at = listed.changes
    listed.changed()
    listed.seen(asked_at)
    assert not listed.is_fresh
    listed.seen(listed.changes)
    assert listed.is_fresh
