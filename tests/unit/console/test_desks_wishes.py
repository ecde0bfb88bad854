"""Wishes to mint: what becomes a grant and what is refused by name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.console.api.desks import canonical_workspace, grant_of, wish_of
from firewall.core.grant import ALL_VERBS, GrantError, Verb

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_small_wish_becomes_a_bounded_grant(tmp_path: Path) -> None:
    """Eight hours, all verbs, a rate, a destructive budget; the workspace with its links resolved."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    wish = {"env": "staging", "workspace": str(tmp_path / "link")}
    grant = grant_of(wish, now=NOON, default_owner="alice")
    assert grant.owner == "alice"
    assert grant.expires_at == NOON + timedelta(hours=8)
    assert grant.workspace == str((tmp_path / "real").resolve())
    assert grant.verbs == ALL_VERBS
    assert grant.requests_per_minute > 0
    assert grant.destructive_per_hour > 0


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"env": "two words"},
        {"env": "a_b"},
        {"env": "staging", "ttl": "soon"},
        {"env": "staging", "verbs": ["root"]},
        {"env": "staging", "destructive_per_hour": -1},
        {"env": "staging", "workspace": "relative"},
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, object]) -> None:
    """Each with a GrantError and its 400."""
    with pytest.raises(GrantError) as caught:
        grant_of(wish, now=NOON, default_owner="alice")
    assert caught.value.status == 400


@pytest.mark.parametrize("path", ["/", "/etc", "/home", "/home/alice", "/root", "/home/alice/..", "//"])
def test_wide_workspaces_are_refused(path: str) -> None:
    """Never `/`, a top-level folder or a home folder."""
    with pytest.raises(GrantError):
        canonical_workspace(path)


def test_narrowing_wishes_leave_what_they_do_not_name() -> None:
    """Absent fields keep the parent's."""
    wish = wish_of({"verbs": ["read"], "ttl": "1h"}, now=NOON)
    assert wish.verbs == {Verb.READ}
    assert wish.expires_at == NOON + timedelta(hours=1)
    assert (wish.tools, wish.workspace, wish.destructive_per_hour) == (None, None, None)
