"""What a grant permits, and that a child never permits more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.grant import MAX_DEPTH, Grant, GrantError, Verb, Wish, breach, matches, narrow
from firewall.core.reason import Reason

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRANT = Grant(environment="staging", owner="alice", agent="claude", expires_at=NOON, workspace="/work/app")
ACTION = Action("shell:rm", "Bash", "file:/srv/data", "staging", (Effect.DESTRUCTIVE,), "removes")


@pytest.mark.parametrize(
    ("grant", "action", "reason"),
    [
        (GRANT, ACTION, None),
        (GRANT, replace(ACTION, environment="local"), None),
        (GRANT, replace(ACTION, environment="unresolved"), None),
        (GRANT, replace(ACTION, environment="production"), Reason.GRANT_ENVIRONMENT),
        (replace(GRANT, verbs=frozenset({Verb.READ, Verb.WRITE})), ACTION, Reason.GRANT_VERB),
        (replace(GRANT, tools=("Read",)), ACTION, Reason.GRANT_TOOL),
        (replace(GRANT, resources=("file:/work/*",)), ACTION, Reason.GRANT_RESOURCE),
    ],
)
def test_breach_names_what_lies_outside(grant: Grant, action: Action, reason: Reason | None) -> None:
    """Another resolved environment is a breach, an unresolved one alone is none; write never implies delete."""
    assert breach(grant, action) is reason


def test_glob_is_anchored_and_literal() -> None:
    """A glob matches whole texts; regex characters mean themselves."""
    assert matches("file:/a/*", "file:/a/b/c\nd")
    assert not matches("file:/a", "file:/ab")
    assert not matches("a.c", "abc")
    assert matches("a?c", "a.c")


def test_child_is_the_intersection() -> None:
    """Verbs intersect, caps take the lower, time the earlier, depth grows."""
    wish = Wish(agent="sub", verbs=frozenset({Verb.READ, Verb.DELETE}), expires_at=NOON + timedelta(days=9))
    parent = replace(GRANT, verbs=frozenset({Verb.READ, Verb.WRITE}), destructive_per_hour=5)
    child = narrow(parent, "tok_x", replace(wish, destructive_per_hour=50))
    assert child.verbs == {Verb.READ}
    assert child.expires_at == NOON
    assert child.destructive_per_hour == 5
    assert (child.parent, child.depth, child.agent) == ("tok_x", 1, "claude/sub")


@pytest.mark.parametrize(
    "wish",
    [
        Wish(tools=("*",)),
        Wish(resources=("file:*",)),
        Wish(workspace="/work"),
        Wish(workspace="/work/application"),
        Wish(workspace="/work/app/../other"),
        Wish(models=("gpt-*",)),
    ],
)
def test_wider_wishes_are_refused(wish: Wish) -> None:
    """What an intersection cannot express is an error, not a guess."""
    parent = replace(GRANT, tools=("Bash",), resources=("file:/work/*",), models=("claude-*",))
    with pytest.raises(GrantError):
        narrow(parent, "tok_x", wish)


def test_depth_is_bounded() -> None:
    """A grant of the deepest level narrows no further."""
    with pytest.raises(GrantError):
        narrow(replace(GRANT, depth=MAX_DEPTH), "tok_x", Wish())
