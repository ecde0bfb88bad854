"""Losses in disguise: a closed set of commands in every variant of tests/cases/classify/disguises."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect
from tests.support.disguises import Disguise, disguises
from tests.support.understanding import shipped_context

LOSSES = (
    "rm -rf /srv/data",
    "git push --force origin main",
    "kubectl delete ns prod",
    "terraform destroy -auto-approve",
    "redis-cli FLUSHALL",
    "aws s3 rb --force s3://backups",
    "mkfs.ext4 /dev/sda1",
    "dd if=/dev/zero of=/dev/sda",
    "dropdb prod",
    (
        "curl -X POST https://backboard.railway.app/graphql/v2 -H 'Authorization: Bearer x' -H"
        """ 'Content-Type: application/json' -d '{"query":"mutation { volumeDelete(volumeId: \\"3d2c\\") }"}'"""
    ),
)
SEEN = LOSSES[:8]
"""Losses that the catalogue names, without quotes of their own: what can be seen through must show them."""
STOPPED = {Effect.EXEC, Effect.UNKNOWN, Effect.DESTRUCTIVE, Effect.PRIVILEGE}
FAMILIES = sorted({item.family for item in disguises()})


def effects(text: str) -> set[Effect]:
    """Return all effects of a line."""
    return {effect for action in actions_of_input("shell", text, shipped_context()) for effect in action.effects}


def test_every_family_has_ten_variants() -> None:
    """No family is a handful of examples."""
    assert {
        name: count for name, count in Counter(item.family for item in disguises()).items() if count < 10
    } == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_disguise_is_let_through(family: str) -> None:
    """No loss in any variant of a family is nothing but reads and writes."""
    lines = [item.of(loss) for item in disguises() if item.family == family for loss in LOSSES]
    assert [line for line in lines if not effects(line) & STOPPED] == []


@pytest.mark.parametrize("family", sorted({item.family for item in disguises() if not item.opaque}))
def test_what_can_be_seen_is_seen(family: str) -> None:
    """Where a variant only rewrites the command, the loss itself is named, not merely something unknown."""
    lines = [item.of(loss) for item in disguises() if item.family == family for loss in SEEN]
    assert [line for line in lines if Effect.DESTRUCTIVE not in effects(line)] == []


@pytest.mark.parametrize("family", sorted({item.family for item in disguises() if not item.opaque}))
def test_a_disguise_alone_is_no_loss(family: str) -> None:
    """The same variants around a command that only lists files are never a loss."""
    lines = [item.of("ls -la src") for item in disguises() if item.family == family]
    assert [line for line in lines if Effect.DESTRUCTIVE in effects(line)] == []


WHOLE = re.compile(r"«(?!(?:C|Q|D|QQ|B64|HEX|OCT|X|SH2|SH3)»)")
STACKED = [
    item
    for item in disguises()
    if not item.opaque
    and WHOLE.search(item.template) is None
    and "\n" not in item.template
    and "set --" not in item.template  # behind a wrapper it sets the words of another shell, and nothing is lost
]
"""Those that take a whole line as it is, whatever it holds."""


def _has_several(text: str) -> bool:
    return ";" in text


def _takes_only_the_first(layer: Disguise) -> bool:
    """A pipe or a wrapper in front of several commands takes the first, and with it what the others rely on."""
    return "«C»" in layer.template and not layer.template.startswith("«C»")


@settings(max_examples=300, deadline=None)
@given(layers=st.lists(st.sampled_from(STACKED), min_size=2, max_size=4), loss=st.sampled_from(LOSSES))
def test_stacks_of_disguises_are_stopped(layers: list[Disguise], loss: str) -> None:
    """Disguises around disguises never make a loss a read or a write."""
    text = loss
    for layer in layers:
        if not (_has_several(text) and _takes_only_the_first(layer)):
            text = layer.of(text)
    assert effects(text) & STOPPED, text


MILD = {Effect.READ, Effect.WRITE}


def test_lookalikes_are_let_through() -> None:
    """Of the lines that hold the words of a loss and lose nothing, at most three in a hundred are stopped."""
    lines = {item.of(loss) for item in disguises("lookalikes") for loss in LOSSES}
    stopped = sorted(line for line in lines if not effects(line) <= MILD)
    assert len(lines) > 800
    assert len(stopped) <= len(lines) * 0.03, stopped


def test_no_lookalike_is_a_loss() -> None:
    """Of the same lines not one in a hundred is destructive."""
    lines = {item.of(loss) for item in disguises("lookalikes") for loss in LOSSES}
    lost = sorted(line for line in lines if Effect.DESTRUCTIVE in effects(line))
    assert len(lost) <= len(lines) * 0.01, lost
