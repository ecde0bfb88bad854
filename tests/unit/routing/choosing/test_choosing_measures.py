"""What is measured of candidates, whose names callers may make up."""

from firewall.routing.choosing.measures import MOST, Measures, Observed
from firewall.routing.choosing.tally import Fared

NOW_US = 1_795_262_400_000_000


def test_made_up_names_make_no_real_measure_forgotten() -> None:
    """Who has answered is remembered before all that never did, so nobody looks fast for having been forgotten."""
    measures = Measures()
    measures.observe(Observed("real/slow", NOW_US, 9_000_000))
    measures.began("busy/one")
    for number in range(2 * MOST):
        measures.observe(Observed(f"real/made-up-{number}", NOW_US + number, 1000, is_ok=False))
    at_us = NOW_US + 2 * MOST
    assert measures.first_token_us("real/slow", at_us) > 8_000_000
    assert measures.busy("busy/one") == 1
    assert len(measures.fared(at_us)) <= MOST
    assert measures.fared(at_us)["real/slow"] == Fared(1, 0, 0)


def test_it_tells_how_those_fared_that_were_asked() -> None:
    """By candidate; who was not asked within the hour is not told of."""
    measures = Measures()
    measures.observe(Observed("p/one", NOW_US, 1000))
    measures.observe(Observed("p/one", NOW_US, 1000, is_ok=False))
    measures.observe(Observed("p/two", NOW_US, 1000))
    measures.stood_in("p/two", NOW_US)
    measures.began("p/three")
    assert measures.fared(NOW_US) == {"p/one": Fared(1, 1, 0), "p/two": Fared(1, 0, 1)}
    assert measures.fared(NOW_US + 7200 * 1_000_000) == {}
