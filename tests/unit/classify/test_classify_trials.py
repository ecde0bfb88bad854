"""A trial run is believed only where it holds: spelled out, not taken back, and nobody's value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, ordered
from tests.support.understanding import shipped_context


def effects(line: str) -> set[Effect]:
    """Return all effects of a line."""
    return set(ordered(e for action in actions_of_input("shell", line, shipped_context()) for e in action.effects))


@pytest.mark.parametrize(
    "line",
    [
        "kubectl delete pod x --dry-run=server",
        "kubectl delete pod x --dry-run=client",
        "kubectl delete pod x --dry-run",
        "helm uninstall x --dry-run",
        "helm uninstall x --dry-run=true",
        "git push --force --dry-run",
        "git clean -n -fdx",
        "git push -n origin main",
        "rsync -av --delete --dry-run a/ b/",
        "rsync -avn --delete a/ b/",
        "apt-get -s remove x",
        "npm publish --dry-run",
        "rclone delete x: --dry-run",
        "dnf remove x --assumeno",
        "git add -A -n",
        "restic forget --verbose --dry-run x",
    ],
)
def test_a_trial_run_is_read(line: str) -> None:
    """What the tool itself only shows is no change."""
    assert effects(line) == {Effect.READ}


@pytest.mark.parametrize(
    "line",
    [
        "kubectl delete ns prod --dry-run=none",
        "kubectl delete ns prod --dry-run=client --dry-run=none",
        "kubectl delete ns prod --dry-run=$x",
        "kubectl delete ns prod --dry-run=",
        "helm uninstall x --dry-run=false",
        "helm uninstall x --dry-run --dry-run=FALSE",
        "helm uninstall x --dry-run=None",
        "rclone purge x: -n --dry-run=false",
        "git push --force --dry-run --no-dry-run",
        "git push -n --force --no-dry origin main",
        "git clean -fdx -n --no-d",
        "git push -n -f --no-dry-run origin main",
        "rsync -a --delete --dry-run --no-dry-run a/ /srv/b/",
        "rsync -an --delete --no-n a/ /srv/b/",
        "npm publish --dry-run --no-dry-run",
        "npm publish --dry-run false",
        "npm publish --dry-run=0",
        "rclone delete x: --filter-from --dry-run",
        "apt-get -s remove x -o APT::Get::Simulate=0",
        "dnf remove x --assumeno --setopt=assumeno=0",
        "aws ec2 terminate-instances --instance-ids i-1 --dry-run --no-dry-run",
        "bq query --dry_run=false 'DROP TABLE d.t'",
        "bq query --nodry_run 'DROP TABLE d.t'",
        "bq query --dry_run --nodry_run 'DROP TABLE d.t'",
        "Remove-Item /srv/x -Recurse -WhatIf:$false",
    ],
)
def test_a_trial_run_that_is_taken_back_is_none(line: str) -> None:
    """A value that says no, a denial beside it, or a place where it is a value: the command runs."""
    kind = "powershell" if line.startswith("Remove-Item") else "shell"
    found = actions_of_input(kind, line, shipped_context())
    assert not set(ordered(e for action in found for e in action.effects)) <= {Effect.READ, Effect.WRITE}


DENIED = st.sampled_from(
    ["=none", "=false", "=False", "=0", "=no", "=off", "=f", "=", "=''", "=$x", "=never", " false"]
)


@given(
    command=st.sampled_from(
        [
            "kubectl delete ns prod",
            "helm uninstall x",
            "rclone purge x:",
            "git push --force",
            "npm publish",
            "rsync -a --delete a/ /srv/b/",
            "kubectl drain n1 --delete-emptydir-data",
            "restic forget x --prune",
        ]
    ),
    held=st.booleans(),
    denied=DENIED,
)
def test_no_spelling_of_no_is_a_trial_run(command: str, *, held: bool, denied: str) -> None:
    """However a trial run is taken back, whatever stood before it, what destroys always stays destroying."""
    line = f"{command} {'--dry-run ' if held else ''}--dry-run{denied}"
    assert not effects(line) <= {Effect.READ, Effect.WRITE}
