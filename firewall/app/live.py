"""The page of live calls, wired to the guard's answers."""

from firewall.app.base import Base
from firewall.console.live.feed import Feed
from firewall.console.live.room import LiveRoom


def feed_of(base: Base) -> Feed:
    """Return what keeps the last calls, told of every answer from now on."""
    feed = Feed(base.clock)
    base.telemetry.watch = feed.note
    return feed


def live_room(base: Base, feed: Feed) -> LiveRoom:
    """Return the room of live calls."""
    return LiveRoom(feed, base.installation.writer)
