"""Rows in plain sentences."""

import pytest

from firewall.console.policies.wording import words_of
from firewall.policy.defaults import shipped
from firewall.policy.rows import read


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("p, *, *, *, backup:*, destructive, , deny,", "refuses what destroys on `backup:*` anywhere"),
        ("p, *, local, *, *, read, , allow,", "lets through reading in the workspace"),
        ("p, *, local, *, *, *, , allow,", "lets through everything that is understood in the workspace"),
        (
            "p, dev, production, git:push, *, *, force, ask, quorum=2",
            "asks people about everything by `git:push` in `production` for the role `dev` if `force`",
        ),
        (
            "p, *, elsewhere, *, *, exec, , ask,",
            "asks people about running code that cannot be seen into outside the workspace",
        ),
        (
            "p, *, unresolved, *, *, write, , ask,",
            "asks people about changes that can be put back where nobody can say which environment it is",
        ),
    ],
)
def test_a_row_in_a_sentence(line: str, words: str) -> None:
    """Who, what, where, when; columns that say anything at all are left out."""
    (row,) = read(f"{line}\n".encode()).rows
    assert words_of(row) == words


def test_every_shipped_row_has_a_sentence_of_its_own() -> None:
    """No two rows read the same, so that people can tell them apart."""
    rows = read((shipped() / "policy.csv").read_bytes()).rows
    assert len({words_of(row) for row in rows}) == len(rows) > 20
