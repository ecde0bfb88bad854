"""Which grant a token stands for: the row's, never more."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.oauth.claims import Claims
from firewall.core.grant import Grant, Verb
from firewall.tokens.oauth.rules import Rule, ScopeError, UnmappedError, rule_for

LATER = datetime(2999, 1, 1, tzinfo=UTC)


def grant(environment: str = "staging", **more: object) -> Grant:
    """Return a row's grant."""
    fields: dict[str, object] = {"owner": "olga", "agent": "coder", "expires_at": LATER, "tools": ("mcp__*",)}
    return Grant(environment, **(fields | more))  # type: ignore[arg-type]  # tests name the fields


def said(*scopes: str, subject: str = "user-1", client: str = "claude", **more: object) -> Claims:
    """Return what a verified token says."""
    return Claims("https://a.example", subject, client, frozenset(scopes), 1_790_000_600, more)


def ruled(held: Grant, **more: object) -> Rule:
    """Return a row's rule."""
    return Rule(held, "row", **more)  # type: ignore[arg-type]  # tests name the fields


def grant_for(rules: Sequence[Rule], one: Claims, *, sees: Callable[[Grant], bool] | None) -> Grant:
    """Return what a token is granted."""
    return rule_for(rules, one, sees=sees).granted(one)


def anywhere(_: Grant) -> bool:
    """Reach everything."""
    return True


def test_the_first_row_that_fits_counts() -> None:
    """Subjects, clients, claims and scopes must all fit; the grant ends with the token."""
    rules = [
        ruled(grant(agent="admin"), scopes=("admin", "more")),
        ruled(grant(agent="ops"), claims={"groups": ("ops", "sre")}),
        ruled(grant(agent="bot"), subjects=frozenset({"bot-1"})),
        ruled(grant(agent="cli"), clients=frozenset({"cli"})),
        ruled(grant(agent="checked"), claims={"email_verified": True, "org": "acme"}),
    ]
    for wanted, one in (
        ("admin", said("more", "admin")),
        ("ops", said("admin", groups=["x", "sre"])),
        ("bot", said(subject="bot-1")),
        ("cli", said(client="cli")),
        ("checked", said(email_verified=True, org="acme")),
    ):
        found = grant_for(rules[0:1] if wanted == "admin" else rules[1:], one, sees=anywhere)
        assert (found.agent, found.expires_at) == (wanted, datetime.fromtimestamp(1_790_000_600, UTC))


@pytest.mark.parametrize(
    "claims",
    [{}, {"org": "acme2"}, {"org": ["x"]}, {"org": {"acme": 1}}, {"org": 7}, {"email_verified": "true"}],
)
def test_claims_that_do_not_fit(claims: dict[str, object]) -> None:
    """A claim fits by value and type; a token that no row means stands for nobody."""
    with pytest.raises(UnmappedError):
        grant_for([ruled(grant(), claims={"org": "acme", "email_verified": True})], said(**claims), sees=anywhere)


def test_missing_scopes_are_named_together() -> None:
    """What a row that would fit wants is said as a whole, so that a client asks once."""
    rules = [ruled(grant(), scopes=("mcp:use", "mcp:write"))]
    with pytest.raises(ScopeError) as caught:
        grant_for(rules, said("mcp:use"), sees=anywhere)
    assert (caught.value.scopes, caught.value.status) == (("mcp:use", "mcp:write"), 403)


def test_the_row_that_reaches_what_is_asked_for_is_taken() -> None:
    """One who may use two environments has the grant of the one that is asked for, with its scopes."""
    rules = [ruled(grant(), scopes=("use",)), ruled(grant("production"), scopes=("use", "prod"))]

    def production(one: Grant) -> bool:
        return one.environment == "production"

    assert grant_for(rules, said("use", "prod"), sees=production).environment == "production"
    with pytest.raises(ScopeError) as caught:
        grant_for(rules, said("use"), sees=production)
    assert caught.value.scopes == ("use", "prod")
    assert grant_for(rules, said("use"), sees=None).environment == "staging"


def nowhere(_: Grant) -> bool:
    """Reach nothing: there is no such server."""
    return False


def test_who_lacks_a_scope_is_not_told_what_there_is() -> None:
    """The same of what another row reaches, of what no row reaches and of nothing; who lacks none is led on."""
    rules = [
        ruled(grant(), scopes=("use",)),
        ruled(grant("production"), scopes=("use", "prod")),
        ruled(grant("qa"), scopes=("qa",), subjects=frozenset({"somebody else"})),
    ]
    for sees in (nowhere, lambda one: one.environment == "production", lambda one: one.environment == "other"):
        with pytest.raises(ScopeError) as caught:
            grant_for(rules, said("use"), sees=sees)
        assert caught.value.scopes == ("use", "prod")
    assert grant_for(rules, said("use", "prod"), sees=nowhere).environment == "staging"


def test_all_servers_want_the_first_row() -> None:
    """Where every server is asked for, no more scopes are named than one row wants."""
    rules = [ruled(grant(), scopes=("use",)), ruled(grant("production"), scopes=("use", "prod"))]
    with pytest.raises(ScopeError) as caught:
        grant_for(rules, said(), sees=None)
    assert caught.value.scopes == ("use",)


def test_owners_come_from_claims_that_name_somebody() -> None:
    """An approver's address means that approver; what is no name means nobody."""
    rule = ruled(grant(owner=""), owner_claim="email", people={"alice@acme.example": "alice"})
    assert grant_for([rule], said(email="Alice@acme.example"), sees=anywhere).owner == "alice"
    assert grant_for([rule], said(email="bob@acme.example"), sees=anywhere).owner == "bob@acme.example"
    for wrong in ("", "a/b", "a b", "\u0430lice", "a\n", 7, None, ["x"], "x" * 200):
        with pytest.raises(UnmappedError):
            grant_for([rule], said(email=wrong), sees=anywhere)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.booleans() | st.lists(st.text(max_size=3))))
def test_a_grant_is_its_rows(claims: dict[str, object]) -> None:
    """Whatever a token claims, nothing of the grant but its owner and its end comes from it."""
    held = grant(verbs=frozenset({Verb.READ}), tools=("mcp__a__*",))
    found = grant_for([ruled(held)], said("verbs", "tools", **claims), sees=anywhere)
    assert (found.verbs, found.tools, found.environment, found.owner) == (
        held.verbs,
        held.tools,
        "staging",
        "olga",
    )
