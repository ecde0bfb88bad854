"""What always holds of translated streams, whatever their chunks, for all pairs of dialects."""

import json
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.codecs.interface import Released, StreamCodec
from firewall.codecs.neutral.events import Failure, Fault
from firewall.codecs.neutral.translate import (
    StreamTranslation,
    translate_answer,
    translate_error,
    translate_request,
)
from firewall.core.call import CallForm, ToolCall
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError
from tests.support import translated

each_pair = pytest.mark.parametrize(("provider", "client"), translated.pairs(), ids=lambda one: one.value)
recorded = lru_cache(translated.recorded)
asked = lru_cache(translated.asked)


def _pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(set(cuts)), len(raw)]
    return [raw[start:stop] for start, stop in pairwise(edges)]


@lru_cache
def _frames(provider: Dialect) -> tuple[str, ...]:
    """Return the data of every frame that a provider's recorded streams hold, each once."""
    lines = (line for raw in recorded(provider).values() for line in raw.decode().splitlines())
    return tuple(dict.fromkeys(line[6:] for line in lines if line.startswith("data: {")))


def _ruled(codec: StreamCodec, raw: bytes) -> tuple[list[ToolCall], bool, bool]:
    """Return the calls that a codec finds in a stream, whether it ended there, and whether anything was open."""
    step = codec.feed(raw)
    calls, done = [one.call for one in step.calls], step.done
    for one in step.calls:
        done = codec.rule(one.slot, Released()).done
    end = codec.close()
    # Gemini's streams have no terminal event: what closes them says nothing more.
    return calls, done or end.done, bool(end.forward)


def _said(calls: list[ToolCall]) -> list[tuple[str, object]]:
    return sorted((call.name, _plain(call)) for call in calls)


def _plain(call: ToolCall) -> str:
    if call.form is CallForm.TEXT:
        return call.arguments.decode()
    return json.dumps(json.loads(call.arguments or b"{}"), sort_keys=True)


@each_pair
@settings(max_examples=40)
@given(data=st.data())
def test_chunks_never_change_what_the_client_gets(provider: Dialect, client: Dialect, data: st.DataObject) -> None:
    """Cut anywhere, a stream becomes the same bytes."""
    raw, told = data.draw(st.sampled_from(list(recorded(provider).values()))), asked(client, provider)
    cuts = data.draw(st.lists(st.integers(min_value=0, max_value=len(raw)), max_size=12))
    assert translated.stream(_pieces(raw, cuts), told) == translated.stream([raw], told)


@each_pair
def test_single_bytes_never_change_what_the_client_gets(provider: Dialect, client: Dialect) -> None:
    """Every recorded stream, byte for byte."""
    told = asked(client, provider)
    for name, raw in recorded(provider).items():
        pieces = [raw[at : at + 1] for at in range(len(raw))]
        assert translated.stream(pieces, told) == translated.stream([raw], told), name


@each_pair
def test_calls_out_are_calls_in(provider: Dialect, client: Dialect) -> None:
    """The client's own codec reads each translated stream: it finds the calls, each once, and one end."""
    for name, raw in recorded(provider).items():
        translation = StreamTranslation(asked(client, provider))
        refused = ""
        try:
            written = translation.feed(raw) + translation.close()
        except ProtocolError as error:
            refused = error.code
        if refused:
            assert refused in {"untranslatable_answer", "stream_malformed"}, name
            continue
        calls, done, is_open = _ruled(translated.CODECS[client].stream(), written)
        assert (translation.is_ended, done, is_open) == (True, True, False), name
        original, _, _ = _ruled(translated.CODECS[provider].stream(), raw)
        if translation.failure is None and not any(call.name.startswith("unknown:") for call in original):
            assert _said(calls) == _said(original), name
        assert len({call.id for call in calls}) == len(calls), name


@each_pair
@settings(max_examples=40)
@given(data=st.data())
def test_a_stream_that_is_cut_off_never_ends_as_if_it_were_complete(
    provider: Dialect, client: Dialect, data: st.DataObject
) -> None:
    """Wherever the provider breaks off, the client gets one terminal event, and it is an error before the end."""
    raw = data.draw(st.sampled_from(list(recorded(provider).values())))
    at = data.draw(st.integers(min_value=0, max_value=len(raw)))
    translation = StreamTranslation(asked(client, provider))
    try:
        translation.feed(raw[:at])
        ended = translation.is_ended
        translation.close()
    except ProtocolError as error:
        translation.abort(Failure(Fault.SERVER, error.public))
        ended = False
    assert translation.is_ended
    if not ended and at < len(raw.rstrip()):
        assert translation.failure is not None
    assert translation.close() == translation.feed(raw) == translation.abort(Failure(Fault.SERVER, "x")) == b""


@each_pair
@settings(max_examples=30)
@given(data=st.data())
def test_arbitrary_bytes_of_a_provider_raise_nothing_but_a_protocol_error(
    provider: Dialect, client: Dialect, data: st.DataObject
) -> None:
    """Frames of any JSON, in any order, as stream, whole answer and error: understood, or refused."""
    told = asked(client, provider)
    value = st.recursive(
        st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "a", "tool_use", "text", "{"]),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "id", "a"]), inner, max_size=2)
        ),
        max_leaves=4,
    )
    chosen = [
        json.loads(one) for one in data.draw(st.lists(st.sampled_from(_frames(provider)), min_size=1, max_size=6))
    ]
    for frame in chosen:
        for key in data.draw(st.lists(st.sampled_from(sorted(frame)), max_size=2)):
            frame[key] = data.draw(value)
        for inner in [one for one in frame.values() if isinstance(one, dict) and one]:
            for key in data.draw(st.lists(st.sampled_from(sorted(inner)), max_size=1)):
                inner[key] = data.draw(value)
    raw = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in chosen)
    translated.stream([raw], told)
    for frame in chosen:
        body = json.dumps(frame).encode()
        side = "upstream"
        try:
            translate_answer(told, body)
        except ProtocolError as error:
            side = error.side
        assert side == "upstream"
        translate_error(told, 500, body)


@each_pair
@settings(max_examples=40)
@given(data=st.data())
def test_arbitrary_requests_raise_nothing_but_a_protocol_error(
    provider: Dialect, client: Dialect, data: st.DataObject
) -> None:
    """Any member of any stored request may be anything: it is carried, or refused with 400."""
    value = data.draw(st.sampled_from(list(translated.stored(client, "requests").values())))
    odd = st.sampled_from([None, True, 3, -1, 0.5, "x", "", [], {}, [{}], {"type": "x"}, [None], ["a"]])
    holders = _holders(value)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(holders))
        holder[key] = data.draw(odd)
    assert isinstance(value, dict)
    status = 400
    try:
        translate_request(
            value,
            source=client,
            target=provider,
            model=translated.MODELS[provider],
            path=translated.PATHS.get(client, ""),
        )
    except ProtocolError as error:
        status = error.status
    assert status == 400


def _holders(value: object) -> list[tuple[dict[str, object], str]]:
    if isinstance(value, list):
        return [one for item in value for one in _holders(item)]
    if not isinstance(value, dict):
        return []
    return [(value, key) for key in value] + [one for item in value.values() for one in _holders(item)]


@each_pair
def test_a_request_read_twice_is_the_same(client: Dialect, provider: Dialect) -> None:
    """Reading and writing keep no state: the history sent again becomes the same bytes, so caches still fit."""
    for value in translated.stored(client, "requests").values():
        assert isinstance(value, dict)
        first, second = (translated.request(value, client, provider) for _ in "ab")
        assert first == second
