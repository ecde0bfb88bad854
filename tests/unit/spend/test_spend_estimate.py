"""What a call may use is bounded by its bytes; what cannot be seen is bounded by the model."""

import orjson
import pytest

from firewall.core.call import CallForm, ToolCall
from firewall.spend.estimate import (
    IMAGE_TOKENS,
    LIKELY_IMAGE_TOKENS,
    MOST_SEARCHES,
    OVERHEAD_TOKENS,
    TOKENS_A_SECOND,
    TOOL_TOKENS,
    owed_output,
)
from tests.support.spending import bound_for

BLOB = "iVBORw0KGgo" + "A" * 100_000


def body_of(identity: dict[str, object]) -> tuple[bytes, dict[str, object]]:
    """Return a request's bytes with itself."""
    return orjson.dumps(identity), identity


def test_no_text_has_more_tokens_than_bytes() -> None:
    """Every byte may be a token, and the provider's own words come on top."""
    found = bound_for(*body_of({"messages": [{"role": "user", "content": "x" * 3_000}]}))
    assert found.input_tokens is not None
    assert 3_000 + OVERHEAD_TOKENS < found.input_tokens < 3_100 + OVERHEAD_TOKENS
    assert 1_000 <= found.likely_tokens < 1_100


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BLOB}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{BLOB}"},
        {"inlineData": {"mimeType": "image/png", "data": BLOB}},
        {"inline_data": {"mime_type": "image/png", "data": BLOB}},
    ],
)
def test_an_image_is_an_image_and_no_text(part: dict[str, object]) -> None:
    """A picture of a hundred kilobytes is not a hundred thousand tokens."""
    found = bound_for(*body_of({"messages": [{"role": "user", "content": [part, {"type": "text", "text": "y"}]}]}))
    assert found.input_tokens is not None
    assert IMAGE_TOKENS < found.input_tokens < IMAGE_TOKENS + OVERHEAD_TOKENS + 400
    assert LIKELY_IMAGE_TOKENS < found.likely_tokens < LIKELY_IMAGE_TOKENS + 200


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "type": "image", "content": "x" * 30_000},
        {"role": "user", "inlineData": {}, "content": "x" * 30_000},
        {"role": "user", "content": [{"type": "image", "text": "x" * 30_000}]},
        {"role": "user", "inline_data": 1, "parts": [{"text": "x" * 30_000}]},
    ],
)
def test_a_text_does_not_pass_for_a_picture(turn: dict[str, object]) -> None:
    """Only what lies where pictures lie is no text: a member more, which a provider ignores, hides nothing."""
    found = bound_for(*body_of({"messages": [turn]}))
    assert found.input_tokens is not None
    assert found.input_tokens > 30_000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}},
        {"inlineData": {"mimeType": "image/png", "data": "x"}},
    ],
)
def test_an_address_of_an_image_is_an_image(part: dict[str, object]) -> None:
    """What the provider fetches counts although its bytes are not here."""
    found = bound_for(*body_of({"messages": [{"role": "user", "content": [part]}]}))
    assert found.input_tokens is not None
    assert found.input_tokens > IMAGE_TOKENS


@pytest.mark.parametrize("word", [b"image_url", b"fileData"])
def test_an_image_is_one_however_json_spells_it(word: bytes) -> None:
    """An escaped letter in the name of its kind hides no picture from what is held."""
    file = {"mimeType": "image/png", "fileUri": "gs://b/a.png"}
    part = {"fileData": file} if word == b"fileData" else {"type": "image_url", "u": "x"}
    body, identity = body_of({"messages": [{"role": "user", "content": [part]}]})
    escaped = body.replace(word, b"\\u00%02x" % word[0] + word[1:])
    assert escaped != body
    assert orjson.loads(escaped) == orjson.loads(body)
    found = bound_for(escaped, identity)
    assert found.input_tokens is not None
    assert found.input_tokens > IMAGE_TOKENS


@pytest.mark.parametrize(
    "hidden",
    [
        {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "image", "text": BLOB}},
        {"type": "function_call", "name": "f", "arguments": {"type": "image", "text": BLOB}},
        {"functionCall": {"name": "f", "args": {"inlineData": BLOB}}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": BLOB}},
        {"inlineData": {"mimeType": "text/plain", "data": BLOB}},
    ],
)
def test_what_only_looks_like_an_image_is_text(hidden: dict[str, object]) -> None:
    """Arguments are text to the model whatever they look like, and so are documents: no bytes are hidden there."""
    found = bound_for(*body_of({"messages": [{"role": "assistant", "content": [hidden]}]}))
    assert found.input_tokens is not None
    assert found.input_tokens > len(BLOB)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "input_file", "file_data": "JVBERi0x"},
        {"inlineData": {"mimeType": "video/mp4", "data": BLOB}},
        {"inline_data": {"mime_type": "application/pdf", "data": "JVBERi0x"}},
        {"inlineData": {"data": BLOB}},
        {"fileData": {"fileUri": "gs://b/a.mp4"}},
        {"type": "image_url", "image_url": {"url": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "image", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}},
        {"type": "image", "source": {"type": "base64", "media_type": "Video/MP4", "data": BLOB}},
        {"type": "image", "source": {"type": "base64", "media_type": ["image/png"], "data": BLOB}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.pdf?b=c.png"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.PDF#x"}},
        {"type": "input_image", "image_url": "https://example.com/film.mp4"},
        {"type": "file", "source": {"type": "text"}, "file": {"file_data": "data:application/pdf;base64,JVBE"}},
    ],
)
def test_a_few_bytes_of_a_document_may_be_hundreds_of_pages(part: dict[str, object]) -> None:
    """Pages, sound and film are as long as only the provider knows: as much as the model reads is held."""
    assert bound_for(*body_of({"messages": [{"role": "user", "content": [part]}]})).input_tokens is None


