"""Loading a policies folder: what is refused, with which file and line, and what the digest covers."""

import tomllib
from pathlib import Path

import pytest
import tomli

from firewall.core.errors import ConfigError
from firewall.core.verdict import Ask
from firewall.policy.defaults import shipped
from firewall.policy.load import check, load
from firewall.policy.people import Approvers
from firewall.policy.problem import PolicyProblems, Problem
from tests.support.policy_folder import APPROVERS, ENVIRONMENTS, ROLES, an_action, write_folder

GOOD = "p, *, staging, *, *, read, , allow,\n"

_FATAL = {
    "column missing": ("p, *, staging, *, *, read, , allow", "8 columns instead of 9"),
    "column too many": ("p, *, staging, *, *, read, , allow, ,", "10 columns instead of 9"),
    "comma in a name": ("p, a,b, staging, *, *, read, , allow,", "10 columns"),
    "unclosed quote": ('p, *, staging, *, *, read, "x, allow,', "not a CSV row"),
    "text behind a quote": ('p, *, staging, *, *, read, "x"y, allow,', "not a CSV row"),
    "unknown kind of row": ("q, *, staging, *, *, read, , allow,", "starts with `p` or `g`"),
    "unknown effect": ("p, *, staging, *, *, reed, , allow,", "no effect `reed`"),
    "unknown verdict": ("p, *, staging, *, *, read, , permit,", "no verdict `permit`"),
    "verdict in capitals": ("p, *, staging, *, *, read, , Allow,", "no verdict `Allow`"),
    "unknown environment": ("p, *, prod, *, *, read, , allow,", "no environment `prod`"),
    "environment glob": ("p, *, prod*, *, *, read, , deny,", "no environment name"),
    "role glob": ("p, coding-*, staging, *, *, read, , deny,", "no role name"),
    "role regex": ("p, .*, staging, *, *, read, , deny,", "no role name"),
    "empty role": ("p, , staging, *, *, read, , deny,", "no role name"),
    "empty tool": ("p, *, staging, , *, read, , deny,", "tool column is empty"),
    "empty resource": ("p, *, staging, *, , read, , deny,", "resource column is empty"),
    "g row with a wildcard": ("g, *, admin", "no role name"),
    "g row with a third column": ("g, a, b, c", "4 columns instead of 3"),
    "control character": ("p, *, staging, B\x07sh, *, read, , deny,", "U+0007"),
    "zero-width character": ("p, *, staging, B\u200bsh, *, read, , deny,", "U+200B"),
    "line separator": ("p, *, staging, B\u2028sh, *, read, , deny,", "U+2028"),
    "byte order mark": ("\ufeffp, *, staging, *, *, read, , deny,", "U+FEFF"),
    "condition over an unknown name": (
        "p, *, staging, *, *, read, wings > 3, deny,",
        "no attribute is called `wings`",
    ),
    "condition that calls": ("p, *, staging, *, *, read, __import__('os'), deny,", "no attribute is called"),
    "condition without a name": ("p, *, staging, *, *, read, 1 < 2, allow,", "always or never"),
    "condition over two kinds": ("p, *, staging, *, *, read, count == 'x', deny,", "another kind"),
    "unknown obligation": ("p, *, staging, *, *, read, , ask, wait=1", "no obligation `wait`"),
    "obligation on a deny": ("p, *, staging, *, *, read, , deny, ttl=1m", "on a row that says deny"),
    "obligation on an allow": ("p, *, staging, *, *, read, , allow, ttl=1m", "on a row that says allow"),
    "obligation twice": ("p, *, staging, *, *, read, , ask, ttl=1m;ttl=2m", "stands twice"),
    "ttl without a unit": ("p, *, staging, *, *, read, , ask, ttl=10", "no duration"),
    "ttl of nothing": ("p, *, staging, *, *, read, , ask, ttl=0m", "between a second and a day"),
    "quorum that nobody reaches": ("p, *, staging, *, *, read, , ask, quorum=4", "takes 4 people"),
    "quorum without the owner": ("p, *, staging, *, *, read, , ask, quorum=3", "an agent of `alice` asks"),
    "quorum of a group": ("p, *, staging, *, *, read, , ask, quorum=2;group=oncall", "an agent of `alice` asks"),
    "one person for two groups": ("p, *, staging, *, *, read, , ask, group=dba+oncall", "an agent of `alice`"),
    "one person for two stages": ("p, *, staging, *, *, read, , ask, stages=dba>dba", "takes 2 people"),
    "a stage without members": ("p, *, staging, *, *, read, , ask, stages=oncall>night", "the group `night`"),
    "group and stages": ("p, *, staging, *, *, read, , ask, group=dba;stages=dba>oncall", "in one row"),
    "group twice": ("p, *, staging, *, *, read, , ask, group=dba+dba", "stands twice"),
    "quorum and a number": ("p, *, staging, *, *, read, , ask, quorum=2;group=dba*2", "no group with a number"),
    "too many people": ("p, *, staging, *, *, read, , ask, quorum=21", "more than 20"),
    "unknown auth": ("p, *, staging, *, *, read, , ask, auth=fido", "no `auth=fido`"),
    "passkeys that nobody could have": ("p, *, staging, *, *, read, , ask, auth=passkey", "could have a passkey"),
    "a link for what is gone": ("p, *, staging, *, *, destructive, , ask, auth=link", "that is destructive"),
    "a link for rights": ("p, *, staging, *, *, privilege, , ask, auth=link", "that is privilege"),
    "a link for anything": ("p, *, staging, *, *, *, , ask, auth=link", "that is destructive"),
    "a link for production": ("p, *, production, *, *, write, , ask, auth=link", "nothing in production"),
    "a link for everywhere": ("p, *, elsewhere, *, *, write, , ask, auth=link", "nothing in production"),
    "unknown typed": ("p, *, staging, *, *, read, , ask, typed=yes", "no `typed=yes`"),
    "typed on an allow": ("p, *, staging, *, *, read, , allow, typed=resource", "on a row that says allow"),
    "quorum on an allow": ("p, *, staging, *, *, read, , allow, quorum=2", "on a row that says allow"),
    "require of nothing": ("p, *, staging, *, *, read, , ask, require=", "cannot be read"),
    "require of an unknown name": ("p, *, staging, *, *, read, , ask, require=backup_age < 24", "`backup_age`"),
    "require that is always so": ("p, *, staging, *, *, read, , allow, require=1 < 2", "always or never"),
    "require on a deny": ("p, *, staging, *, *, read, , deny, require=protected", "on a row that says deny"),
    "group beside require on an allow": (
        "p, *, staging, *, *, read, , allow, group=oncall;require=protected",
        "on a row that says allow",
    ),
    "stages of nothing": ("p, *, staging, *, *, read, , ask, stages=oncall>", "no group name"),
    "group without members": ("p, *, staging, *, *, read, , ask, group=night", "no approver belongs to"),
    "allow everything": ("p, *, staging, *, *, *, , allow,", "matches everything"),
    "allow everything with a condition": ("p, *, local, *, *, *, inside_workspace, allow,", "matches everything"),
    "allow everything by two stars": ("p, *, staging, *, **, *, , allow,", "side by side"),
    "allow everything by ?*": ("p, *, staging, ?*, *, *, , allow,", "side by side"),
    "allow everything by *?": ("p, *, staging, *, *?, *, , allow,", "side by side"),
    "allow everything by *:*": ("p, *, staging, *:*, *:*, *, , allow,", "matches everything"),
    "allow everything by *:*/*": ("p, *, staging, *, *:*/*, *, , allow,", "matches everything"),
    "allow destructive everywhere": ("p, *, *, *, *, destructive, , allow,", "every destructive action"),
    "allow exec elsewhere": ("p, *, elsewhere, *, *, exec, , allow,", "every exec action"),
    "allow unknown on anything": ("p, *, staging, Bash, *, unknown, , allow,", "what is unknown"),
    "resource without a kind": ("p, *, staging, *, /srv/*, write, , deny,", "can never match"),
    "resource that is a bare word": ("p, *, staging, *, production, write, , deny,", "can never match"),
    "doubled row": (GOOD.strip(), "the same row as in line 1"),
}


