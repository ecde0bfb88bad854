"""Counts of the last hour: what is in it, what has left it, and clocks that jump."""

from firewall.routing.choosing.tally import SLOT_US, SLOTS, Fared, Tally

NOW_US = 1_795_262_400_000_000


def test_it_counts_what_was_asked_in_the_last_hour() -> None:
    """Answers, failures and stand-ins, until an hour later nothing is left of them."""
    tally = Tally()
    assert tally.total(NOW_US) == Fared()
    tally.count(NOW_US, is_ok=True)
    tally.count(NOW_US, is_ok=False)
    tally.count(NOW_US + SLOT_US, is_ok=True)
    tally.stood_in(NOW_US + SLOT_US)
    assert tally.total(NOW_US + SLOT_US) == Fared(2, 1, 1)
    assert tally.total(NOW_US + (SLOTS - 1) * SLOT_US) == Fared(2, 1, 1)
    assert tally.total(NOW_US + SLOTS * SLOT_US) == Fared(1, 0, 1)
    assert tally.total(NOW_US + 100 * SLOT_US) == Fared()


def test_a_clock_that_jumps_back_counts_on() -> None:
    """Nothing is lost and nothing raises; a jump ahead empties the hour, as an hour would."""
    tally = Tally()
    tally.count(NOW_US, is_ok=True)
    tally.count(NOW_US - 50 * SLOT_US, is_ok=True)
    assert tally.total(NOW_US - 50 * SLOT_US) == Fared(2, 0, 0)
    tally.count(NOW_US + 10**12 * SLOT_US, is_ok=False)
    assert tally.total(NOW_US) == Fared(0, 1, 0)


def test_sums_are_sums() -> None:
    """Of several models, each count by itself."""
    assert Fared(1, 2, 1) + Fared(10, 20, 0) == Fared(11, 22, 1)
    assert Fared(1, 2, 1).asked == 3
