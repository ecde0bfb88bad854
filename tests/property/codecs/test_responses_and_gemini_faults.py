"""Whatever a provider sends, a codec answers or refuses; it never breaks."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firewall.codecs.interface import Refused, Released
from firewall.core.errors import ProtocolError
from tests.support.stream_play import DIALECTS, Case, cases, events, play

each = pytest.mark.parametrize("case", cases(), ids=str)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.sampled_from([None, True, False, 0, -1, 7, 1.5, "", "x", [], {}, ["x"], {"type": "x"}, [{}], [None]])


def paths(value: object, path: tuple = ()) -> list[tuple]:
    """Return the paths of all values in a document."""
    found = [path] if path else []
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        found += paths(inner, (*path, step))
    return found


def blame(error: ProtocolError) -> None:
    """Check that a refusal names the provider as its cause."""
    assert (error.side, error.status) == ("upstream", 502)


def damaged(value: dict, path: tuple, new: object) -> dict:
    """Return a copy with another value at `path`."""
    out = copy.deepcopy(value)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return out


@each
@quick
@given(data=st.data())
def test_values_of_other_types_are_read_or_refused(case: Case, data: st.DataObject) -> None:
    """One value of another type anywhere in a stream leads to an answer or to ProtocolError, never to a crash."""
    found = events(case.raw)
    place = data.draw(st.integers(0, len(found) - 1))
    path = data.draw(st.sampled_from(paths(found[place])))
    found[place] = damaged(found[place], path, data.draw(SCALARS))
    raw = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in found)
    refused = data.draw(st.booleans())
    try:
        played = play(case.codec, [raw], lambda _: Refused("no") if refused else Released())
        answer = case.codec.answer_of(played.forward)
        case.codec.rule_answer(answer, {one.slot: Refused("no") for one in case.codec.read_answer(answer).calls})
    except ProtocolError as error:
        blame(error)


@each
@quick
@given(place=st.integers(0, 9000), byte=st.integers(0, 255))
def test_any_one_wrong_byte_is_read_or_refused(case: Case, place: int, byte: int) -> None:
    """One wrong byte leads to an answer that ends, or to ProtocolError."""
    raw = bytearray(case.raw)
    raw[place % len(raw)] = byte
    try:
        assert play(case.codec, [bytes(raw)]).done
    except ProtocolError as error:
        blame(error)


@each
@quick
@given(data=st.data())
def test_damaged_whole_answers_are_read_or_refused(case: Case, data: st.DataObject) -> None:
    """One value of another type in a whole answer leads to an answer or to ProtocolError."""
    try:
        value = json.loads(case.codec.answer_of(case.raw))
    except ProtocolError:
        return
    body = json.dumps(damaged(value, data.draw(st.sampled_from(paths(value))), data.draw(SCALARS))).encode()
    try:
        calls = case.codec.read_answer(body).calls
        case.codec.rule_answer(body, {one.slot: Refused("no") for one in calls})
        case.codec.stream_of(body)
    except ProtocolError as error:
        blame(error)


RESPONSES_REQUEST = {
    "model": "m",
    "stream": True,
    "store": False,
    "prompt": {"id": "x"},
    "prompt_cache_options": {"comparison_response_id": "x"},
    "input": [
        {
            "type": "additional_tools",
            "tools": [{"type": "namespace", "tools": [{"type": "custom", "name": "exec"}]}],
        },
        {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
        {"type": "computer_call_output", "output": {"file_id": "x"}},
    ],
    "tools": [
        {"type": "file_search", "vector_store_ids": ["v"]},
        {"type": "code_interpreter", "container": {"file_ids": ["a"]}},
        {"type": "shell", "environment": {"type": "container_auto", "skills": [{"skill_id": "x"}]}},
    ],
}
GEMINI_REQUEST = {
    "cachedContent": "x",
    "contents": [
        {
            "parts": [
                {"fileData": {"fileUri": "x"}},
                {"functionResponse": {"parts": [{"fileData": {"fileUri": "y"}}]}},
            ]
        }
    ],
    "tools": [{"fileSearch": {"fileSearchStoreNames": ["a"]}}, {"functionDeclarations": [{"name": "f"}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "generationConfig": {"maxOutputTokens": 3, "candidateCount": 1},
}


@pytest.mark.parametrize("name", sorted(DIALECTS))
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_requests_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """One value of another type in a request leads to a reading or to a 400, never to a crash."""
    request = RESPONSES_REQUEST if name == "openai_responses" else GEMINI_REQUEST
    value = damaged(request, data.draw(st.sampled_from(paths(request))), data.draw(SCALARS))
    try:
        DIALECTS[name].read_request(json.dumps(value).encode(), value, {}, "/v1beta/models/g:generateContent")
    except ProtocolError as error:
        if (error.side, error.status) != ("client", 400):
            raise
