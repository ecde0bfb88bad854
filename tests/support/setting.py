"""A machine whose clock somebody sets."""

from firewall.app.clock import SystemClock
from tests.support.approving import START_US


class SetClock(SystemClock):
    """Time passes when a test says so; what the clock says can be set to something else."""

    def __init__(self) -> None:
        self._passed_us = 0
        self._set_us = START_US

    def now_us(self) -> int:
        """Return what the clock says: unix time in microseconds."""
        return self._set_us + self._passed_us

    def elapsed_us(self) -> int:
        """Return how much time passed."""
        return self._passed_us

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self._passed_us += int(seconds * 1_000_000)

    def set_by(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._set_us += int(seconds * 1_000_000)
