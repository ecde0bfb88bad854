"""A machine whose clock somebody sets."""

from firewall.app.clock import SystemClock
from tests.support.approving import StillClock


class SetClock(StillClock, SystemClock):
    """Time passes when a test says so, and the clock is set, for a whole installation."""
