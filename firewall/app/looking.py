"""What pages look at while calls are judged: a feed of them, the books, and what follows the log for pages."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from firewall.app.base import Base
from firewall.app.explorer import behind_of
from firewall.app.live import feed_of
from firewall.app.money import budgets_of
from firewall.app.sessions import follower_of
from firewall.console.costs.books import Costs
from firewall.console.explorer.behind import Behind
from firewall.console.live.feed import Feed
from firewall.console.runs.following import Follower


@dataclass(frozen=True, slots=True)
class Looking:
    """All of it."""

    feed: Feed
    follower: Follower
    behind: Behind
    costs: Costs
    forget: tuple[Callable[[str], None], ...]
    """What has people in memory who may be erased."""


def looking_of(base: Base, forget: Callable[[str], None], stack: AsyncExitStack) -> Looking:
    """Return all of it; `stack` closes what must be. Raises: StoreError, ConfigError.

    `forget`: what else has people in memory.
    """
    follower = follower_of(base)
    stack.callback(follower.close)
    costs = Costs(base.settings.database, base.clock, budgets_of(base.settings))
    feed = feed_of(base)
    return Looking(feed, follower, behind_of(base), costs, (feed.forget, forget))
