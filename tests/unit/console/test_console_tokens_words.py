"""What a grant permits, said in words; forms of tokens, read; trees of tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from firewall.console.tokens.tree import Standing, tree
from firewall.console.tokens.wishes import VERB_FIELDS, wish_from
from firewall.console.tokens.words import VERBS, ago, dollars, may_of
from firewall.core.grant import Grant, GrantError, Verb
from firewall.storage.sqlite.tokens import StoredToken

NOW_US = 1_795_262_400_000_000
GRANT = Grant("staging", "olga", "coder", datetime(2026, 11, 21, 20, tzinfo=UTC))


def _row(token_id: str, parent: str = "", *, revoked_at: int = 0, ends_in_s: int = 60) -> StoredToken:
    return StoredToken(token_id, "agent", "", parent, "", NOW_US, NOW_US + ends_in_s * 1_000_000, revoked_at)


def test_a_wide_grant_is_said_to_be_wide() -> None:
    """Nothing that it may is left out; what it may not is not said where there is none."""
    said = dict(may_of(GRANT))
    assert said["Where"] == "staging, and no files of its own"
    assert said["May"] == "read, change, delete, give rights, see secrets, send out, run code"
    assert "May not" not in said
    assert [said[one] for one in ("Tools", "Targets", "Resources", "Models")] == ["any"] * 4
    assert said["At most"] == "no cap of its own"


def test_every_verb_has_words_and_a_box() -> None:
    """A verb that is added appears on the pages."""
    assert set(VERBS) == set(VERB_FIELDS.values()) == set(Verb)


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "$0.00"), (2_500_000, "$2.50"), (1, "$0.000001"), (1_234_500, "$1.2345")]
)
def test_money_is_exact(micros: int, text: str) -> None:
    """No part of a cent is rounded away."""
    assert dollars(micros) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7199, "1 h ago"), (90_000, "1 d ago")],
)
def test_how_long_ago_is_one_number(seconds: int, text: str) -> None:
    """Rounded down; a clock that was set back says now."""
    assert ago(NOW_US - int(timedelta(seconds=seconds).total_seconds()) * 1_000_000, NOW_US) == text


def test_what_is_left_empty_is_no_wish() -> None:
    """Defaults, or the parent's values, stand then."""
    assert wish_from({"env": " ", "tools": " , ", "verb_read": "on", "ttl": ""}) == {"verbs": ["read"]}


@pytest.mark.parametrize("money", ["1e99", "-1", "0", "Infinity", "1,5", "0.0000001", "$"])
def test_money_that_is_none_is_refused(money: str) -> None:
    """Never more and never less than what was typed."""
    with pytest.raises(GrantError):
        wish_from({"verb_read": "on", "money": money})


def test_a_child_ends_with_its_parent() -> None:
    """Three generations: the middle one revoked, everything below it is worth nothing."""
    below = [_row("b", "a", revoked_at=NOW_US), _row("c", "b"), _row("d", "a"), _row("lost", "nobody")]
    found = tree(_row("a"), below, {"c": NOW_US}, now_us=NOW_US)
    assert [one.id for one in found.children] == ["b", "d"]
    child = found.children[0].children[0]
    assert [found.standing, found.children[0].standing, child.standing, found.children[1].standing] == [
        Standing.LIVE,
        Standing.REVOKED,
        Standing.PARENT,
        Standing.LIVE,
    ]
    assert (child.used, found.used) == ("used just now", "never used")
    assert tree(_row("a", ends_in_s=0), below, {}, now_us=NOW_US).children[1].standing is Standing.PARENT
