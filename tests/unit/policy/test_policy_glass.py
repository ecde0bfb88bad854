"""Break-glass as it is configured: refused where nobody could use it, or nobody else review it."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.policy.glass import demand_usable
from firewall.policy.in_force import open_rules
from firewall.policy.people import Approvers
from firewall.settings.load import settings_of
from firewall.settings.sections import BreakGlassSettings

KNOWN = Approvers({"alice": frozenset({"sre"}), "bob": frozenset()}, no_passkeys="")


def _wanted(**fields: object) -> BreakGlassSettings:
    return BreakGlassSettings(**fields)  # type: ignore[arg-type]  # rows name the fields


@pytest.mark.parametrize(
    ("fields", "known", "words"),
    [
        ({"people": ("mallory",)}, KNOWN, "names `mallory`, who is no approver"),
        ({"people": ("Alice",)}, KNOWN, "names `Alice`, who is no approver"),
        ({"groups": ("dba",)}, KNOWN, "the group `dba`, to which no approver belongs"),
        ({"people": ("bob",), "groups": ("",)}, KNOWN, "the group ``"),
        ({"people": ("alice",)}, replace(KNOWN, no_passkeys="http"), "nobody could have one: http"),
        ({"people": ("bob",)}, Approvers({"bob": frozenset()}, no_passkeys=""), "nobody is left to review"),
    ],
)
def test_what_nobody_could_use_is_refused(fields: dict[str, object], known: Approvers, words: str) -> None:
    """With the name that is wrong."""
    with pytest.raises(ConfigError, match=words):
        demand_usable(_wanted(**fields), known)


@pytest.mark.parametrize("fields", [{"people": ("alice", "bob")}, {"groups": ("sre",)}])
def test_what_somebody_could_use_is_taken(fields: dict[str, object]) -> None:
    """By name or by group; nothing configured is nothing to refuse."""
    demand_usable(_wanted(**fields), KNOWN)
    demand_usable(None, Approvers())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "people = []",
        'people = [""]',
        "per_day = 3",
        'people = ["a"]\nper_day = 0',
        'groups = ["a"]\nmin_reason = 2',
    ],
)
def test_a_section_that_names_nobody_is_refused(text: str) -> None:
    """An empty one, and bounds that bound nothing."""
    with pytest.raises(ConfigError):
        settings_of(f"[approvals.break_glass]\n{text}\n", Path("/x/stayhand.toml"), {})


def test_a_server_does_not_start_with_it(tmp_path: Path) -> None:
    """Loading the policies says so, which is what `serve` and `doctor` do first."""
    text = '[approvals.break_glass]\ngroups = ["nobody"]\n'
    with pytest.raises(ConfigError, match="no approver belongs"):
        open_rules(settings_of(text, tmp_path / "stayhand.toml", {}))
    assert settings_of("", tmp_path / "stayhand.toml", {}).approvals.break_glass is None
