"""Every row of every program: an option that makes a command milder is believed only where it surely holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.rows import Program, Rule
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, severity, strictest
from tests.support.understanding import shipped_catalogue, shipped_context


def worst(line: str) -> int:
    """Return the severity of a line's strictest effect."""
    found = [effect for action in actions_of_input("shell", line, shipped_context()) for effect in action.effects]
    return severity(strictest(found))


def lowering(rules: tuple[Rule, ...]) -> list[str]:
    """Return the options of rules that stand in front of a stricter one."""
    names: list[str] = []
    for place, rule in enumerate(rules):
        behind = max((severity(later.strictest) for later in rules[place + 1 :]), default=severity(Effect.UNKNOWN))
        if severity(rule.strictest) < behind and not rule.value:
            names += [*rule.exact, *rule.flag, *rule.every]
    return names


POWERSHELL = {"set-content", "out-file", "tee-object", "copy-item", "move-item", "rename-item"}
"""Cmdlets: their options are read by a reader of its own, shortened and without `--`."""


def rows() -> list[tuple[str, str]]:
    """Return (command, option that makes it milder) of all programs that no reader of their own takes apart."""
    found: dict[tuple[str, str], None] = {}
    for program in shipped_catalogue().programs.values():
        if not plain(program) or program.name in POWERSHELL:
            continue
        for sub, rules in {"": program.rules, **program.subcommands}.items():
            names = [option for option in lowering(rules) if option != "--help"]
            found |= {(f"{program.name} {sub}".strip(), option): None for option in names}
    return list(found)


def plain(program: Program) -> bool:
    """Tell whether a program is judged by its rows alone."""
    own = program.wrap is not None or program.code is not None or program.special
    return not own and not program.name.startswith("ps:")


ROWS = rows()


def doubtful(option: str) -> list[str]:
    """Return words in which an option may not hold; joined short ones (`-qa`) are doubted where one is."""
    shapes = [f"--zzz {option}", f"-- {option}"]
    if option.startswith("--") or len(option) == 2:
        shapes += [f"{option}=false", f"{option}=none", f"{option}="]
    if option.startswith("--") and len(option) > 5:
        shapes += [option[:-1], f"{option} --no-{option[2:]}", f"{option} false"]
    return shapes


def test_rows_are_found() -> None:
    """The property below speaks about rows that are there."""
    assert len(ROWS) > 100


@given(row=st.sampled_from(ROWS), words=st.sampled_from(["x", "x y", "/srv/x", "a=b x"]), data=st.data())
def test_no_doubtful_option_makes_milder(row: tuple[str, str], words: str, data: st.DataObject) -> None:
    """Shortened, taken back, behind `--` or behind an unknown option, it lowers nothing of any program."""
    command, option = row
    shape = data.draw(st.sampled_from(doubtful(option)))
    bases = ["-- zzz"] if shape.startswith("-- ") else ["", "zzz"] if shape.endswith(" false") else [""]
    assert worst(f"{command} {words} {shape}") >= min(worst(f"{command} {words} {base}") for base in bases)


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("lvremove vg/data --test", Effect.READ),
        ("lvremove vg/data -t", Effect.READ),
        ("lvremove vg/data --config --test", Effect.DESTRUCTIVE),
        ("lvremove vg/data --tes", Effect.DESTRUCTIVE),
        ("lvremove vg/data -- --test", Effect.DESTRUCTIVE),
        ("virt-install --name x --disk path=/srv/d --print-xml", Effect.READ),
        ("virt-install --name x --disk path=/srv/d --metadata --print-xml", Effect.WRITE),
        ("git branch -l 'a*'", Effect.READ),
        ("git config --get user.name", Effect.READ),
    ],
)
def test_lines(line: str, effect: Effect) -> None:
    """What is surely only tried or shown is a read; what may be no such option is not."""
    assert worst(line) >= severity(effect)
    assert effect is not Effect.READ or worst(line) == severity(effect)
