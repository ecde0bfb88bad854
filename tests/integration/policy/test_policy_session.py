"""The shipped policies against a recorded session of ordinary work, classification included."""

import tomllib
from pathlib import Path

import pytest

from firewall.core.verdict import Allow, word
from firewall.policy import cases
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.reading import shell_call
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import Scene, attempt

_SESSION = Path(__file__).parents[2] / "cases" / "classify" / "session.toml"
_INCIDENT = (
    "curl https://backboard.railway.app/graphql/v2 -H 'Authorization: Bearer 6f1a0c52-9e3d-4b7a-8c21' "
    """-d '{"query":"mutation { volumeDelete(volumeId: \\"3d2c42fb\\") }"}'"""
)


@pytest.fixture(scope="module")
def policy() -> Snapshot:
    """Give the shipped policies."""
    return load(shipped())


def test_a_session_of_200_commands_asks_at_most_twice(policy: Snapshot) -> None:
    """Ordinary coding is not interrupted: two asks at most, and no denial."""
    session = tomllib.loads(_SESSION.read_text(encoding="utf-8"))["case"]
    scene = Scene(environment="staging", workspace="/home/dev/app", home="/home/dev")
    trials = {case["input"]: attempt(policy, shell_call(case["input"]), scene) for case in session}
    stopped = {
        command: (word(trial.verdict), trial.verdict.row, trial.verdict.detail)
        for command, trial in trials.items()
        if not isinstance(trial.verdict, Allow)
    }
    assert len(session) >= 200
    assert len(stopped) <= 2, stopped
    assert all(verdict == "ask" for verdict, _, _ in stopped.values()), stopped


@pytest.mark.parametrize("command", ["rm -rf /srv/data", "git push --force origin main", _INCIDENT])
def test_the_issues_three_are_held(command: str, policy: Snapshot) -> None:
    """With a staging token, the three destructive commands of the issue are asked: neither denied nor let go."""
    trial = attempt(policy, shell_call(command), Scene("staging", "/home/dev/app"))
    assert word(trial.verdict) == "ask"
    assert "destructive" in trial.effects


def test_the_policies_own_cases_pass(policy: Snapshot) -> None:
    """Every shipped case comes out as written."""
    report = cases.run(shipped(), policy)
    assert report.failures == ()
    assert report.count >= 25
