"""The pages of agents' sessions, wired, and what keeps their index."""

from firewall.app.base import Base
from firewall.console.runs.following import Follower
from firewall.console.runs.room import SessionRoom

INDEX = "sessions.db"
"""Beside the log; whoever removes it removes nothing that the log does not give again."""


def follower_of(base: Base) -> Follower:
    """Return what follows the log. Raises: StoreError."""
    return Follower(base.settings.database, base.settings.data_dir / INDEX, lambda: base.installation.writer.size)


def session_room(base: Base, follower: Follower) -> SessionRoom:
    """Return the room of sessions."""
    installation = base.installation
    return SessionRoom(
        follower,
        base.settings.database,
        sealing=installation.sealing,
        sequencer=installation.writer,
        tokens=base.tokens,
        clock=base.clock,
    )