@pytest.mark.parametrize("name", _FATAL)
def test_row_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    """A bad row refuses the whole folder, and the problem names file and line."""
    row, message = _FATAL[name]
    folder = write_folder(tmp_path, f"{GOOD}# a comment\n\n{row}\n")
    with pytest.raises(PolicyProblems) as caught:
        load(folder, approvers=APPROVERS)
    fatal = [problem for problem in caught.value.problems if problem.is_fatal]
    assert [(problem.file, problem.line) for problem in fatal] == [("policy.csv", 4)]
    assert message in fatal[0].message
    assert (caught.value.file, caught.value.line) == ("policy.csv", 4)


def test_every_problem_is_listed(tmp_path: Path) -> None:
    """All problems come at once, not only the first, in files and in rows."""
    folder = write_folder(tmp_path, f"{GOOD}p, x\np, *, qa, *, *, read, , allow,\n")
    (folder / "model.conf").write_text("[request_definition]\nr = a\n", encoding="utf-8")
    (folder / "hosts.toml").unlink()
    (folder / "tools.toml").write_text("a = [\n\n", encoding="utf-8")
    found = {(problem.file, problem.line) for problem in check(folder)}
    assert {("policy.csv", 2), ("policy.csv", 3), ("model.conf", 0), ("hosts.toml", 0)} <= found
    assert "tools.toml" in {file for file, _ in found}


