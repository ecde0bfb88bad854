"""Entries of one approval together: honest stories pass, impossible ones are named."""

from pathlib import Path

import pytest

from audit import Kind
from tests.support.audit_logs import check, found, stories

APPROVED = [(Kind.APPROVAL_OPENED, "a"), (Kind.APPROVAL_VOTED, "a")]


@pytest.mark.parametrize(
    "entries",
    [
        [*APPROVED, (Kind.APPROVAL_CONSUMED, "a"), (Kind.TOOL_RELEASED, "a"), (Kind.TOOL_RELEASED, "a")],
        [*APPROVED, (Kind.APPROVAL_VIEWED, "a"), (Kind.APPROVAL_EXPIRED, "a")],
        [(Kind.APPROVAL_OPENED, "a"), (Kind.APPROVAL_OPENED, "b"), (Kind.APPROVAL_CANCELLED, "a")],
        [*APPROVED, *APPROVED[1:], (Kind.APPROVAL_CONSUMED, "a")],
        [(Kind.TOOL_JUDGED, "a"), (Kind.TOOL_RELEASED, "")],
    ],
)
def test_honest_stories_pass(tmp_path: Path, entries: list[tuple[Kind, str]]) -> None:
    """Opened, voted, then consumed or ended; a release without an approval needs none."""
    stories(tmp_path / "log.db", entries)
    assert check(tmp_path / "log.db").ok


@pytest.mark.parametrize(("voters", "is_ok"), [(1, False), (2, True), (3, True)])
def test_as_many_different_people_voted_as_were_asked(tmp_path: Path, voters: int, *, is_ok: bool) -> None:
    """One voter who votes twice is one, where the entry that opened it asks for two."""
    entries = [*APPROVED, APPROVED[1], (Kind.APPROVAL_CONSUMED, "a")]
    stories(tmp_path / "log.db", entries, people=2, voters=voters)
    report = check(tmp_path / "log.db")
    assert report.ok is is_ok
    words = [] if is_ok else ["approval `a` is consumed with votes of 1 where it asks for 2 people"]
    assert [one.text for one in report.findings] == words


@pytest.mark.parametrize(
    ("uses", "ends", "words"),
    [
        (3, "uuc", ""),
        (3, "uu", ""),
        (3, "ue", ""),
        (2, "c", ""),
        (3, "uuu", "used 3 times where 3 are permitted"),
        (2, "uuc", "used 2 times where 2 are permitted"),
        (0, "u", "used 1 times where 1 are permitted"),
        (3, "eu", "used after it was expired"),
        (3, "cu", "used after it was consumed"),
    ],
)
def test_a_permit_is_used_as_often_as_its_vote_says(tmp_path: Path, uses: int, ends: str, words: str) -> None:
    """The last use consumes it; one too many, or one after the end, is named."""
    kinds = {"u": Kind.APPROVAL_USED, "c": Kind.APPROVAL_CONSUMED, "e": Kind.APPROVAL_EXPIRED}
    stories(tmp_path / "log.db", [*APPROVED, *((kinds[one], "a") for one in ends)], uses=uses)
    assert [one.text for one in check(tmp_path / "log.db").findings][:1] == (
        [f"approval `a` is {words}"] if words else []
    )


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ([{"decides": False, "uses": 20}, {"decides": True}], "used 1 times where 1 are permitted"),
        ([{"uses": 20}, {"decides": True}], "used 1 times where 1 are permitted"),
        ([{"decides": True, "uses": 20}, {"decides": True}], "used 1 times where 1 are permitted"),
        ([{"decides": 1, "uses": 20}, {}], "used 1 times where 1 are permitted"),
        ([{"decides": False}, {"decides": True, "uses": 2}], ""),
    ],
)
def test_only_the_vote_that_decides_permits(
    tmp_path: Path, votes: list[dict[str, int | bool]], words: str
) -> None:
    """What an earlier vote asked for counts for nothing; a deciding one without `uses` permits one."""
    entries = [*APPROVED, APPROVED[1], (Kind.APPROVAL_USED, "a"), (Kind.APPROVAL_CONSUMED, "a")]
    stories(tmp_path / "log.db", entries, votes=votes)
    texts = [one.text for one in check(tmp_path / "log.db").findings][:1]
    assert texts == ([f"approval `a` is {words}"] if words else [])


@pytest.mark.parametrize(("voters", "is_ok"), [(1, False), (2, True)])
def test_as_many_voted_as_the_deciding_vote_says(tmp_path: Path, voters: int, *, is_ok: bool) -> None:
    """Two joined demands take two people where nobody meets both, though each of them asks for one."""
    entries = [*APPROVED, APPROVED[1], (Kind.APPROVAL_CONSUMED, "a")]
    asked = [{"decides": False, "asked": 2}, {"decides": True, "asked": 2}]
    stories(tmp_path / "log.db", entries, voters=voters, votes=asked)
    assert check(tmp_path / "log.db").ok is is_ok


@pytest.mark.parametrize(("decision", "is_ok"), [("approve", True), ("approved", True), ("denied", False)])
def test_votes_are_read_in_both_spellings(tmp_path: Path, decision: str, *, is_ok: bool) -> None:
    """The vote itself, or what it made of the approval."""
    stories(tmp_path / "log.db", [*APPROVED, (Kind.APPROVAL_CONSUMED, "a")], decision=decision)
    assert check(tmp_path / "log.db").ok is is_ok


@pytest.mark.parametrize(
    ("entries", "decision", "seq", "what"),
    [
        ([(Kind.TOOL_RELEASED, "a")], "approve", 0, "released without being opened"),
        ([(Kind.APPROVAL_CONSUMED, "a")], "approve", 0, "consumed before it was opened"),
        ([(Kind.APPROVAL_VOTED, "a")], "approve", 0, "voted on before it was opened"),
        ([(Kind.APPROVAL_EXPIRED, "a")], "approve", 0, "expired before it was opened"),
        ([APPROVED[0], APPROVED[0]], "approve", 1, "opened a second time"),
        ([APPROVED[0], (Kind.APPROVAL_CONSUMED, "a")], "approve", 1, "consumed without a vote for it"),
        ([APPROVED[0], (Kind.TOOL_RELEASED, "a")], "approve", 1, "released without a vote for it"),
        ([*APPROVED, (Kind.TOOL_RELEASED, "a")], "deny", 2, "released although a vote denied it"),
        ([*APPROVED, (Kind.APPROVAL_CONSUMED, "a")], "deny", 2, "consumed although a vote denied it"),
        (APPROVED, "perhaps", 1, "voted on without a decision"),
        ([*APPROVED, *[(Kind.APPROVAL_CONSUMED, "a")] * 2], "approve", 3, "consumed after it was consumed"),
        (
            [*APPROVED, (Kind.APPROVAL_EXPIRED, "a"), (Kind.APPROVAL_CONSUMED, "a")],
            "approve",
            3,
            "consumed after it was expired",
        ),
        (
            [APPROVED[0], (Kind.APPROVAL_CANCELLED, "a"), APPROVED[1]],
            "approve",
            2,
            "voted on after it was cancelled",
        ),
    ],
)
def test_impossible_stories_are_named(
    tmp_path: Path, entries: list[tuple[Kind, str]], decision: str, seq: int, what: str
) -> None:
    """Signed or not: an approval used without its vote, twice, or after its end is a finding about that entry."""
    stories(tmp_path / "log.db", entries, decision=decision)
    report = check(tmp_path / "log.db")
    assert found(report) == [("approval", seq)]
    assert report.findings[0].text == f"approval `a` is {what}"
