"""How old something in memory is: what passed, or what the machine's clock says where that is more."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.app.clock import SystemClock
from firewall.core.moments import Moment
from tests.support.setting import SetClock

TURNS = st.lists(
    st.tuples(st.integers(min_value=0, max_value=10**6), st.integers(min_value=-(10**7), max_value=10**7)),
    max_size=20,
)
"""Seconds that pass, and seconds by which the clock is set forward or back then."""


@given(TURNS)
def test_no_setting_of_the_clock_makes_anything_younger(turns: list[tuple[int, int]]) -> None:
    """Nothing is younger than either clock says, whenever it began."""
    machine = SetClock()
    began = [Moment.of(machine)]
    for passed, by in turns:
        machine.forward(passed)
        machine.set_by(by)
        for one in began:
            assert one.age_us(machine) >= machine.elapsed_us() - one.elapsed_us
            assert one.age_us(machine) >= machine.now_us() - one.wall_us
        began.append(Moment.of(machine))
        assert began[-1].age_us(machine) == 0


def test_a_clock_that_nobody_sets_gives_the_time_that_passed() -> None:
    """Both clocks say the same; set forward, things are as much older."""
    machine = SetClock()
    began = Moment.of(machine)
    machine.forward(5)
    assert began.age_us(machine) == 5_000_000
    machine.set_by(3600)
    assert began.age_us(machine) == 3605_000_000


def test_the_machines_own_clock_tells_what_passed() -> None:
    """It goes forward."""
    clock = SystemClock()
    assert 0 < clock.elapsed_us() <= clock.elapsed_us()
    assert Moment.of(clock).age_us(clock) >= 0
