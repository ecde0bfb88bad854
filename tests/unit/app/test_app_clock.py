"""How long things last: by the machine's clock, whatever it is set to, and never longer than time passes."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.app.clock import SteadyClock, SystemClock, wall_of
from tests.support.approving import START_US, StillClock
from tests.support.setting import SetClock

SECONDS = st.integers(min_value=0, max_value=10**6)
TURNS = st.lists(st.tuples(SECONDS, st.integers(min_value=-(10**7), max_value=10**7)), max_size=20)
"""Seconds that pass, and seconds by which the clock is set forward or back then."""


@given(TURNS)
def test_no_setting_of_the_clock_makes_anything_last_longer(turns: list[tuple[int, int]]) -> None:
    """What has so long to last is over when that time has passed, or sooner; time never goes back."""
    machine = SetClock()
    steady = SteadyClock(machine)
    seen = [(machine.elapsed_us(), steady.now_us())]
    for passed, by in turns:
        machine.forward(passed)
        machine.set_by(by)
        elapsed, now = machine.elapsed_us(), steady.now_us()
        assert now >= machine.now_us()
        assert all(now - then >= elapsed - at for at, then in seen)
        seen.append((elapsed, now))


def test_a_clock_that_nobody_sets_is_the_machines() -> None:
    """It says what that says, and goes forward with it where it was set forward."""
    machine = SetClock()
    steady = SteadyClock(machine)
    machine.forward(5)
    assert steady.now_us() == machine.now_us() == START_US + 5_000_000
    machine.set_by(3600)
    assert steady.now_us() == machine.now_us()
    machine.set_by(-7200)
    assert steady.now_us() == machine.now_us() + 7_200_000_000
    assert wall_of(steady).now_us() == machine.now_us()


def test_what_is_no_steady_clock_is_its_own_wall() -> None:
    """Parts are built with any clock."""
    still = StillClock()
    assert wall_of(still) is still
    machine = SystemClock()
    assert machine.elapsed_us() <= machine.elapsed_us()
    assert machine.now_us() > 0
