"""Whose agent the first token is for."""

import pytest

from firewall.cli.quickstart import owner_of
from firewall.tokens.people import Person


def _person(name: str, role: str) -> Person:
    return Person(name=name, role=role, groups=())


@pytest.mark.parametrize(
    ("people", "owner"),
    [
        ([("admin", "admin"), ("alice", "approver"), ("root", "approver")], "root"),
        ([("admin", "admin"), ("alice", "approver"), ("zoe", "approver")], "alice"),
        ([("root", "viewer"), ("zoe", "approver")], "zoe"),
        ([("admin", "admin")], "root"),
    ],
)
def test_a_first_token_is_of_whoever_starts_the_server(people: list[tuple[str, str]], owner: str) -> None:
    """Who was added later does not become the owner of his agent by standing first in the alphabet."""
    assert owner_of([_person(*one) for one in people], "root") == owner
