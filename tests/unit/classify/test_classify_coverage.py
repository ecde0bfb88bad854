"""Every rule of the catalogue is reached by a recorded case: a row that nobody tried is a guess."""

from collections.abc import Iterator

import pytest

from firewall.classify.catalogue import Catalogue
from firewall.classify.rows import Rule
from firewall.classify.shell import uses
from firewall.classify.shell.uses import Use
from firewall.classify.text import actions_of_input
from tests.support.understanding import cases, shipped_context
from tests.unit.classify.test_classify_programs import FILES, lines_of

RECORDED = ("session", "evasions", "benign", "attacks", "everyday")


def _lines() -> Iterator[str]:
    for name in RECORDED:
        yield from (str(case["input"]) for case in cases(name))
    for path in FILES:
        yield from (line for _, line in lines_of(path))


def _rules(catalogue: Catalogue) -> Iterator[tuple[str, Rule]]:
    """Return each rule once, with the first program and subcommand that hold it, and its number there."""
    seen: set[int] = set()
    for program in catalogue.programs.values():
        for sub, rules in (("", program.rules), *program.subcommands.items()):
            for number, rule in enumerate(rules, 1):
                if id(rule) not in seen:
                    seen.add(id(rule))
                    yield f"{program.name} {sub} rule {number}".replace("  ", " "), rule


def test_every_rule_is_reached_by_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule of each program and subcommand decides at least one recorded command line."""
    reached: set[int] = set()
    choose = uses.choose

    def traced(use: Use) -> tuple[Rule | None, bool]:
        found = choose(use)
        reached.add(id(found[0]))
        return found

    monkeypatch.setattr(uses, "choose", traced)
    context = shipped_context()
    for line in _lines():
        actions_of_input("shell", line, context)
    missed = [where for where, rule in _rules(context.catalogue) if id(rule) not in reached]
    assert missed == [], "give each a line in tests/cases/classify/catalogue/*.toml"
