"""Recovery points are about `backup:`, whatever the kind of call; nothing else is, and nothing becomes milder."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.reader import Reader
from firewall.classify.recovery import read_recovery, with_recovery
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError
from firewall.policy.reading import shell_call
from tests.support.understanding import shipped_catalogue, shipped_context

_RULES = shipped_catalogue().recovery


def _action(operation: str, resource: str, summary: str, *effects: Effect) -> Action:
    return Action(
        operation=operation,
        tool="Bash",
        resource=resource,
        environment="unresolved",
        effects=effects or (Effect.DESTRUCTIVE,),
        summary=summary,
    )


@pytest.mark.parametrize(
    ("line", "resource"),
    [
        ("curl -X DELETE https://api.digitalocean.com/v2/snapshots/1", "backup:digitalocean/v2/snapshots/1"),
        ("aws rds delete-db-snapshot --db-snapshot-identifier s", "backup:aws/rds/s"),
        ("kubectl delete volumesnapshot db", "backup:kubernetes/volumesnapshot db"),
        ("restic forget --keep-last 1 --prune", "backup:restic"),
        ("aws rds delete-db-instance --db-instance-identifier s --skip-final-snapshot", "aws:rds/s"),
        ("aws rds describe-db-snapshots", "aws:rds/?"),
        ("rm -rf node_modules", "file:/home/dev/app/node_modules"),
    ],
)
def test_what_an_action_is_about(line: str, resource: str) -> None:
    """The provider and what was named stay; only what ends a recovery point is called one."""
    (action,) = actions_of(shell_call(line), shipped_context())
    assert action.resource == resource
    assert action.attributes.get("recovery_point", False) is resource.startswith("backup:")


@given(
    st.sampled_from(["http:deleteSnapshot", "aws:rds-delete-db-snapshot", "kubectl:delete", "shell:rm"]),
    st.text(max_size=40),
    st.sets(st.sampled_from(Effect), min_size=1),
)
def test_effects_stay_and_only_what_destroys_is_marked(
    operation: str, resource: str, effects: set[Effect]
) -> None:
    """Whatever is marked keeps its effects; what does not destroy is left as it is."""
    action = _action(operation, resource, "deletes `snapshot x`", *effects)
    (marked,) = with_recovery([action], _RULES)
    assert marked.effects == action.effects
    if Effect.DESTRUCTIVE not in effects:
        assert marked == action
    else:
        assert marked == action or marked.resource.startswith("backup:")
    assert with_recovery([marked], _RULES)[0].resource == marked.resource


@pytest.mark.parametrize(
    "row",
    [
        "[[recovery]]\nbut = 'x'",
        "[[recovery]]\noperation = '('",
        "[[recovery]]\noperations = 'x'",
        "[[other]]\na = 1",
    ],
)
def test_a_row_that_cannot_work_is_refused(row: str) -> None:
    """A pattern that does not compile, a row without one, an unknown word: nothing is half loaded."""
    with pytest.raises(ConfigError):
        read_recovery(Reader(tomllib.loads(row), "recovery.toml"))


@pytest.mark.parametrize(
    "part", ["/backups", "snapshot", "a-", "`deletes ", "restore", "/x_snapshots", "--no-backup "]
)
def test_long_texts_are_searched_as_far_as_the_bound(part: str) -> None:
    """Agents write most of these texts: whatever stands in them, an answer comes, and the effects stay."""
    text = part * 100_000
    actions = [_action(f"http:{text}", f"url:{text}", f"deletes {text}") for _ in range(20)]
    assert [one.effects for one in with_recovery(actions, _RULES)] == [one.effects for one in actions]
