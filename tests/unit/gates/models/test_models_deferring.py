"""Refusals that wait for the end of an answer: told to the model when nothing else came, explained otherwise."""

from dataclasses import dataclass
from typing import cast

import orjson
import pytest

from firewall.codecs import anthropic
from firewall.codecs.continuing.registry import CONTINUERS
from firewall.codecs.interface import Refused, Released, Usage
from firewall.core.dialect import Dialect
from firewall.gates.models.paying import cost_header, exact_cost
from firewall.gates.models.ruler import AnswerRuler, StreamRuler
from firewall.spend.meter import Meter


def call_of(ident: str) -> dict[str, object]:
    """Return a call as a block."""
    return {"type": "tool_use", "id": ident, "name": "bash", "input": {"command": ident}}


def answer_of(*idents: str) -> bytes:
    """Return a whole answer with these calls."""
    return orjson.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "So."}, *map(call_of, idents)],
            "stop_reason": "tool_use" if idents else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 4},
        }
    )


def streamed(*idents: str, defers: bool = True) -> StreamRuler:
    """Return the ruler of a stream that has ended, its calls not ruled on."""
    ruler = StreamRuler(anthropic, defers=defers)
    ruler.feed(anthropic.stream_of(answer_of(*idents)))
    ruler.close()
    return ruler


def test_refusals_of_a_whole_stream_wait_until_they_are_settled() -> None:
    """Nothing is put in place of them before; afterwards the stream is what it would have been at once."""
    ruler = streamed("a", "b")
    ruler.rule(0, Refused("no a"))
    assert (ruler.refused, ruler.done) == ((), False)
    ruler.rule(1, Refused("no b"))
    assert [(one.pending.call.id, one.text) for one in ruler.refused] == [("a", "no a"), ("b", "no b")]
    assert not ruler.done
    assert b"no a" not in ruler.as_stream()
    ruler.settle()
    at_once = streamed("a", "b", defers=False)
    at_once.rule(0, Refused("no a"))
    at_once.rule(1, Refused("no b"))
    assert (ruler.done, ruler.as_stream()) == (True, at_once.as_stream())
    assert ruler.refused == ()


def test_a_released_call_settles_what_waited() -> None:
    """An answer of which something leaves is explained as ever, in order."""
    ruler = streamed("a", "b")
    ruler.rule(0, Refused("no a"))
    ruler.rule(1, Released())
    assert ruler.done
    assert ruler.refused == ()
    said = anthropic.read_answer(ruler.as_answer())
    assert [one.call.id for one in said.calls] == ["b"]
    assert b"no a" in ruler.as_answer()


def test_an_answer_without_an_end_is_not_gone_on_from() -> None:
    """While more may come, and after an error, nothing is told to the model."""
    ruler = StreamRuler(anthropic, defers=True)
    stream = anthropic.stream_of(answer_of("a"))
    ruler.feed(stream[: stream.index(b"message_delta")])
    ruler.rule(0, Refused("no"))
    assert ruler.refused == ()
    ruler.close()
    assert (ruler.done, ruler.refused) == (True, ())


@pytest.mark.parametrize("calls", [("a",), ("a", "b")])
def test_whole_answers_wait_as_streams_do(calls: tuple[str, ...]) -> None:
    """All refused: not done until settled; settled: the answer with texts in place."""
    ruler = AnswerRuler(anthropic, answer_of(*calls), defers=True)
    for slot in range(len(calls)):
        ruler.rule(slot, Refused("no"))
    assert len(ruler.refused) == len(calls)
    assert not ruler.done
    ruler.settle()
    assert (ruler.done, ruler.refused) == (True, ())
    assert b"tool_use" not in ruler.as_answer()


def test_a_whole_answer_with_a_released_call_is_done() -> None:
    """Whichever is ruled on first."""
    for released, refused in ((0, 1), (1, 0)):
        ruler = AnswerRuler(anthropic, answer_of("a", "b"), defers=True)
        ruler.rule(refused, Refused("no"))
        ruler.rule(released, Released())
        assert (ruler.done, ruler.refused) == (True, ())


def test_an_answer_without_calls_has_nothing_to_wait_for() -> None:
    """It is done at once, and its own bytes."""
    ruler = AnswerRuler(anthropic, answer_of(), defers=True)
    assert (ruler.done, ruler.as_answer()) == (True, answer_of())
    assert streamed().done


def test_what_goes_on_keeps_what_was_given_out() -> None:
    """The ruler that goes on has all frames from the beginning, for a client that comes back."""
    first = streamed("a")
    first.rule(0, Refused("no"))
    second = first.following(CONTINUERS[Dialect.ANTHROPIC].follower(first.as_stream(), 4))
    second.feed(anthropic.stream_of(answer_of()))
    second.close()
    assert second.done
    assert second.as_stream().startswith(first.as_stream())
    whole = orjson.loads(second.as_answer())
    assert [block["text"] for block in whole["content"]] == ["So.", "So."]
    assert whole["usage"]["output_tokens"] == 8
    assert second.usage.output_tokens == 4


@dataclass(slots=True)
class Metered:
    """A meter, as far as headers look at it."""

    micros: int | None = 7
    was_asked: bool = True
    was_refused: bool = False

    def cost_of(self, usage: Usage) -> int | None:
        """Return what was set."""
        del usage
        return self.micros


def test_an_answer_costs_what_all_its_requests_cost() -> None:
    """What one of them cost and nobody knows makes the whole unknown: no number is better than a wrong one."""
    told, known = Usage(output_tokens=1, is_reported=True), cast("Meter", Metered())
    assert cost_header(known, told, earlier=5) == [(b"x-stayhand-cost-micros", b"12")]
    assert cost_header(known, told) == [(b"x-stayhand-cost-micros", b"7")]
    assert cost_header(known, told, earlier=None) == []
    assert cost_header(known, Usage(), earlier=5) == []
    assert exact_cost(cast("Meter", Metered(was_refused=True)), told) is None
    assert exact_cost(cast("Meter", Metered(was_asked=False)), told) is None
    assert exact_cost(cast("Meter", Metered(micros=None)), told) is None
