"""What holds for every stored stream of the Responses and Gemini dialects, however it is cut and ruled."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firewall.codecs.interface import Refused, Released
from tests.support.stream_play import MARK, Case, cases, chunks, events, play, shape

EVERY = cases()
WHOLE = [one for one in EVERY if one.ends == "complete"]
CUT = [one for one in EVERY if one.ends == "truncated"]
each = pytest.mark.parametrize("case", EVERY, ids=str)
whole = pytest.mark.parametrize("case", WHOLE, ids=str)
quick = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
cuts = st.lists(st.integers(min_value=0, max_value=9000), max_size=12)


def bare(calls: object) -> list:
    """Return calls with their JSON parsed: white space between tokens is not what is promised."""
    return [(one[0], one[1], json.loads(one[2]) if one[3] == "json" else one[2]) for one in calls]


@each
@quick
@given(places=cuts, refused=st.sets(st.integers(min_value=0, max_value=6)))
def test_chunking_never_matters(case: Case, places: list[int], refused: set[int]) -> None:
    """However the bytes are cut, the same calls come up and the same bytes leave."""

    def decide(slot: int) -> Refused | Released:
        return Refused("no") if slot in refused else Released()

    one = play(case.codec, [case.raw], decide)
    other = play(case.codec, chunks(case.raw, places), decide)
    assert other.calls == one.calls
    assert other.forward == one.forward
    assert one.done
    assert other.done


@each
def test_calls_are_what_the_case_says(case: Case) -> None:
    """Every call comes up once, with its exact arguments."""
    assert play(case.codec, [case.raw]).calls == case.calls


@whole
@quick
@given(places=cuts, late=st.booleans())
def test_forwarded_equals_received(case: Case, places: list[int], late: bool) -> None:  # noqa: FBT001 - drawn
    """When all calls are released, the client gets what the provider sent, byte for byte."""
    assert play(case.codec, chunks(case.raw, places), late=late).forward == case.raw


@each
def test_nothing_of_a_call_leaves_before_its_ruling(case: Case) -> None:
    """Fed byte by byte, no forwarded byte up to any offset holds a mark of arguments or their reasoning."""
    stream, forward = case.codec.stream(), b""
    for place in range(len(case.raw)):
        forward += stream.feed(case.raw[place : place + 1]).forward
    assert MARK not in forward
    assert MARK not in forward + stream.close().forward
    texts = "".join(_texts(events(forward)))
    assert texts.startswith(case.free)


def _texts(found: list[dict]) -> list[str]:
    out = [one["delta"] for one in found if one.get("type") == "response.output_text.delta"]
    for one in found:
        for candidate in one.get("candidates", []):
            parts = candidate.get("content", {}).get("parts", [])
            out += [part["text"] for part in parts if "text" in part and not part.get("thought")]
    return out


@each
def test_cut_off_anywhere_ends_well_and_releases_nothing(case: Case) -> None:
    """Closed at any offset, the answer ends in one error and no unruled call leaves; never twice, never open."""
    step = max(1, len(case.raw) // 400)
    for place in range(1, len(case.raw), step):
        stream = case.codec.stream()
        fed = stream.feed(case.raw[:place])
        closed = stream.close()
        forward = fed.forward + closed.forward
        assert MARK not in forward
        found = events(forward)
        if closed.done and not fed.done:
            assert _is_end(found[-1])
            assert sum(_is_end(one) for one in found) == 1
            assert stream.abort("again", "again") == b""


def _is_end(event: dict) -> bool:
    return (
        "error" in event
        or event.get("type")
        in (
            "response.completed",
            "response.failed",
            "response.incomplete",
            "error",
        )
        or any("finishReason" in one for one in event.get("candidates", []))
        or "promptFeedback" in event
    )


@pytest.mark.parametrize("case", CUT, ids=str)
def test_late_rulings_on_a_dead_stream_release_nothing(case: Case) -> None:
    """A call whose stream broke off stays unreleased even when its approval comes afterwards."""
    played = play(case.codec, [case.raw], late=True)
    assert MARK not in played.forward
    assert played.done


@whole
@quick
@given(refused=st.sets(st.integers(min_value=0, max_value=6)), late=st.booleans())
def test_a_ruled_stream_is_a_stream_of_exactly_the_released_calls(
    case: Case,
    refused: set[int],
    late: bool,  # noqa: FBT001 - drawn
) -> None:
    """What leaves is read again by the same strict codec: released calls only, texts for the others, one end."""

    def decide(slot: int) -> Refused | Released:
        return Refused(f"<refused {slot}>") if slot in refused else Released()

    ruled = play(case.codec, [case.raw], decide, late=late)
    again = play(case.codec, [ruled.forward])
    kept = [shape(one) for one in ruled.pending if one.slot not in refused]
    assert bare(again.calls) == bare(kept)
    assert again.forward == ruled.forward
    for one in ruled.pending:
        assert (f"<refused {one.slot}>" in ruled.forward.decode()) == (one.slot in refused)
    if len(kept) == 0 and ruled.pending:
        assert MARK not in ruled.forward


@whole
@quick
@given(refused=st.sets(st.integers(min_value=0, max_value=6)))
def test_folding_and_unfolding_keep_the_calls(case: Case, refused: set[int]) -> None:
    """A ruled stream as a whole answer, and that as a stream again, ask for the same."""

    def decide(slot: int) -> Refused | Released:
        return Refused("no") if slot in refused else Released()

    ruled = play(case.codec, [case.raw], decide)
    kept = sorted(bare([shape(one) for one in ruled.pending if one.slot not in refused]), key=str)
    if any("error" in one or one.get("type") in ("error", "response.failed") for one in events(ruled.forward)):
        return
    answer = case.codec.answer_of(ruled.forward)
    # An event of no table has no place in a whole answer.
    kept = [one for one in kept if not one[1].startswith("unknown:response.")]
    assert sorted(bare([shape(one) for one in case.codec.read_answer(answer).calls]), key=str) == kept
    stream = case.codec.stream_of(answer)
    assert sorted(bare(play(case.codec, [stream]).calls), key=str) == kept
    assert play(case.codec, [stream]).forward == stream


@whole
@quick
@given(refused=st.sets(st.integers(min_value=0, max_value=6)))
def test_whole_answers_are_ruled_like_streams(case: Case, refused: set[int]) -> None:
    """Of a whole answer exactly the released calls remain; with all released it is untouched."""
    answer = case.codec.answer_of(case.raw)
    if "error" in json.loads(answer) and "output" not in json.loads(answer):
        return
    found = case.codec.read_answer(answer)
    rulings = {one.slot: Refused("<no>") if one.slot in refused else Released() for one in found.calls}
    ruled = case.codec.rule_answer(answer, rulings)
    if not any(isinstance(one, Refused) for one in rulings.values()):
        assert ruled == answer
    left = case.codec.read_answer(ruled)
    kept = [shape(one) for one in found.calls if one.slot not in refused]
    assert [shape(one) for one in left.calls] == kept
    assert left.usage == found.usage
    if not kept and found.calls:
        assert MARK not in ruled


@each
def test_usage_is_read(case: Case) -> None:
    """The provider's counts are found, wherever the stream carries them."""
    if case.usage is None:
        return
    stream = case.codec.stream()
    stream.feed(case.raw)
    usage = stream.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == case.usage or (
        case.name == "two_candidates" and usage.input_tokens == case.usage[0]
    )
