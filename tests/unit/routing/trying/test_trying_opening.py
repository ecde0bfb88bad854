"""Where a streamed answer begins, whatever the chunks; and how long a provider wants to be left alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.dialect import Dialect
from firewall.routing.trying.answers import Ending
from firewall.routing.trying.faults import Fault, fault_of_object, fault_of_status
from firewall.routing.trying.opening import Opening
from firewall.routing.trying.resting import retry_after_s

A, C, R, G = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.GEMINI
NOTHING = {
    A: [b'{"type":"ping"}', b'{"type":"message_start","message":{}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'],
    C: [b'{"choices":[]}',
        b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}'],
    R: [b'{"type":"response.created","response":{}}', b'{"type":"response.in_progress","response":{}}',
        b'{"type":"response.output_item.added","item":{"type":"message","content":[]}}',
        b'{"type":"response.content_part.added","part":{"type":"output_text","text":""}}'],
    G: [b'{"usageMetadata":{}}'],
}  # fmt: skip
CONTENT = {
    A: [b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t"}}',
        b'{"type":["ping"]}', b'{"type":"content_block_start","content_block":{"type":["text"],"text":""}}'],
    C: [b'{"choices":[{"index":0,"delta":{"content":"a"}}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}',
        b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'],
    R: [b'{"type":"response.output_text.delta","delta":"a"}',
        b'{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}',
        b'{"type":{"response":"created"}}'],
    G: [b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'],
}  # fmt: skip
ERRORS = {
    A: [(b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', Fault.OVERLOADED)],
    C: [(b'{"error":{"message":"x","type":"server_error","code":null}}', Fault.SERVER),
        (b"[DONE]", Fault.MALFORMED),
        (b'{"choices":[{"delta":{},"finish_reason":"content_filter"}]}', Fault.FILTERED),
        (b'{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}', Fault.SERVER)],
    R: [(b'{"type":"error","code":"rate_limit_exceeded","message":"x"}', Fault.RATE),
        (b'{"type":"response.failed","response":{"error":{"code":"server_error","message":"x"}}}', Fault.SERVER)],
    G: [(b'{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}', Fault.OVERLOADED),
        (b'{"promptFeedback":{"blockReason":"SAFETY"}}', Fault.FILTERED)],
}  # fmt: skip
EVERY = pytest.mark.parametrize("dialect", [A, C, R, G], ids=str)


def framed(*data: bytes) -> bytes:
    """Return events, with signs of life between them."""
    return b": alive\n\n" + b"".join(b"data: " + one + b"\n\n" for one in data)


@EVERY
def test_the_first_word_begins_an_answer_and_nothing_before_it(dialect: Dialect) -> None:
    """Pings, comments and frames that only announce do not count; words, thoughts and calls do."""
    for content in CONTENT[dialect]:
        opening = Opening(dialect)
        assert opening.feed(framed(*NOTHING[dialect])) is None
        assert not opening.has_content
        assert opening.feed(framed(content)) is None
        assert opening.has_content
        assert opening.take() == framed(*NOTHING[dialect]) + framed(content)


@EVERY
def test_an_error_before_the_first_word_is_a_fault(dialect: Dialect) -> None:
    """In the place of an answer, whatever was announced before."""
    for error, fault in ERRORS[dialect]:
        opening = Opening(dialect)
        opening.feed(framed(*NOTHING[dialect]))
        assert opening.feed(framed(error)) is fault
        assert not opening.has_content


@given(st.sampled_from([A, C, R, G]), st.lists(st.integers(1, 40), max_size=20))
def test_how_it_is_cut_changes_nothing(dialect: Dialect, cuts: list[int]) -> None:
    """Fed in any pieces the beginning is found at the same event, and every byte is handed on."""
    said = framed(*NOTHING[dialect], CONTENT[dialect][0])
    opening, rest = Opening(dialect), said
    for cut in [*cuts, len(said)]:
        piece, rest = rest[:cut], rest[cut:]
        if piece:
            assert opening.feed(piece) is None
            assert opening.has_content == (not rest)
    assert opening.take() == said


def test_what_announces_for_ever_is_taken_for_an_answer() -> None:
    """What waits stays small: after a quarter of a mebibyte nobody is asked instead."""
    opening = Opening(A)
    while not opening.has_content:
        assert opening.feed(b": " + b"x" * 60_000 + b"\n\n") is None
    assert len(opening.take()) < 400_000


def test_no_stream_of_the_dialect_is_malformed() -> None:
    """JSON that is none, or another dialect's."""
    assert Opening(A).feed(b"data: {broken\n\n") is Fault.MALFORMED
    assert Opening(C).feed(b'data: {"type":"ping"}\n\n') is Fault.MALFORMED


