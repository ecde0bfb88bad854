"""The shipped policies say what a careful team would start from (issue 2, part 7)."""

import pytest

from firewall.core.verdict import word
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from tests.support.policy_folder import ROLES, an_action

_POLICY = load(shipped())

_ROWS = [
    # In the workspace, work flows.
    ("local", ["read"], {}, "allow"),
    ("local", ["write"], {}, "allow"),
    ("local", ["exec", "write"], {}, "allow"),
    ("local", ["destructive"], {}, "allow"),
    ("local", ["destructive"], {"whole_workspace": True}, "ask"),
    ("local", ["destructive"], {"history": True}, "ask"),
    ("local", ["unknown"], {}, "ask"),
    ("local", ["privilege", "write"], {}, "ask"),
    ("local", ["secret", "read"], {}, "ask"),
    ("local", ["exfil"], {}, "ask"),
    ("local", ["read"], {"elevated": True}, "ask"),
    # Where nobody can say, a person looks; scratch folders are nobody's data.
    ("unresolved", ["read"], {}, "allow"),
    ("unresolved", ["read"], {"foreign_credential": True}, "ask"),
    ("unresolved", ["write"], {}, "ask"),
    ("unresolved", ["write"], {"scratch": True}, "allow"),
    ("unresolved", ["destructive"], {"scratch": True}, "allow"),
    ("unresolved", ["destructive"], {}, "ask"),
    ("unresolved", ["destructive"], {"foreign_credential": True}, "ask"),
    *[
        ("unresolved", [effect], {}, "ask")
        for effect in ("disruptive", "exec", "unknown", "privilege", "secret", "exfil")
    ],
    # Named environments.
    *[(place, ["read"], {}, "allow") for place in ("dev", "staging", "production")],
    *[(place, ["write"], {}, "allow") for place in ("dev", "staging")],
    *[
        (place, [effect], {}, "ask")
        for place in ("dev", "staging", "production")
        for effect in ("exec", "unknown", "privilege", "secret", "exfil")
    ],
    ("dev", ["disruptive"], {}, "allow"),
    ("staging", ["disruptive"], {}, "ask"),
    ("production", ["disruptive"], {}, "ask"),
    ("production", ["write"], {}, "ask"),
    ("dev", ["destructive"], {}, "ask"),
    ("staging", ["destructive"], {}, "ask"),
    ("staging", ["destructive"], {"scratch": True}, "ask"),
    ("production", ["destructive"], {}, "ask"),
    ("production", ["destructive"], {"scratch": True}, "ask"),
]


@pytest.mark.parametrize(("place", "effects", "attributes", "expect"), _ROWS)
def test_shipped(place: str, effects: list[str], attributes: dict[str, bool], expect: str) -> None:
    """Each place and effect gets the verdict that the issue names."""
    verdict = _POLICY.verdict(an_action(place, effects, attributes=attributes), roles=ROLES)
    assert word(verdict) == expect, verdict


@pytest.mark.parametrize("place", ["local", "unresolved", "dev", "staging", "production", "qa"])
def test_backups_are_never_deleted(place: str) -> None:
    """No environment, attribute or role lets a backup be destroyed."""
    for attributes in ({}, {"scratch": True}, {"regenerable": True}):
        action = an_action(place, ["destructive"], resource="backup:railway/vol_1", attributes=attributes)
        verdict = _POLICY.verdict(action, roles=frozenset({"coding-agent", "admin"}))
        assert word(verdict) == "deny"


@pytest.mark.parametrize(
    ("attributes", "expect"),
    [
        ({"branch": "feature"}, "allow"),
        ({"branch": "main"}, "ask"),
        ({"branch": "master"}, "ask"),
        ({}, "ask"),
        ({"branch": "feature", "force": True}, "ask"),
    ],
)
def test_pushes(attributes: dict[str, bool | str], expect: str) -> None:
    """A plain push of a named branch flows; main, a branch that cannot be seen, and force are asked."""
    action = an_action("unresolved", ["write"], operation="git:push", attributes=attributes)
    assert word(_POLICY.verdict(action, roles=ROLES)) == expect


def test_every_effect_has_an_answer_everywhere() -> None:
    """No effect in any place falls through to `no row`, so every verdict can name its row."""
    for place in ("local", "unresolved", "dev", "staging", "production"):
        for effect in (
            "read",
            "write",
            "disruptive",
            "exec",
            "unknown",
            "exfil",
            "secret",
            "privilege",
            "destructive",
        ):
            assert _POLICY.verdict(an_action(place, [effect]), roles=ROLES).row