def test_problems_are_a_configuration_error(tmp_path: Path) -> None:
    """A refused folder is a ConfigError with a stable code, so callers keep the old snapshot."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.code == "policy_invalid"


def test_half_written_file_is_refused(tmp_path: Path) -> None:
    """A file cut off within its last row is refused wherever it was cut."""
    whole = f"{GOOD}p, *, staging, *, *, write, , ask, ttl=10m;group=oncall\n"
    assert load(write_folder(tmp_path / "whole", whole), approvers=APPROVERS).rows
    for end in range(len(GOOD) + 1, len(whole)):
        folder = write_folder(tmp_path / str(end), whole[:end])
        assert any(problem.is_fatal for problem in check(folder, approvers=APPROVERS)), whole[:end]


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    """Bytes outside UTF-8 name the line that they stand in."""
    folder = write_folder(tmp_path, GOOD.encode() + b"p, \xff\n")
    assert [(p.file, p.line) for p in check(folder) if p.is_fatal] == [("policy.csv", 2)]


def test_no_row_loads_with_a_warning_and_denies_everything(tmp_path: Path) -> None:
    """An empty policy denies; the check says so."""
    folder = write_folder(tmp_path, "# nothing\n")
    assert [(p.is_fatal, "everything is denied" in p.message) for p in check(folder)] == [(False, True)]
    verdict = load(folder).verdict(an_action("local", ["read"]), roles=ROLES)
    assert verdict.reason.value == "policy:row:none"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('p3.effect == "*" && r.effect != "unknown"', 'p3.effect == "*"'),
        ("possible(r.facts, p.when)", "certain(r.facts, p.when)"),
        ("some(where (p.eft == allow))", "!some(where (p.eft == deny))"),
        ("role, environment, tool, resource, effect", "role, environment, resource, tool, effect"),
    ],
)
def test_edited_model_is_refused(old: str, new: str, tmp_path: Path) -> None:
    """The rules of matching are fixed for a version; comments are not part of them."""
    folder = write_folder(tmp_path, GOOD)
    model = (folder / "model.conf").read_text(encoding="utf-8")
    assert old in model
    (folder / "model.conf").write_text(f"# a remark\n{model}", encoding="utf-8")
    assert check(folder) == []
    (folder / "model.conf").write_text(model.replace(old, new), encoding="utf-8")
    assert [problem.file for problem in check(folder)] == ["model.conf"]


def test_covered_row_is_a_warning(tmp_path: Path) -> None:
    """A row under a stricter, wider one can never decide: said, not refused, so a broad deny always loads."""
    folder = write_folder(tmp_path, f"{GOOD}p, *, *, *, *, *, , deny,\n")
    (problem,) = check(folder)
    assert (problem.line, problem.is_fatal) == (1, False)
    assert "can never decide" in problem.message
    assert load(folder).verdict(an_action(), roles=ROLES).row == "policy.csv:2"


def test_roles_in_a_circle_are_refused(tmp_path: Path) -> None:
    """`g` rows that go in a circle, or too deep to be followed, are refused."""
    circle = check(write_folder(tmp_path / "circle", f"{GOOD}g, a, b\ng, b, a\n"))
    assert {problem.line for problem in circle if problem.is_fatal} == {2, 3}
    chain = "".join(f"g, r{n}, r{n + 1}\n" for n in range(12))
    assert any(problem.is_fatal for problem in check(write_folder(tmp_path / "chain", GOOD + chain)))


def test_roles_are_checked_where_they_are_known(tmp_path: Path) -> None:
    """With a list of roles, a row for a role that nobody can have is refused."""
    folder = write_folder(tmp_path, "g, coding-agent, agent\np, agent, *, *, *, read, , allow,\n")
    assert check(folder, roles=ROLES) == []
    (folder / "policy.csv").write_text("p, codingagent, *, *, *, read, , allow,\n", encoding="utf-8")
    assert [problem.line for problem in check(folder, roles=ROLES)] == [1]


def test_group_of_one_is_a_warning_unless_solo(tmp_path: Path) -> None:
    """The owner is no approver of his own agent, so a group of one is worth a word."""
    folder = write_folder(tmp_path, f"{GOOD}p, *, staging, *, *, write, , ask, group=dba\n")
    assert [problem.is_fatal for problem in check(folder, approvers=APPROVERS)] == [False]
    assert check(folder, approvers=Approvers(APPROVERS.groups, solo=True)) == []


def test_what_the_approvers_can_meet_loads(tmp_path: Path) -> None:
    """Enough people without the owner, passkeys that could be had, a link where it is harmless: not a word."""
    rows = (
        "p, *, staging, *, *, destructive, , ask, quorum=2;group=oncall;auth=passkey;typed=resource;ttl=10m\n"
        "p, *, staging, *, *, privilege, , ask, stages=oncall>dba\n"
        "p, *, staging, *, *, write, , ask, auth=link\n"
    )
    more = Approvers({**APPROVERS.groups, "carl": frozenset({"oncall", "dba"})}, no_passkeys="")
    folder = write_folder(tmp_path, rows)
    assert check(folder, approvers=more) == []
    asked = load(folder, approvers=more).verdict(an_action("staging", ["destructive"]), roles=ROLES)
    assert isinstance(asked, Ask)
    assert asked.obligations.text() == "ttl=600s;quorum=2;group=oncall;auth=passkey;typed=resource"


def test_where_there_is_no_installation_nobody_is_missed(tmp_path: Path) -> None:
    """A bare folder has no approvers: who could approve is not told, the rest is."""
    rows = "p, *, staging, *, *, write, , ask, quorum=9;group=night;auth=passkey\n"
    assert check(write_folder(tmp_path / "a", rows)) == []
    graver = rows.replace("passkey", "link").replace("write", "destructive")
    assert [one.line for one in check(write_folder(tmp_path / "d", graver))] == [1]


def test_environment_may_not_take_a_word_of_the_policy(tmp_path: Path) -> None:
    """An environment called `elsewhere` would change what rows mean."""
    folder = write_folder(tmp_path, GOOD, environments=f'{ENVIRONMENTS}[[environment]]\nname = "elsewhere"\n')
    assert [problem.file for problem in check(folder)] == ["environments.toml"]


def test_pack_problem_names_its_file(tmp_path: Path) -> None:
    """A bad pack is reported under its own name."""
    folder = write_folder(tmp_path, GOOD)
    (folder / "packs").mkdir()
    (folder / "packs" / "acme.toml").write_text("provider = 3\n", encoding="utf-8")
    assert [problem.file for problem in check(folder)] == ["packs/acme.toml"]


def test_digest_covers_names_and_bytes(tmp_path: Path) -> None:
    """The digest changes with any byte or name of a loaded file, and with nothing else."""
    first = load(write_folder(tmp_path, GOOD)).digest
    (tmp_path / "README").write_text("not loaded", encoding="utf-8")
    assert load(tmp_path).digest == first
    (tmp_path / "policy.csv").write_text(f"{GOOD}#\n", encoding="utf-8")
    second = load(tmp_path).digest
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "a.toml").write_text('provider = "a"\n', encoding="utf-8")
    third = load(tmp_path).digest
    (tmp_path / "packs" / "a.toml").rename(tmp_path / "packs" / "b.toml")
    assert len({first, second, third, load(tmp_path).digest}) == 4
    assert len(first) == 64


def test_row_text_is_the_line(tmp_path: Path) -> None:
    """A reference leads to the line as it stands in the file; any other leads nowhere."""
    snapshot = load(write_folder(tmp_path, f"# first\n{GOOD}"))
    assert snapshot.row("policy.csv:2") == GOOD.strip()
    assert [snapshot.row(ref) for ref in ("policy.csv:1", "", "policy.csv:9", "x")] == [""] * 4


def test_problem_reads_as_one_line() -> None:
    """A problem says where, what and what to do."""
    problem = Problem("policy.csv", 3, "bad", "do better", is_fatal=False)
    assert problem.text() == "policy.csv:3: warning: bad (hint: do better)"


def test_the_shipped_files_mean_the_same_to_pythons_own_parser() -> None:
    """The faster parser reads what the standard library reads: a file does not hang on which of them it meets."""
    files = sorted(shipped().rglob("*.toml"))
    assert len(files) > 40
    texts = {file.name: file.read_text("utf-8") for file in files}
    assert [name for name, text in texts.items() if tomli.loads(text) != tomllib.loads(text)] == []
