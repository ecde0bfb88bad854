"""What counts as passed in a drill, and the questions that it asks."""

import pytest

from firewall.codecs.dialects import CODECS
from firewall.core.dialect import Dialect
from firewall.core.strict_json import loads_object
from firewall.routing.drills.asking import question
from firewall.routing.drills.scenarios import DRILLED, Scenario, error_body
from firewall.routing.drills.scoring import Expected, Seen, expected, score
from firewall.routing.trying.faults import Fault, fault_of_status

EVERY = pytest.mark.parametrize("dialect", list(Dialect), ids=[one.value for one in Dialect])


def answers(dialect: Dialect, *, is_streamed: bool) -> bytes:
    """Return a whole answer to the drill's question."""
    path, body = question(dialect, "m-1", is_streamed=is_streamed)
    codec = CODECS[dialect]
    whole = codec.refusal(codec.read_request(body, loads_object(body), {}, path), "ready")
    return codec.stream_of(whole) if is_streamed else whole


@EVERY
@pytest.mark.parametrize("is_streamed", [True, False])
def test_the_question_is_one_that_the_gate_accepts(dialect: Dialect, *, is_streamed: bool) -> None:
    """In every dialect, streamed or not, it reads as a request for the model without tools."""
    path, body = question(dialect, "m-1", is_streamed=is_streamed)
    request = CODECS[dialect].read_request(body, loads_object(body), {}, path)
    assert (request.model, request.stream, request.hosted) == ("m-1", is_streamed, ())


@EVERY
@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_whole_answer_passes_and_a_part_of_one_does_not(dialect: Dialect, *, is_streamed: bool) -> None:
    """Half an answer is broken, whatever its status says; an error status is no answer."""
    body = answers(dialect, is_streamed=is_streamed)
    headers = {"x-stayhand-attempts": "2", "x-stayhand-model": "m-2"}

    def seen(said: bytes, status: int = 200) -> tuple[str, bool]:
        found = score(
            Scenario.UNAVAILABLE, Seen(status, headers, said, 5), dialect=dialect, is_streamed=is_streamed
        )
        assert (found.attempts, found.model, found.took_ms) == (2, "m-2", 5)
        return found.seen, found.is_passed

    assert seen(body) == ("answered", True)
    assert seen(body[: len(body) // 2]) == ("broken", False)
    assert seen(b'{"error":{}}', 503) == ("refused with status 503", False)


@EVERY
def test_one_error_ends_a_stream_cleanly_only_where_words_had_come(dialect: Dialect) -> None:
    """After the first word an error event is the right end; before it, falling over is."""
    stream = CODECS[dialect].stream()
    said = stream.abort("upstream_unavailable", "broken off")
    late = score(Scenario.STALL, Seen(200, {}, said, 1), dialect=dialect, is_streamed=True)
    assert (late.seen, late.is_passed) == ("ended in one error", True)
    early = score(Scenario.UNAVAILABLE, Seen(200, {}, said, 1), dialect=dialect, is_streamed=True)
    assert (early.seen, early.is_passed) == ("ended in one error", False)
    assert late.row()["passed"] is True


def test_a_filters_word_may_be_passed_on() -> None:
    """Falling over is the route's choice there; everywhere else an answer must come."""
    assert expected(Scenario.CONTENT_FILTER, is_streamed=True) is Expected.OWN_WORD
    assert expected(Scenario.MISSING_TERMINATOR, is_streamed=True) is Expected.CLEAN_END
    assert {expected(one, is_streamed=False) for one in DRILLED} == {Expected.ANSWER, Expected.OWN_WORD}


@EVERY
@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        (Scenario.RATE_LIMITED, Fault.RATE),
        (Scenario.SERVER_ERROR_ONCE, Fault.SERVER),
        (Scenario.UNAVAILABLE, Fault.OVERLOADED),
        (Scenario.ERROR_BODY, Fault.OVERLOADED),
        (Scenario.CONTEXT_LENGTH, Fault.CONTEXT),
        (Scenario.CONTENT_FILTER, Fault.FILTERED),
        (Scenario.NO_PREFILL, Fault.CALLER),
    ],
    ids=str,
)
def test_each_dialects_words_are_recognised(dialect: Dialect, scenario: Scenario, fault: Fault) -> None:
    """What a provider says of a fault in its own words is that fault to routing."""
    assert fault_of_status(*error_body(dialect, scenario)) is fault
