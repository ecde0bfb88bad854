"""Packs in a policies folder: their cases run, their suggestions are judged, what they replace is listed."""

import tomllib
from pathlib import Path

import pytest

from firewall.policy import cases
from firewall.policy.load import check, load
from firewall.policy.problem import PolicyProblems
from tests.support.policy_folder import write_folder

_ROWS = "p, *, *, *, *, read, , allow,\np, *, *, *, *, destructive, , ask,\n"
_PROGRAM = '[[program]]\nnames = ["ours"]\nrules = [\n  { first = ["drop"], effects = ["destructive"]%s },\n'
_REST = '  { effects = ["read"] },\n]\n'
_CASE = '[[case]]\nname = "drops ask"\nkind = "shell"\ninput = "ours drop"\nexpect = "%s"\n'


def _folder(tmp_path: Path, **packs: str) -> Path:
    folder = write_folder(tmp_path / "policies", _ROWS)
    (folder / "tools.toml").write_text('[[tool]]\nnames = ["Bash"]\nkind = "shell"\ntext = ["command"]\n', "utf-8")
    (folder / "packs").mkdir()
    for name, text in packs.items():
        (folder / "packs" / f"{name}.toml").write_text(text, encoding="utf-8")
        tomllib.loads(text)
    return folder


def test_the_cases_of_a_pack_run(tmp_path: Path) -> None:
    """Cases in a pack, or in a file beside it, are run with the folder's own and fail by the pack's name."""
    good = _folder(tmp_path / "a", ours=_PROGRAM % "" + _REST + _CASE % "ask")
    assert cases.run(good, load(good)) == cases.CaseReport(1, ())
    bad = _folder(tmp_path / "b", ours=_PROGRAM % "" + _REST + _CASE % "ask", more=_CASE % "allow")
    report = cases.run(bad, load(bad))
    assert report.count == 2
    assert [failure.file for failure in report.failures] == ["packs/more.toml"]


def test_a_pack_without_a_case_fails(tmp_path: Path) -> None:
    """A pack that teaches programs and proves nothing fails the test."""
    folder = _folder(tmp_path, ours=_PROGRAM % "" + _REST, more=_CASE % "ask")
    assert [failure.text() for failure in cases.run(folder, load(folder)).failures] == [
        "packs/ours.toml: teaches programs and has no case"
    ]


@pytest.mark.parametrize("suggested", ["ours drop --all", "ours list && ours drop"])
def test_a_suggestion_as_strict_is_refused(tmp_path: Path, suggested: str) -> None:
    """A pack that suggests what would itself be held is refused, with file and line."""
    folder = _folder(tmp_path, ours=_PROGRAM % f', suggest = "{suggested}"' + _REST + _CASE % "ask")
    with pytest.raises(PolicyProblems, match="suggests"):
        load(folder)
    (problem,) = [problem for problem in check(folder) if problem.is_fatal]
    assert (problem.file, problem.line) == ("packs/ours.toml", 4)


def test_a_mild_suggestion_passes(tmp_path: Path) -> None:
    """A suggestion that is judged milder than its row loads."""
    folder = _folder(tmp_path, ours=_PROGRAM % ', suggest = "ours list"' + _REST + _CASE % "ask")
    assert cases.run(folder, load(folder)).failures == ()


def test_overrides_are_listed(tmp_path: Path) -> None:
    """`policy check` warns of every row that replaces something, with the pack's file."""
    first = _PROGRAM % "" + _REST + _CASE % "ask"
    second = '[[program]]\nnames = ["ours"]\noverride = true\nrules = [{ effects = ["read"] }]\n' + _CASE % "allow"
    folder = _folder(tmp_path, a=first, b=second)
    warnings = [problem for problem in check(folder) if not problem.is_fatal]
    assert [(problem.file, "replaces" in problem.message) for problem in warnings] == [("packs/b.toml", True)]
