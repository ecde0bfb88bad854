"""Every dialect says the same of what was used: kinds are parts of totals, nothing is counted twice or lost."""

import json

import orjson
import pytest

from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.amounts import candidate_count, token_limit
from firewall.codecs.interface import Codec, Usage
from firewall.codecs.openai_chat.counting import asking, says_usage
from firewall.core.errors import ProtocolError

ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 70,
    "cache_read_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 50},
    "output_tokens": 40,
    "output_tokens_details": {"thinking_tokens": 30},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
    "speed": "fast",
}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "x"}], "usage": ANTHROPIC_USAGE,
}  # fmt: skip
CHAT = {
    "id": "c1", "object": "chat.completion", "model": "m", "service_tier": "flex",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 1000, "completion_tokens": 40, "total_tokens": 1040,
        "prompt_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 50, "audio_tokens": 3,
                                  "image_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 2},
    },
}  # fmt: skip
RESPONSE = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "m", "service_tier": "priority",
    "output": [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page"}},
        {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "x", "annotations": []}]},
    ],
    "usage": {
        "input_tokens": 1000, "output_tokens": 40, "total_tokens": 1040,
        "input_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 50},
        "output_tokens_details": {"reasoning_tokens": 30},
    },
}  # fmt: skip
GENERATED = {
    "candidates": [{
        "content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0,
        "groundingMetadata": {"webSearchQueries": ["a", "b"]},
    }],
    "usageMetadata": {
        "promptTokenCount": 1000, "toolUsePromptTokenCount": 7, "cachedContentTokenCount": 900,
        "candidatesTokenCount": 10, "thoughtsTokenCount": 30, "totalTokenCount": 1047, "serviceTier": "FLEX",
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 990}, {"modality": "IMAGE", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 8}],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "answer", "usage"),
    [
        (
            anthropic, MESSAGE,
            Usage(980, 900, 40, cache_write_tokens=20, cache_write_1h_tokens=50, reasoning_tokens=30, searches=2,
                  service_tier="standard", speed="fast", is_reported=True),
        ),
        (
            openai_chat, CHAT,
            Usage(1000, 900, 40, cache_write_tokens=50, reasoning_tokens=30, input_image_tokens=4,
                  input_audio_tokens=3, output_audio_tokens=2, service_tier="flex", is_reported=True),
        ),
        (
            openai_responses, RESPONSE,
            Usage(1000, 900, 40, cache_write_tokens=50, reasoning_tokens=30, searches=1, service_tier="priority",
                  is_reported=True),
        ),
        (
            gemini, GENERATED,
            Usage(1007, 900, 40, reasoning_tokens=30, input_image_tokens=10, output_image_tokens=8, searches=2,
                  service_tier="flex", is_reported=True),
        ),
    ],
)  # fmt: skip
def test_whole_answers(codec: Codec, answer: dict[str, object], usage: Usage) -> None:
    """Anthropic counts cached tokens beside the input and OpenAI in it; both are the same input here."""
    assert codec.read_answer(orjson.dumps(answer)).usage == usage


@pytest.mark.parametrize(
    ("codec", "answer"),
    [(anthropic, MESSAGE), (openai_chat, CHAT), (openai_responses, RESPONSE), (gemini, GENERATED)],
)
def test_streams_say_what_whole_answers_do(codec: Codec, answer: dict[str, object]) -> None:
    """The same answer as a stream has the same counts at its end, and is not reported before."""
    body = orjson.dumps(answer)
    stream = codec.stream_of(body)
    reader = codec.stream()
    end = stream.rstrip().rfind(b"\n\n") + 2
    reader.feed(stream[: stream.find(b"\n\n") + 2] if stream.count(b"\n\n") > 1 else b"")
    assert not reader.usage.is_reported
    whole = codec.stream()
    whole.feed(stream[:end])
    whole.feed(stream[end:])
    assert whole.usage == codec.read_answer(body).usage


def test_a_cut_stream_is_not_reported() -> None:
    """The count at a message's start is of what was written by then: whoever settles by it would pay one token."""
    start = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
    reader = anthropic.stream()
    reader.feed(b"event: message_start\ndata: " + orjson.dumps(start) + b"\n\n")
    assert (reader.usage.input_tokens, reader.usage.is_reported) == (980, False)


def test_what_a_provider_counts_apart_is_read_as_well() -> None:
    """Summing up and an advisor stand in no total of Anthropic's, but in `iterations`; the answer's own do."""
    iterations = [
        {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
        {"type": "advisor_message", "model": "m-large", "input_tokens": 5, "cache_read_input_tokens": 6,
         "output_tokens": 7},
        "nonsense",
    ]  # fmt: skip
    usage = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": iterations}
    found = anthropic.read_answer(orjson.dumps(MESSAGE | {"usage": usage})).usage
    assert (found.input_tokens, found.output_tokens) == (23_000, 1_000)
    told = [(one.model, one.usage.input_tokens, one.usage.output_tokens) for one in found.beside]
    assert told == [("", 180_000, 3_500), ("m-large", 11, 7)]
    assert all(one.usage.is_reported for one in found.beside)


def test_older_answers_without_the_split_of_cache_writes() -> None:
    """Where the provider says only that it wrote to the cache, it wrote for minutes."""
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 5, "output_tokens": 2}
    found = anthropic.read_answer(orjson.dumps(MESSAGE | {"usage": usage})).usage
    assert (found.input_tokens, found.cache_write_tokens, found.cache_write_1h_tokens) == (6, 5, 0)


