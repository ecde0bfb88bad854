"""Break-glass in the log: one vote suffices where its entry stands before it, and in no other story."""

import pytest

from audit.approvals import Approvals
from audit.entry import Entry, Kind

OPENED = (Kind.APPROVAL_OPENED, "prn_olga", {"people": 2})
BROKEN = (Kind.GLASS_BROKEN, "per_gina", {"digest": "d"})
VOTED = (Kind.APPROVAL_VOTED, "per_gina", {"decision": "approved", "decides": True, "digest": "d", "glass": True})
CONSUMED = (Kind.APPROVAL_CONSUMED, "", {})
REVIEWED = (Kind.GLASS_REVIEWED, "per_anna", {})
ODD = "voted on by a broken glass that does more, or less, than approve once"
UNTOLD = "voted on by a broken glass of which no entry tells"
DENIED = (Kind.APPROVAL_VOTED, "per_bob", {"decision": "denied"})
Row = tuple[Kind, str, dict[str, object]]


def _with(row: Row, who: str = "", **data: object) -> Row:
    return row[0], who or row[1], row[2] | data


def _wrong(rows: list[Row]) -> list[str]:
    story = Approvals()
    entries = [
        Entry(seq=n, kind=kind, principal=who, at=n, data=data, approval="a", subject="", sealed_sha256="")  # type: ignore[arg-type]  # rows of a table
        for n, (kind, who, data) in enumerate(rows)
    ]
    return [text.removeprefix("approval `a` is ") for text in map(story.feed, entries) if text]


@pytest.mark.parametrize(
    "rows",
    [
        [OPENED, BROKEN, VOTED, CONSUMED, (Kind.TOOL_RELEASED, "", {}), REVIEWED],
        [OPENED, BROKEN, VOTED, REVIEWED, CONSUMED],
        [OPENED, BROKEN, VOTED, (Kind.APPROVAL_EXPIRED, "", {}), REVIEWED],
        [
            OPENED,
            (Kind.APPROVAL_VOTED, "per_bob", {"decision": "approved", "decides": False}),
            BROKEN,
            VOTED,
            CONSUMED,
        ],
    ],
)
def test_honest_stories_pass(rows: list[Row]) -> None:
    """One person where two are asked, reviewed before or after its end."""
    assert _wrong(rows) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([OPENED, VOTED], UNTOLD),
        ([OPENED, BROKEN, _with(VOTED, "per_eve")], UNTOLD),
        ([OPENED, BROKEN, _with(VOTED, digest="e")], UNTOLD),
        ([OPENED, BROKEN, _with(VOTED, decision="deny")], ODD),
        ([OPENED, BROKEN, _with(VOTED, uses=3)], ODD),
        ([OPENED, BROKEN, _with(VOTED, decides=False)], ODD),
        ([OPENED, BROKEN, _with(VOTED, glass=0), CONSUMED], "consumed with votes of 1 where it asks for 2 people"),
        ([OPENED, BROKEN, CONSUMED], "consumed without a vote for it"),
        ([BROKEN], "broken the glass for before it was opened"),
        ([OPENED, BROKEN, BROKEN], "broken the glass for a second time"),
        ([OPENED, CONSUMED, BROKEN], "consumed without a vote for it"),
        ([OPENED, (Kind.APPROVAL_EXPIRED, "", {}), BROKEN], "broken the glass for after it was expired"),
        ([OPENED, DENIED, BROKEN], "broken the glass for after it was denied"),
        ([OPENED, REVIEWED], "reviewed where no glass was broken"),
        ([OPENED, BROKEN, VOTED, REVIEWED, REVIEWED], "reviewed a second time"),
        ([OPENED, BROKEN, VOTED, _with(REVIEWED, "per_gina")], "reviewed by whoever broke the glass"),
        ([OPENED, BROKEN, VOTED, CONSUMED, CONSUMED], "consumed after it was consumed"),
    ],
)  # fmt: skip
def test_impossible_stories_are_named(rows: list[Row], words: str) -> None:
    """Whoever writes the log by hand cannot leave out who, or vote as another."""
    assert _wrong(rows)[:1] == [words]
