"""Patterns of pkill and killall are looked at, never run."""

import pytest

from firewall.core.action import Action, Reach
from firewall.core.effect import Effect
from firewall.guard.reach import Territory, touches

GROUND = Territory(
    paths=("/data",),
    ports=(8788,),
    hosts=(),
    process_ids=(4242,),
    process_names=("stayhand", "python3 -m firewall.cli.main serve", "python"),
    spellings=(),
)


def signals(pattern: str) -> bool:
    """Tell whether signalling `pattern` touches us."""
    action = Action(
        "shell:pkill", "Bash", "process:x", "local", (Effect.DISRUPTIVE,), "ends", reach=Reach(signals=(pattern,))
    )
    return bool(touches(GROUND, action, ""))


@pytest.mark.parametrize(
    "pattern", ["stayhand", "Stay", "pyth.n", "python", "firewall.cli", "stayhandd*", "p", "4242", "-4242", "-1"]
)
def test_what_could_find_us_is_ours(pattern: str) -> None:
    """Names, parts of names and patterns that match one."""
    assert signals(pattern)


@pytest.mark.parametrize(
    "pattern", ["node", "vite.*dev", "python -m http.server", "gunicorn", "4243", "next-server"]
)
def test_what_cannot_find_us_is_not(pattern: str) -> None:
    """A run of letters that no name of ours holds clears a pattern."""
    assert not signals(pattern)


@pytest.mark.parametrize(
    "pattern", ["(.|.)*#", "(a+)+$", "[s]tayhand", "node|stayhand", "\\x73tayhand", "a" * 10_000]
)
def test_hostile_patterns_are_ours_at_once(pattern: str) -> None:
    """Alternatives, groups, classes and endless patterns are never compiled: they could find us."""
    assert signals(pattern)
