"""Narrowing never widens."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.grant import Grant, GrantError, Verb, Wish, breach, narrow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GLOBS = st.lists(st.sampled_from(["*", "a*", "ab*", "a?", "ab", "b", "a*c", "*b"]), min_size=1, max_size=3).map(
    tuple
)
VERBS = st.frozensets(st.sampled_from(list(Verb)))
TEXTS = st.text("abc", max_size=4)
ACTIONS = st.builds(
    Action,
    operation=st.just("x:y"),
    tool=TEXTS,
    resource=TEXTS,
    environment=st.sampled_from(["local", "staging", "production", "unresolved"]),
    effects=st.sampled_from(list(Effect)).map(lambda effect: (effect,)),
    summary=st.just(""),
)


@given(
    verbs=VERBS,
    tools=GLOBS,
    resources=GLOBS,
    wish=st.builds(
        Wish,
        verbs=st.none() | VERBS,
        tools=st.none() | GLOBS,
        resources=st.none() | GLOBS,
        destructive_per_hour=st.none() | st.integers(0, 9),
    ),
    cap=st.integers(0, 9),
    action=ACTIONS,
)
def test_child_permits_nothing_that_its_parent_does_not(
    verbs: frozenset[Verb],
    tools: tuple[str, ...],
    resources: tuple[str, ...],
    wish: Wish,
    cap: int,
    action: Action,
) -> None:
    """For every action: within the child means within the parent; caps never grow."""
    parent = Grant(
        "staging", "alice", "x", NOON, verbs=verbs, tools=tools, resources=resources, destructive_per_hour=cap
    )
    try:
        child = narrow(parent, "tok", wish)
    except GrantError:
        return
    if breach(child, action) is None:
        assert breach(parent, action) is None
    if cap:
        assert 0 < child.destructive_per_hour <= cap
