"""Grants for the tests of the models gate."""

from datetime import UTC, datetime

from firewall.core.grant import Grant

GRANT = Grant(
    environment="staging",
    owner="alice",
    agent="claude",
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    models=("claude-*",),
)
