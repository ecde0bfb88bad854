"""A call under way counts with its candidate until it is over, and what its attempts took is measured."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.routing.call import Attempt, Candidate, Heard, UnansweredError
from firewall.routing.choosing.measures import WHOLE
from firewall.routing.choosing.watching import Watch
from firewall.routing.port import UpstreamResponse
from firewall.routing.trying.answers import Begun, Kept
from firewall.routing.trying.lines import FREE
from tests.support.choosing import NOW_US, House, call_of

ROUTE = '[[route]]\nname = "r"\nchain = ["saas/a", "saas/b"]\nstrategy = "least_busy"\n'


class Silent:
    """An answer that nobody reads."""

    def close(self) -> None:
        """Nothing is held."""


def heard(*tried: tuple[Candidate, str, int]) -> Heard:
    """Return what is told of an answer: its attempts with outcome and milliseconds."""
    attempts = tuple(Attempt(candidate, outcome, 200, took_ms) for candidate, outcome, took_ms in tried)
    return Heard(attempts[-1].candidate, "r", len(attempts), tried=attempts)


def test_a_stream_keeps_its_candidate_busy_until_it_is_over() -> None:
    """Others are asked meanwhile; ending it twice counts once."""
    house = House(ROUTE)
    call = call_of("r", stream=True)
    plan = house.plan(call)
    a, b = plan.candidates
    begun = Begun(
        cast("UpstreamResponse", Silent()),
        cast("AsyncIterator[bytes]", None),
        opening=b"",
        dialect=Dialect.ANTHROPIC,
        heard=heard((a, "unavailable", 10), (b, "ok", 30)),
        place=FREE,
        broke=lambda _: None,
    )
    with Watch(house.chooser, call, plan) as watch:
        assert house.names(call) == ["saas/b", "saas/a"]
        watch.heard(begun)
    assert house.names(call) == ["saas/a", "saas/b"]
    measures = house.chooser.measures
    assert (measures.busy("saas/a"), measures.busy("saas/b")) == (0, 1)
    assert measures.first_token_us("saas/b", NOW_US) == 30_000
    begun.close()
    begun.close()
    assert measures.busy("saas/b") == 0


def test_a_whole_answer_is_measured_apart() -> None:
    """Its time is not that of a first token."""
    house = House(ROUTE)
    call = call_of("r")
    plan = house.plan(call)
    with Watch(house.chooser, call, plan) as watch:
        kept = Kept(200, [], b"{}", heard((plan.candidates[0], "ok", 900)))
        assert watch.heard(kept) is kept
    measures = house.chooser.measures
    assert measures.busy("saas/a") == 0
    assert measures.first_token_us("saas/a", NOW_US) == 0
    assert measures.first_token_us("saas/a" + WHOLE, NOW_US) == 900_000


def test_what_failed_is_measured_and_nobody_stays_busy() -> None:
    """Also where nobody answered, and where the caller left."""
    house = House(ROUTE)
    call = call_of("r", stream=True)
    plan = house.plan(call)
    cause = UpstreamError("gone", fault=UpstreamFault.UNAVAILABLE)
    failure = UnansweredError(cause, heard((plan.candidates[0], "unavailable", 40)))
    for error in (failure, KeyboardInterrupt()):
        with pytest.raises(type(error)), Watch(house.chooser, call, plan):
            raise error
    assert house.chooser.measures.busy("saas/a") == 0
    assert house.chooser.measures.first_token_us("saas/a", NOW_US) == 40_000