def test_what_stands_behind_the_first_word_is_not_read_here() -> None:
    """In the same piece or in a later one: the answer is this provider's by then."""
    said = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    for pieces in ([said + b"data: {broken\n\nodd\n\n"], [said, b"data: {broken\n\n"]):
        opening = Opening(C)
        assert opening.feed(pieces[0]) is None
        assert opening.has_content


def test_an_answer_without_an_error_has_no_fault() -> None:
    """Responses names an error in every answer, and it is null."""
    assert fault_of_object({"id": "r", "error": None, "status": "completed"}) is None
    assert fault_of_object({"choices": [{"finish_reason": "stop"}]}) is None


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ({"finish_reason": "error", "error": {"code": 502, "message": "x"}}, Fault.SERVER),
        ({"finish_reason": "error", "error": {"code": 429, "message": "x"}}, Fault.RATE),
        ({"finish_reason": "error"}, Fault.SERVER),
    ],
)
def test_a_choice_may_hold_the_error(choice: dict[str, object], fault: Fault) -> None:
    """In place of an answer, under status 200."""
    assert fault_of_object({"choices": [choice]}) is fault


def test_what_moderation_flagged_is_no_matter_of_keys() -> None:
    """A router's 403 for the words of a request is a filter's; any other 403 is about our key."""
    flagged = b'{"error":{"code":403,"message":"x","metadata":{"flagged_input":"a...","reasons":["b"]}}}'
    assert fault_of_status(403, flagged) is Fault.FILTERED
    assert fault_of_status(403, b'{"error":{"code":403,"message":"x","metadata":{}}}') is Fault.KEY


REGULAR = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
BROKEN = [
    b'data: {"error":{"code":502},"choices":[{"delta":{},"finish_reason":"error"}]}\n\ndata: [DONE]\n\n',
    b'data: {"choices":[{"delta":{"content":""},"finish_reason": "error"}]}\n\ndata: [DONE]\n\n',
    b'data: {"error":{"message":"x"}}\n\ndata: [DONE]\n\n',
]


@given(st.sampled_from([REGULAR, *BROKEN]), st.integers(1, 30))
def test_a_stream_that_was_given_up_has_no_regular_end(said: bytes, size: int) -> None:
    """Whatever stands behind the error and however it is cut: nothing of it is kept, the provider is blamed."""
    ending = Ending(C)
    for place in range(0, len(said), size):
        ending.see(said[place : place + size])
    assert ending.is_regular == (said is REGULAR)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([(b"retry-after", b"3")], 3.0),
        ([(b"Retry-After", b" 0 ")], 0.0),
        ([(b"retry-after", b"1.5")], 1.5),
        ([(b"retry-after", b"3"), (b"retry-after-ms", b"250")], 0.25),
        ([(b"retry-after", b"Sat, 21 Nov 2026 10:00:30 GMT")], 30.0),
        ([(b"retry-after", b"Sat, 21 Nov 2026 09:00:00 GMT")], 0.0),
        ([(b"retry-after", b"999999999")], 86_400.0),
        ([(b"retry-after", b"-1")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"")], None),
        ([], None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(fields: list[tuple[bytes, bytes]], found: float | None) -> None:
    """Seconds, milliseconds, a date; what cannot be read says nothing, and nobody is believed beyond a day."""
    assert retry_after_s(fields, datetime(2026, 11, 21, 10, tzinfo=UTC)) == found
