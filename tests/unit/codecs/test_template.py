"""What fits a template means what the frame of before meant: it is passed on exactly as if it had been parsed."""

import json
from importlib import import_module
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.anthropic.stream import AnthropicStream
from firewall.codecs.interface import Released, StreamCodec
from firewall.codecs.openai_chat.stream import ChatStream
from firewall.codecs.template import Template, template_of
from firewall.core.errors import ProtocolError

FRAME = b'data: {"a":1,"delta":{"content":"word"},"obfuscation":"xY"}\n\n'
MEMBERS = (b'"content":"', b'"obfuscation":"')


def made(frame: bytes = FRAME) -> Template:
    """Return the template of a frame."""
    found = template_of(frame, *MEMBERS)
    assert found is not None
    return found


@pytest.mark.parametrize("text", [b"other", b" ", b"a\\nb", "grüße, 世界".encode(), b"'<{[:,;]}>'", b"x" * 9000])
@pytest.mark.parametrize("filling", [b"", b"zzz"])
def test_another_text_fits(text: bytes, filling: bytes) -> None:
    """In the language of people, with a break of lines as JSON writes it, of any length."""
    assert made().fits(FRAME.replace(b"word", text).replace(b"xY", filling))


@pytest.mark.parametrize(
    "text",
    [b"", b'"', b'\\"', b"\\", b"\\\\", b"\\\\n", b"\\u0041", b"\\t", b"a\nb", b"a\rb", b"\x00", b"\x7f", b"\xff",
     b"\xc3\\n\xa9", "\u2028".encode(), "\u0085".encode(), b'","tool_calls":"'],
)  # fmt: skip
def test_what_must_be_looked_at_does_not_fit(text: bytes) -> None:
    """Nothing, quotes, escapes, control characters, what ends a line for some, and bytes that are no text."""
    assert not made().fits(FRAME.replace(b"word", text))


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.replace(b'"a":1', b'"a":2'),
        FRAME.replace(b"content", b"contents"),
        FRAME.replace(b"}\n\n", b',"more":1}\n\n'),
        FRAME + b"\n",
        FRAME[:-1],
        b"event: x\n" + FRAME,
        FRAME.replace(b'"xY"', b"null"),
    ],
)
def test_any_other_difference_does_not_fit(frame: bytes) -> None:
    """Another member, another value, another end."""
    assert not made().fits(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b'data: {"delta":{"text":"word"}}\n\n',
        b'data: {"delta":{"content":"a","x":{"content":"b"}}}\n\n',
        b'data: {"delta":{"content":"a \\"quoted\\" word"}}\n\n',
        b'data: {"delta":{"content":"a\\\\"}}\n\n',
        b'data: {"obfuscation":"a","delta":{"content":"b"}}\n\n',
    ],
)
def test_frames_that_give_no_template(frame: bytes) -> None:
    """Without the member, with two of it, with a text that does not fit itself, in another order."""
    assert template_of(frame, *MEMBERS) is None


TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["", "word", "two words", "a\nb", 'say "x"', "tab\t", "\\", "\u2028data: x", "\x7f", "ü", "😀"]
    ),
)
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DELTAS = st.one_of(
    TEXTS.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"role": "assistant", "content": text}),
    TEXTS.map(lambda text: {"reasoning_content": text}),
    TEXTS.map(lambda text: {"content": text, "reasoning_content": "hm"}),
    st.sampled_from([
        {}, {"content": None}, {"content": ["x"]}, {"content": "x", "audio": {"id": "aud_1"}}, {"odd": "x"},
        {"content": "x", "odd": 1},
        {"tool_calls": [CALL]},
    ]),
)  # fmt: skip
CHUNKS = st.builds(
    lambda delta, index, finish, more: {
        "id": "chatcmpl-1",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        **more,
    },
    DELTAS,
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([None] * 8 + ["stop", "tool_calls"]),
    st.sampled_from(
        [{}, {}, {"obfuscation": "abc"}, {"obfuscation": ""}, {"usage": None}, {"usage": {"prompt_tokens": 3}}]
    ),
)
FRAMES = st.one_of(
    CHUNKS.map(
        lambda chunk: b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"
    ),
    st.sampled_from(
        [b": held\n\n", b"data: [DONE]\n\n", b'data: {"content":"', b"\n", b'data: {"error":{"m":1}}\n\n']
    ),
)


BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": ""},
        {"type": "tool_use", "id": "t", "name": "f"},
    ]
)
PLACES = st.sampled_from([0, 0, 0, 1, 2])


def begun(place: int, block: object) -> dict[str, object]:
    """Return the event that begins a block."""
    return {"type": "content_block_start", "index": place, "content_block": block}