def test_pictures_within_a_document_are_pictures() -> None:
    """A document may be made of parts: each picture among them counts."""
    parts = [{"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}}] * 10
    document = {"type": "document", "source": {"type": "content", "content": parts}}
    found = bound_for(*body_of({"messages": [{"role": "user", "content": [document]}]}))
    assert found.input_tokens is not None
    assert found.input_tokens > 10 * IMAGE_TOKENS


def test_tools_that_a_vendor_describes_are_longer_than_their_names() -> None:
    """A type stands for pages of description; tools of the caller's own are described in the request."""
    own = bound_for(*body_of({"tools": [{"name": "f", "input_schema": {}}, {"type": "function", "name": "g"}]}))
    theirs = bound_for(*body_of({"tools": [{"type": "computer_20251124", "name": "computer"}]}))
    assert own.input_tokens is not None
    assert own.input_tokens < OVERHEAD_TOKENS + 200
    assert theirs.input_tokens is not None
    assert theirs.input_tokens > OVERHEAD_TOKENS + TOOL_TOKENS


def test_predicted_words_are_paid_whether_they_come_true_or_not() -> None:
    """They count as output although nobody wrote them."""
    said = {"prediction": {"type": "content", "content": "x" * 5_000}}
    found = bound_for(*body_of(said), max_output_tokens=10)
    assert found.output_tokens is not None
    assert found.output_tokens > 5_000


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, 1),
        ({"context_management": [{"type": "compaction", "compact_threshold": 1_000}]}, 1),
        ({"compaction": {"type": "summarize"}}, 1),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, 0),
        ({"context_management": None, "compaction": None}, 0),
        ({"context_management": {"edits": [1, {"type": 2}]}}, 0),
    ],
)
def test_a_conversation_that_may_be_summed_up_is_read_twice(said: dict[str, object], times: int) -> None:
    """Summing up is a sampling of its own that the provider charges beside the answer."""
    assert bound_for(*body_of(said)).compactions == times


@pytest.mark.parametrize(
    "more",
    [
        {"references": ("resp_1",)},
        {"hosted": (ToolCall("", "web_search", b"{}", CallForm.HOSTED),)},
    ],
)
def test_what_the_provider_adds_is_as_much_as_the_model_reads(more: dict[str, object]) -> None:
    """Earlier turns that it keeps and pages that it reads are not in our bytes."""
    assert bound_for(b"{}", {}, **more).input_tokens is None


@pytest.mark.parametrize(
    ("declared", "searches"),
    [
        (b'{"type":"web_search_20260101","max_uses":3}', 3),
        (b'{"type":"web_search","max_uses":"many"}', MOST_SEARCHES),
        (b'{"type":"web_search","user_location":{"max_uses":0}}', MOST_SEARCHES),
        (b'{"type":"web_search","max_uses":20000}', 20_000),
        (b"{}", MOST_SEARCHES),
    ],
)
def test_searches_are_held_for(declared: bytes, searches: int) -> None:
    """As many as the tool may make, or as many as a call is expected to."""
    hosted = (ToolCall("", "web_search", declared, CallForm.HOSTED), ToolCall("", "code", b"{}", CallForm.HOSTED))
    assert bound_for(b"{}", {}, hosted=hosted).searches == searches


def test_the_tier_that_was_asked_for_is_held_for() -> None:
    """What is automatic is the standard one."""
    assert bound_for(b"{}", {"service_tier": "priority", "speed": "fast"}).variant == (
        ("service_tier", "priority"),
        ("speed", "fast"),
    )
    assert bound_for(b"{}", {"service_tier": "auto"}).variant == ()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"bound": 10, "reported": 0, "seen_bytes": 10**9, "seconds": 10**6}, 10),
        ({"bound": 10**9, "reported": 77_000, "seen_bytes": 0, "seconds": 0.0}, 77_000),
        ({"bound": 10**9, "reported": 1, "seen_bytes": 30_000, "seconds": 0.0}, 10_000),
        ({"bound": 10**9, "reported": 1, "seen_bytes": 3, "seconds": 9.0}, 10 * TOKENS_A_SECOND),
    ],
)
def test_what_was_written_when_an_answer_broke_off(known: dict[str, float], expected: int) -> None:
    """The most that count, bytes and time allow, and never more than was asked for."""
    assert owed_output(**known) == expected  # type: ignore[arg-type]  # the table's columns
