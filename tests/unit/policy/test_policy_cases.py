"""A policy's own tests, and where the shipped policies lie."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.policy import cases
from firewall.policy.defaults import copy_to, shipped
from firewall.policy.load import check, load
from firewall.policy.reading import InputError, InputKind, call_of
from tests.support.policy_folder import ROLES, an_action, snapshot_of

_ROWS = "p, *, *, *, *, unknown, , ask,\n"
_GOOD = """
[[case]]
name = "a"
tool = "frobnicate"
expect = "ask"
effects = ["unknown"]
row = "p,*,*,*,*,unknown,,ask,"
"""


def _report(folder: Path, text: str) -> cases.CaseReport:
    snapshot = snapshot_of(folder, _ROWS)
    (folder / "cases").mkdir()
    (folder / "cases" / "a.toml").write_text(text, encoding="utf-8")
    return cases.run(folder, snapshot)


def test_good_case_passes(tmp_path: Path) -> None:
    """A case that comes out as written is counted and fails nothing."""
    assert _report(tmp_path, _GOOD) == cases.CaseReport(1, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('expect = "ask"', 'expect = "allow"', "expected allow, got ask by policy.csv:1"),
        ('effects = ["unknown"]', 'effects = ["read"]', "expected the effects read, got unknown"),
        ("unknown,,ask", "unknown,,deny", "expected the row"),
        ('expect = "ask"', 'expect = "maybe"', "must be 'allow', 'ask' or 'deny'"),
        ('name = "a"', 'nome = "a"', "is missing"),
        ('tool = "frobnicate"', 'kind = "shell"', "`input` belongs to `kind`"),
        ('tool = "frobnicate"', "", "either `kind` and `input`"),
        ('tool = "frobnicate"', 'kind = "http"\ninput = "x"', "a table was expected"),
        ("[[case]]", "[[case", "cannot be read"),
    ],
)
def test_bad_case_fails(old: str, new: str, message: str, tmp_path: Path) -> None:
    """A wrong expectation, and a case that cannot be read, are failures that say what was wrong."""
    assert old in _GOOD
    failures = _report(tmp_path, _GOOD.replace(old, new)).failures
    assert any(message in failure.text() for failure in failures), failures


def test_no_case_is_a_failure(tmp_path: Path) -> None:
    """A folder without cases has tested nothing, and says so."""
    report = cases.run(tmp_path, snapshot_of(tmp_path, _ROWS))
    assert (report.count, len(report.failures)) == (0, 1)


def test_lands_outside_the_grant(tmp_path: Path) -> None:
    """An action that lands in a resolved environment which is not the grant's is denied, whatever the rows say."""
    folder = tmp_path / "p"
    copy_to(folder)
    (folder / "environments.toml").write_text(
        '[[environment]]\nname = "production"\ngit_remotes = ["origin/main"]\n', encoding="utf-8"
    )
    (folder / "cases" / "own.toml").write_text(
        '[[case]]\nname = "a"\nkind = "shell"\ninput = "git push origin main"\nexpect = "deny"\n', encoding="utf-8"
    )
    for other in (folder / "cases").glob("[!o]*.toml"):
        other.unlink()
    assert cases.run(folder, load(folder)) == cases.CaseReport(1, ())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("http", "x"),
        ("graphql", []),
        ("mcp", None),
        ("shell", {}),
        ("sql", 3),
        ("python", None),
        ("shell", "\ud800"),
    ],
)
def test_input_of_the_wrong_shape(kind: str, value: object) -> None:
    """An input without the shape of its kind is an error, not a guess."""
    with pytest.raises(InputError):
        call_of(InputKind(kind), value)


def test_inputs_are_quoted_into_one_command() -> None:
    """Text of a case cannot leave the argument that carries it."""
    call = call_of(InputKind.SQL, "SELECT '$(rm -rf /)'; --\n")
    assert b"""psql -c 'SELECT '\\"'\\"'$(rm -rf /)""" in call.arguments
    request = {"method": "POST", "url": "https://x/;rm", "headers": {"a": "b'c"}, "body": {"x": 1}}
    assert b"curl -s -X POST 'https://x/;rm' -H " in call_of(InputKind.HTTP, request).arguments


def test_copies_are_complete_and_load(tmp_path: Path) -> None:
    """A copy of the shipped policies holds every file but the generators' and loads with the same digest."""
    folder = tmp_path / "new"
    written = copy_to(folder)
    files = (path.relative_to(shipped()) for path in shipped().rglob("*") if path.is_file())
    wanted = {path for path in files if not {"generators", "__pycache__"} & set(path.parts)}
    assert {path.relative_to(folder) for path in written} == wanted
    assert (folder / "tools.toml").read_bytes() == (shipped() / "tools.toml").read_bytes()
    assert load(folder).verdict(an_action(), roles=ROLES) == load(shipped()).verdict(an_action(), roles=ROLES)


def test_copy_never_overwrites(tmp_path: Path) -> None:
    """A folder that holds anything is left alone."""
    (tmp_path / "policy.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError):
        copy_to(tmp_path)
    assert (tmp_path / "policy.csv").read_text(encoding="utf-8") == "mine"


def test_shipped_place_of_a_wheel_and_of_a_checkout(tmp_path: Path) -> None:
    """A wheel carries them inside the package, a checkout beside it; neither is an error with a hint."""
    package = tmp_path / "site" / "firewall"
    package.mkdir(parents=True)
    with pytest.raises(ConfigError):
        shipped(package)
    for folder in (package.parent / "policies", package / "_policies"):
        folder.mkdir()
        (folder / "policy.csv").write_text("", encoding="utf-8")
        assert shipped(package) == folder


def test_shipped_policies_have_no_problem() -> None:
    """What we ship passes our own check without a warning."""
    assert check(shipped()) == []