WORDS = st.builds(
    lambda at, text: {"type": "content_block_delta", "index": at, "delta": {"type": "text_delta", "text": text}},
    PLACES,
    TEXTS,
)
ARGUMENTS = {"type": "input_json_delta", "partial_json": "{}"}
EVENTS = st.one_of(
    WORDS,
    WORDS,
    WORDS,
    st.builds(begun, PLACES, BLOCKS),
    PLACES.map(lambda at: {"type": "content_block_delta", "index": at, "delta": ARGUMENTS}),
    PLACES.map(lambda at: {"type": "content_block_stop", "index": at}),
    st.sampled_from([
        {"type": "ping"}, {"type": "odd", "text": "x"}, {"type": "error", "error": {"type": "api_error"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]),
)  # fmt: skip
START = {"type": "message_start", "message": {"id": "m", "content": []}}
OPENED = begun(0, {"type": "text", "text": ""})


def framed(event: dict[str, object]) -> bytes:
    """Return an event as the Messages API sends it."""
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + data + b"\n\n"


def played(stream: StreamCodec, pieces: list[bytes]) -> list[object]:
    """Feed a stream, release every call, and return all that can be seen of it."""
    seen: list[object] = []
    for piece in pieces:
        try:
            step = stream.feed(piece)
        except ProtocolError as error:
            return [*seen, error.code, stream.abort(error.code, error.public), stream.usage, stream.issued]
        seen.append(step)
        seen += [stream.rule(one.slot, Released()) for one in step.calls]
    return [*seen, stream.close(), stream.usage, stream.issued]


@given(st.lists(FRAMES, max_size=12), st.lists(st.integers(0, 1500), max_size=6))
def test_streams_are_the_same_with_and_without(frames: list[bytes], cuts: list[int]) -> None:
    """Whatever is said in whatever order, cut anywhere: the same leaves, waits and is refused."""
    whole = b"".join(frames)
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    for pieces in (frames, [whole[a:b] for a, b in pairwise(places)]):
        plain = ChatStream()
        plain._may_make = 0
        assert played(ChatStream(), pieces) == played(plain, pieces)


@given(st.lists(EVENTS, max_size=14), st.lists(st.integers(0, 2500), max_size=5))
def test_messages_are_the_same_with_and_without(events: list[dict[str, object]], cuts: list[int]) -> None:
    """The same of the Messages API, whose blocks open and close around their texts."""
    frames = [framed(event) for event in (START, OPENED, *events)]
    whole = b"".join(frames)
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    for pieces in (frames, [whole[a:b] for a, b in pairwise(places)]):
        plain = AnthropicStream()
        plain._may_make = 0
        assert played(AnthropicStream(), pieces) == played(plain, pieces)


def test_a_message_of_words_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While its block is open; behind the end of the block a text is refused as ever."""
    module = import_module("firewall.codecs.anthropic.stream")
    parsed: list[bytes] = []
    loads = module.loads_object
    monkeypatch.setattr(module, "loads_object", lambda data: parsed.append(data) or loads(data))
    stream = AnthropicStream()
    word = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "w"}}
    stream.feed(framed(START) + framed(OPENED))
    for _ in range(20):
        assert stream.feed(framed(word)).forward == framed(word)
    assert len(parsed) == 3
    with pytest.raises(ProtocolError):
        stream.feed(framed({"type": "content_block_stop", "index": 0}) + framed(word))


def test_a_stream_of_words_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second word on nothing is parsed; from the end on, everything again."""
    module = import_module("firewall.codecs.openai_chat.stream")  # the package has a function of that name
    parsed: list[bytes] = []
    loads = module.loads_object
    monkeypatch.setattr(module, "loads_object", lambda data: parsed.append(data) or loads(data))
    stream = ChatStream()
    for at in range(20):
        chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": f"w{at}"}, "finish_reason": None}]}
        frame = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
        assert stream.feed(frame).forward == frame
    assert len(parsed) == 1


def test_what_stood_before_the_fault_leaves_with_the_error() -> None:
    """In one piece as in several; behind the end nothing is said any more."""
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "w"}, "finish_reason": None}]}
    word, end = b"data: " + json.dumps(chunk).encode() + b"\n\n", b"data: [DONE]\n\n"
    stream = ChatStream()
    with pytest.raises(ProtocolError):
        stream.feed(word + word + b"data: {broken\n\n")
    said = stream.abort("stream_malformed", "it cannot be read")
    assert said.startswith(word + word)
    assert b"error" in said
    stream = ChatStream()
    with pytest.raises(ProtocolError):
        stream.feed(word + end + word)
    assert stream.abort("stream_malformed", "it cannot be read") == word + end
