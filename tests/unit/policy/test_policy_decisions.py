"""Decisions as table rows: policy text and an action in, verdict, reason and line out."""

import tomllib
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from firewall.core.action import Attribute
from firewall.core.verdict import Ask, word
from tests.support.policy_folder import ROLES, an_action, snapshot_of

_FILE = Path(__file__).parents[2] / "cases" / "decide" / "rows.toml"
_CASES = tomllib.loads(_FILE.read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", _CASES, ids=[case["name"] for case in _CASES])
def test_case(case: dict[str, object], tmp_path: Path) -> None:
    """Every row of the table comes out as written."""
    table = dict(case)
    snapshot = snapshot_of(tmp_path, "\n".join(table["rows"]) + "\n")  # type: ignore[arg-type]  # data
    wanted = {key: table[key] for key in ("tool", "operation", "resource", "attributes") if key in table}
    action = an_action(str(table.get("environment", "staging")), table["effects"], **wanted)  # type: ignore[arg-type]  # data
    found = snapshot.explain(action, roles=ROLES)
    line = int(found.row.rpartition(":")[2]) if found.row else 0
    assert (word(found.verdict), found.verdict.reason.value, line) == (
        table["expect"],
        table["reason"],
        table["line"],
    )
    if "obligations" in table:
        assert isinstance(found.verdict, Ask)
        assert found.verdict.obligations.text() == table["obligations"]


def test_names_are_distinct() -> None:
    """No case hides behind another's name."""
    names = [case["name"] for case in _CASES]
    assert len(set(names)) == len(names) > 30


def test_an_answer_given_before_is_of_the_same_question(tmp_path: Path) -> None:
    """A number, a truth and a text are asked about apart, whatever was asked before: answers are kept by all."""
    rows = ["p, *, staging, *, *, write, count == 1, deny,", "p, *, staging, *, *, write, count == 0, ask,"]
    loaded = snapshot_of(tmp_path, "\n".join([*rows, "p, *, staging, *, *, write, , allow,"]) + "\n")
    values: tuple[Attribute, ...] = (1, True, "1", 0, False, "")
    actions = [an_action(effects=["write"], attributes={"count": value}) for value in values]
    alone = [replace(loaded).explain(action, roles=ROLES) for action in actions]  # a copy remembers nothing
    assert len({word(one.verdict) for one in alone}) > 1
    for order in permutations(range(len(values))):
        kept = replace(loaded)
        for at in order:
            assert kept.explain(actions[at], roles=ROLES) == alone[at], order
