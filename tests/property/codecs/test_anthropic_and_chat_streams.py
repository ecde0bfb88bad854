"""What always holds of a gated stream, whatever its chunks and the rulings: Anthropic and Chat Completions."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.codecs import anthropic, openai_chat, sse
from firewall.codecs.interface import Pending, Refused, Released, Ruling, StreamCodec
from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError

_CASES = Path(__file__).parents[2] / "cases" / "streams"
_MARKER = b"MARKER"


class Case(NamedTuple):
    """A recorded stream and the calls in it."""

    name: str
    codec: ModuleType
    raw: bytes
    calls: list[list[str]]


def _load(codec: ModuleType, folder: str) -> list[Case]:
    return [
        Case(
            f"{folder}/{path.stem}",
            codec,
            path.read_bytes(),
            json.loads(path.with_suffix(".events.json").read_text())["calls"],
        )
        for path in sorted((_CASES / folder).glob("*.sse"))
    ]


CASES = _load(anthropic, "anthropic") + _load(openai_chat, "openai_chat")
CALLING = [case for case in CASES if case.calls]
PLAIN = [case for case in CASES if not any(name.startswith("unknown:") for _, name, _ in case.calls)]
"""Those without a call of unknown kind, which has no other form than its frames."""
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_calling_case = pytest.mark.parametrize("case", CALLING, ids=lambda case: case.name)
every_plain_case = pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)


class Played(NamedTuple):
    """What came of a stream."""

    before: bytes
    after: bytes
    calls: list[Pending]
    done: bool


def _feed(codec: StreamCodec, chunks: list[bytes]) -> tuple[bytes, list[Pending]]:
    steps = [codec.feed(chunk) for chunk in chunks]
    return b"".join(step.forward for step in steps), [call for step in steps for call in step.calls]


def _play(case: Case, chunks: list[bytes], rulings: dict[int, Ruling], order: list[int] | None = None) -> Played:
    codec: StreamCodec = case.codec.stream()
    before, calls = _feed(codec, chunks)
    after, done = b"", not calls
    for slot in order if order is not None else [call.slot for call in calls]:
        step = codec.rule(slot, rulings[slot])
        after += step.forward
        done = step.done
    assert codec.close().forward == b""
    return Played(before, after, calls, done)


def _cut(raw: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(set(places)), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


def _frames(data: bytes) -> Counter[bytes]:
    return Counter(frame.raw for frame in sse.Splitter().feed(data))


def _released(case: Case) -> dict[int, Ruling]:
    return dict.fromkeys(range(len(case.calls)), Released())


def _called(calls: list[Pending] | tuple[Pending, ...]) -> list[ToolCall]:
    return [pending.call for pending in calls]


@every_case
def test_the_calls_are_the_expected_ones(case: Case) -> None:
    """Every recorded stream yields exactly the calls that stand beside it, with their exact arguments."""
    played = _play(case, [case.raw], _released(case))
    assert [[one.id, one.name, one.arguments.decode()] for one in _called(played.calls)] == case.calls


@every_case
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_chunking_gives_the_same_and_forwards_everything(case: Case, data: st.DataObject) -> None:
    """However the bytes are cut and in whatever order calls are released, all that came in goes out unchanged."""
    places = data.draw(st.lists(st.integers(0, len(case.raw)), max_size=12))
    order = data.draw(st.permutations(range(len(case.calls))))
    played = _play(case, _cut(case.raw, places), _released(case), order)
    whole = _play(case, [case.raw], _released(case))
    assert played.done
    assert _called(played.calls) == _called(whole.calls)
    assert played.before == whole.before
    assert _frames(played.before + played.after) == _frames(case.raw)
    if case.codec is anthropic:
        assert played.before + played.after == case.raw


@every_calling_case
def test_no_byte_of_a_call_leaves_before_its_ruling(case: Case) -> None:
    """Cut at every byte: nothing of the arguments, nor of the reasoning that led to them, is forwarded."""
    for at in range(len(case.raw) + 1):
        codec = case.codec.stream()
        forward, _ = _feed(codec, [case.raw[:at], case.raw[at:]])
        assert _MARKER not in forward
        assert _MARKER not in codec.abort("policy_denied", "ended")


@every_calling_case
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_refused_call_leaves_only_its_text(case: Case, data: st.DataObject) -> None:
    """After any rulings the stream is regular, holds the released calls alone, and reads the same either way."""
    refused = data.draw(st.lists(st.booleans(), min_size=len(case.calls), max_size=len(case.calls)))
    order = data.draw(st.permutations(range(len(case.calls))))
    rulings: dict[int, Ruling] = {
        slot: Refused(f"refused {slot}.") if no else Released() for slot, no in enumerate(refused)
    }
    played = _play(case, [case.raw], rulings, order)
    stream = played.before + played.after
    left = [pending.call for pending in played.calls if isinstance(rulings[pending.slot], Released)]
    assert played.done
    assert {call.id for call in _called(case.codec.stream().feed(stream).calls)} == {call.id for call in left}
    for slot, no in enumerate(refused):
        assert (f"refused {slot}.".encode() in stream) == no
    if all(refused):
        assert b'"tool_calls"' not in stream.rpartition(b"finish_reason")[2]
        assert b'"stop_reason":"tool_use"' not in stream


@every_plain_case
def test_folding_and_unfolding_keep_the_calls(case: Case) -> None:
    """The answer folded from a stream has its calls, and so has the stream unfolded from that answer."""
    answer = case.codec.answer_of(case.raw)
    read = case.codec.read_answer(answer)
    codec = case.codec.stream()
    forward, again = _feed(codec, [case.codec.stream_of(answer)])
    expected = sorted(map(tuple, case.calls))
    assert sorted((one.id, one.name, one.arguments.decode()) for one in _called(read.calls)) == expected
    assert sorted((one.id, one.name, one.arguments.decode()) for one in _called(again)) == expected
    assert codec.usage == read.usage
    assert codec.issued == read.issued
    steps = [codec.rule(pending.slot, Released()) for pending in again]
    twice = case.codec.answer_of(forward + b"".join(step.forward for step in steps))
    assert json.loads(twice) == json.loads(answer)


@every_plain_case
def test_ruling_a_whole_answer_is_ruling_its_stream(case: Case) -> None:
    """Refusing every call of a whole answer leaves none; releasing all leaves its exact bytes."""
    answer = case.codec.answer_of(case.raw)
    slots = range(len(case.calls))
    assert case.codec.rule_answer(answer, dict.fromkeys(slots, Released())) == answer
    refused = case.codec.rule_answer(answer, dict.fromkeys(slots, Refused("no")))
    assert case.codec.read_answer(refused).calls == ()
    assert _MARKER not in refused or "thinking" in case.name


@every_case
def test_a_stream_that_ends_early_releases_nothing(case: Case) -> None:
    """Cut before its end, a stream ends in one error event, and no ruling brings its calls back."""
    last = [frame.raw for frame in sse.Splitter().feed(case.raw)][-1]
    ends = case.raw.index(last) if case.codec is openai_chat else len(case.raw) - len(last)
    for at in range(0, ends, 7):
        codec = case.codec.stream()
        forward, calls = _feed(codec, [case.raw[:at]])
        closing = codec.close()
        assert closing.done
        assert closing.forward.count(b'"error"') in (1, 2)
        assert sse.Splitter().feed(closing.forward)[0].raw == closing.forward
        assert _MARKER not in forward + closing.forward
        for pending in calls:
            assert codec.rule(pending.slot, Released()).forward == b""
        assert codec.abort("again", "again") == b""


@every_case
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_streams_never_leak(case: Case, data: st.DataObject) -> None:
    """Frames lost, doubled or swapped: the codec refuses or holds, and nothing of a call leaves unruled."""
    # Reasoning whose call was lost is no longer reasoning of a call: only arguments are marked here.
    raw_case = case.raw.replace(b"then MARKER", b"then").replace(b"MARKERdata", b"data")
    frames = [frame.raw for frame in sse.Splitter().feed(raw_case)]
    chosen = data.draw(st.lists(st.sampled_from(frames), max_size=len(frames) + 3))
    codec = case.codec.stream()
    out = b""
    try:
        for raw in chosen:
            out += codec.feed(raw).forward
    except ProtocolError as error:
        assert error.side == "upstream"  # noqa: PT017 - a refusal is one of two right answers
        out += codec.abort(error.code, error.public)
    else:
        out += codec.close().forward
    assert _MARKER not in out