def test_what_is_thought_beside_the_completion_is_output() -> None:
    """Some providers leave reasoning out of `completion_tokens` and count it into the total alone."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 30}, "prompt_cache_hit_tokens": 4}  # type: ignore[dict-item]  # a body is of any shape
    found = openai_chat.read_answer(orjson.dumps(CHAT | {"usage": usage})).usage
    assert (found.output_tokens, found.reasoning_tokens, found.cached_input_tokens) == (35, 30, 4)


@pytest.mark.parametrize("odd", [None, 7, {"prompt_tokens": -1, "completion_tokens": "many"}])
def test_counts_that_are_none_are_nothing(odd: object) -> None:
    """What is no count is no reason to fail and no amount."""
    found = openai_chat.read_answer(orjson.dumps(CHAT | {"usage": odd})).usage
    assert (found.input_tokens, found.output_tokens, found.is_reported) == (0, 0, isinstance(odd, dict))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"m","stream":true}', b'{"stream_options":{"include_usage":true},"model":"m","stream":true}'),
        (b'{"stream_options":{}, "x":1}', b'{"stream_options":{"include_usage":true}, "x":1}'),
        (b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"include_usage":false}}', b'{"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options":{ "include_obfuscation":false}}',
            b'{"stream_options":{"include_usage":true,"include_obfuscation":false}}',
        ),
    ],
)
def test_a_stream_is_asked_for_its_counts(body: bytes, expected: bytes) -> None:
    """One member is added or changed; everything else keeps its bytes."""
    assert asking(body, json.loads(body)) == expected
    assert says_usage(orjson.loads(expected))
    assert not says_usage(orjson.loads(body))


def _chunk(**members: object) -> bytes:
    return b"data: " + orjson.dumps({"id": "c1", "object": "chat.completion.chunk", **members}) + b"\n\n"


def test_counts_that_the_client_did_not_ask_for_do_not_reach_it() -> None:
    """A client that reads `choices[0]` of every chunk would break on ours; we read it all the same."""
    said = _chunk(choices=[{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}], usage=None)
    counts = _chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
    other = _chunk(choices=[], prompt_filter_results=[])
    hidden, shown = openai_chat.stream(hides_usage=True), openai_chat.stream()
    assert hidden.feed(other + said + counts + b"data: [DONE]\n\n").forward == other + said + b"data: [DONE]\n\n"
    assert counts in shown.feed(other + said + counts + b"data: [DONE]\n\n").forward
    assert hidden.usage == shown.usage == Usage(3, 0, 1, is_reported=True)


@pytest.mark.parametrize(
    ("options", "hides"),
    [({}, False), ({"stream": True}, True), ({"stream": True, "stream_options": {"include_usage": True}}, False)],
)
def test_only_streams_of_clients_that_did_not_ask_hide(options: dict[str, object], hides: bool) -> None:  # noqa: FBT001 - a column of the table
    """Whole answers always say what they used."""
    value = {"model": "m", "messages": [], **options}
    assert openai_chat.read_request(orjson.dumps(value), value, {}, "").hides_usage is hides


@pytest.mark.parametrize("amount", [-1, 10**9, 10**30, 1.5, "many", True, [], float("inf")])
def test_what_is_no_amount_of_tokens_is_refused(amount: object) -> None:
    """A limit that is negative, huge, a fraction or no number is an error of the request, never no limit."""
    with pytest.raises(ProtocolError) as caught:
        token_limit({"max_tokens": amount}, "max_tokens")
    assert (caught.value.code, caught.value.status) == ("max_tokens_invalid", 400)


@pytest.mark.parametrize("amount", [0, -3, 1000, 2.5, "2", False])
def test_what_is_no_number_of_answers_is_refused(amount: object) -> None:
    """`n = 1000` is refused with a code of its own."""
    with pytest.raises(ProtocolError) as caught:
        candidate_count({"n": amount}, "n")
    assert (caught.value.code, caught.value.status) == ("candidates_invalid", 400)


def test_amounts_that_are_some() -> None:
    """Nothing said is no limit and one answer; a whole number written as a fraction is a number."""
    assert [token_limit({"m": one}, "m") for one in (None, 0, 4096, 4096.0, 1e3)] == [None, 0, 4096, 4096, 1000]
    assert [candidate_count({"n": one}, "n") for one in (None, 1, 128, 2.0)] == [1, 1, 128, 2]


@pytest.mark.parametrize(
    ("codec", "path", "value", "code"),
    [
        (anthropic, "/v1/messages", {"model": "m", "messages": [], "max_tokens": -1}, "max_tokens_invalid"),
        (openai_chat, "", {"model": "m", "messages": [], "max_completion_tokens": -1}, "max_tokens_invalid"),
        (openai_chat, "", {"model": "m", "messages": [], "n": 1000}, "candidates_invalid"),
        (openai_responses, "", {"model": "m", "input": "x", "max_output_tokens": -1}, "max_tokens_invalid"),
        (
            gemini, "/v1beta/models/m:generateContent",
            {"contents": [], "generationConfig": {"maxOutputTokens": -1}}, "max_tokens_invalid",
        ),
        (
            gemini, "/v1beta/models/m:generateContent",
            {"contents": [], "generationConfig": {"candidateCount": 1000}}, "candidates_invalid",
        ),
    ],
)  # fmt: skip
def test_every_dialect_refuses_them(codec: Codec, path: str, value: dict[str, object], code: str) -> None:
    """Before anything is recorded, held or sent."""
    with pytest.raises(ProtocolError) as caught:
        codec.read_request(orjson.dumps(value), value, {}, path)
    assert caught.value.code == code


def test_gemini_says_nothing_with_zero() -> None:
    """In its wire format an absent number is 0."""
    value = {"contents": [], "generationConfig": {"maxOutputTokens": 0}}
    read = gemini.read_request(orjson.dumps(value), value, {}, "/v1beta/models/m:generateContent")
    assert read.max_output_tokens is None
