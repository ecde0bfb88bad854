"""Findings make verdicts stricter, or place an action where everything says that it lies; facts hold for all."""

from dataclasses import replace

import pytest

from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.thing import Thing
from firewall.core.world import Finding, Limit, Standing, changed, lost
from firewall.guard.asked import MAX_ASKED, Asked, AskedBefore
from firewall.guard.placing import FOR_EVER, about, facts_of, of_action, placed, refusal

VOLUME, PLACE = Thing("railway", "volume", "v1"), Thing("railway", "environment", "e1")
SPEC = TargetSpec("railway", "staging", TargetKind.GRAPHQL, "h")
DELETES = Action(
    "graphql:volumeDelete", "railway", "volume:railway/v1", "unresolved", (Effect.DESTRUCTIVE,), "s",
    target="railway", things=(VOLUME,),
)  # fmt: skip
READS = replace(DELETES, effects=(Effect.READ,), environment="staging")
HERE = Finding(VOLUME, Standing.KNOWN, ("staging",), says_where=True)
SHARED = replace(HERE, environments=("production", "staging"), narrowed_by=("environment",))


@pytest.mark.parametrize(
    ("finding", "is_refused"),
    [
        (HERE, False),
        (SHARED, True),
        (replace(HERE, environments=("production",)), True),
        (replace(HERE, environments=("unresolved",)), False),
        (replace(HERE, standing=Standing.UNKNOWN, environments=()), True),
        (replace(HERE, standing=Standing.UNSEEN, environments=()), False),
        (replace(HERE, standing=Standing.UNSEEN, environments=("production",)), True),
        (replace(HERE, standing=Standing.UNKNOWN, environments=(), says_where=False), False),
    ],
)
def test_what_lies_elsewhere_or_is_unknown_is_refused(finding: Finding, *, is_refused: bool) -> None:
    """Whatever the policy says; what nobody could see is for the policy's strictest rows."""
    assert bool(refusal(DELETES, (finding,), "staging")) is is_refused


def test_a_change_of_one_part_of_what_is_shared_is_judged_by_that_part() -> None:
    """An environment named beside a shared volume says which part is meant, and only if it is known."""
    both = replace(DELETES, things=(VOLUME, PLACE))
    here = Finding(PLACE, Standing.KNOWN, ("staging",), says_where=True)
    assert refusal(both, (SHARED, here), "staging") == ""
    assert placed(both, (SHARED, here), "staging", SPEC).environment == "staging"
    assert refusal(both, (SHARED, replace(here, environments=("production",))), "staging")
    assert refusal(both, (SHARED, replace(here, standing=Standing.UNSEEN, environments=())), "staging")
    assert refusal(both, (replace(SHARED, environments=("production",)), here), "staging")


def test_a_read_of_what_is_shared_is_a_read_of_ones_own() -> None:
    """A project that spans environments can be looked at from each; what lies elsewhere alone cannot."""
    assert refusal(READS, (SHARED,), "staging") == ""
    assert placed(READS, (SHARED,), "staging", SPEC).environment == "staging"
    assert refusal(READS, (replace(HERE, environments=("production",)),), "staging")


def test_only_certainty_places_an_action_at_home() -> None:
    """Known, and everything says the same; a read of what could not be seen is unresolved, unless scoped."""
    assert placed(DELETES, (HERE,), "staging", SPEC).environment == "staging"
    unseen = replace(HERE, standing=Standing.UNSEEN, environments=())
    assert placed(DELETES, (unseen,), "staging", SPEC).environment == "unresolved"
    assert placed(READS, (unseen,), "staging", SPEC).environment == "unresolved"
    assert placed(READS, (unseen,), "staging", replace(SPEC, scoped=True)).environment == "staging"
    assert placed(DELETES, (HERE, unseen), "staging", SPEC).environment == "unresolved"
    assert placed(DELETES, (), "staging", SPEC) is DELETES


def test_facts_hold_for_everything_that_is_named_or_for_nothing() -> None:
    """Of two volumes the older backup and the larger size count; one without an answer leaves no fact."""
    other = Thing("railway", "volume", "v2")
    one = replace(HERE, facts={"backup_age_h": 2, "backup_outside_blast_radius": True, "size_mb": 5, "backups": 2})
    two = replace(
        HERE, thing=other, facts={"backup_age_h": 30, "backup_outside_blast_radius": False, "backups": 1}
    )
    both = replace(DELETES, resource="field:railway/x", things=(VOLUME, other))
    assert facts_of(both, (one, two)) == {"backup_age_h": 30, "backup_outside_blast_radius": False, "backups": 1}
    assert facts_of(both, (one, replace(two, standing=Standing.UNSEEN))) == {}
    assert about(DELETES, (one, two)) == (one,)
    assert of_action(DELETES, {VOLUME: one, other: two}) == (one,)


def test_a_recovery_point_is_a_backup_for_the_policy() -> None:
    """What an API calls a branch and keeps as a backup falls under the rows that protect backups."""
    found = placed(DELETES, (replace(HERE, facts={"recovery_point": True}),), "staging", SPEC)
    assert found.resource == "backup:railway/v1"
    assert found.attributes["recovery_point"] is True


def test_two_looks_are_compared_by_what_is_bound() -> None:
    """What changed is named with both states; what cannot be looked at again is lost."""
    before = replace(HERE, bound=(("backup_at", "2026-08-21"), ("size_mb", "18000")))
    now = replace(before, bound=(("backup_at", "2026-11-21"), ("size_mb", "18000")))
    assert changed((before,), (before,)) == ()
    assert changed((before,), (now,)) == (("volume:railway/v1 backup_at", "2026-08-21", "2026-11-21"),)
    assert before.state() != now.state()
    assert lost((before,), (now,)) == ()
    assert lost((before,), ()) == ("volume:railway/v1",)
    assert lost((before,), (replace(now, standing=Standing.UNSEEN),)) == ("volume:railway/v1",)
    assert lost((replace(before, standing=Standing.UNSEEN),), ()) == ()


def test_what_was_asked_is_remembered_within_bounds() -> None:
    """By principal and call; the oldest are forgotten."""
    memory = AskedBefore()
    for number in range(MAX_ASKED + 1):
        memory.note("olga/agent", str(number), Asked(f"apr_{number}", ()))
    assert memory.find("olga/agent", "0") is None
    assert memory.find("olga/agent", str(MAX_ASKED)) == Asked(f"apr_{MAX_ASKED}", ())
    assert memory.find("other/agent", str(MAX_ASKED)) is None


@pytest.mark.parametrize(
    ("now", "given", "is_loss"),
    [
        (7, (1,), True),
        (7, (7,), False),
        (7, (30,), False),
        (FOR_EVER, (365,), True),
        (7, (30, 1), True),
        (7, (), False),
    ],
)
def test_a_number_that_keeps_less_is_a_loss(now: int, given: tuple[int, ...], *, is_loss: bool) -> None:
    """Lower than what is kept now is destructive, and of restore points nobody's to do; of two the lower."""
    changes = replace(DELETES, effects=(Effect.WRITE,), sets=tuple(("Days", one) for one in given))
    finding = replace(HERE, limits=(Limit("Days", now, "shortens how long backups are kept", is_recovery=True),))
    seen = placed(changes, (finding,), "staging", SPEC)
    assert (Effect.DESTRUCTIVE in seen.effects) is is_loss
    assert seen.resource.startswith("backup:") is is_loss
    assert (seen.attributes.get("recovery_point") is True) is is_loss
    assert seen.summary.startswith("shortens how long backups are kept") is is_loss
