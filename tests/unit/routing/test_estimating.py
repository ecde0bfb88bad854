"""Estimates of tokens: what the model reads counts, what it does not read does not; other vendors count more."""

import pytest

from firewall.core.dialect import Dialect
from firewall.routing.estimating import estimate, estimated

SAID = {"messages": [{"role": "user", "content": "one two three"}]}


def words(text: str) -> int:
    """Count words, so that a test can count them too."""
    return len(text.split())


def test_text_counts_and_its_frame_a_little() -> None:
    """The words, and a few tokens for each object around them."""
    assert estimate(SAID, Dialect.OPENAI_CHAT, words) == 3 + 2 * 3
    assert estimate(SAID, Dialect.ANTHROPIC, words) == 9 * 125 // 100
    assert estimate({}, Dialect.GEMINI, words) == 3


def test_ids_signatures_and_roles_do_not_count() -> None:
    """What a client must send back and the model never reads costs nothing."""
    more = {**SAID, "id": "a b c d", "signature": "s " * 1000, "metadata": {"user_id": "x"}, "type": "y z"}
    assert estimate(more, Dialect.OPENAI_CHAT, words) <= estimate(SAID, Dialect.OPENAI_CHAT, words) + 4


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "source": {"type": "base64", "data": "A" * 500_000}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}},
        {"inlineData": {"mimeType": "image/png", "data": "A" * 500_000}},
    ],
)
def test_a_picture_counts_as_a_picture(part: dict[str, object]) -> None:
    """Its bytes are no text: it costs what a large picture costs, however many they are."""
    assert 1500 < estimate({"content": [part]}, Dialect.OPENAI_CHAT, len) < 1700


def test_a_document_counts_by_its_size_and_an_address_as_text() -> None:
    """A file of many pages costs more than one of few; an address alone is short."""
    small, large = (
        estimate({"data": "JVBERi0" + "A" * size}, Dialect.OPENAI_CHAT, len) for size in (9_000, 90_000)
    )
    assert large > 9 * small
    assert estimate({"url": "https://a.example/b.png"}, Dialect.OPENAI_CHAT, len) == 3 + 23


def test_tools_count_with_their_schemas() -> None:
    """A schema is read as it is written, names of its members included."""
    schema = {"type": "object", "properties": {"a_long_name_of_a_member": {"type": "string"}}}
    tool = {"name": "bash", "input_schema": schema}
    assert estimate({"tools": [tool]}, Dialect.OPENAI_CHAT, len) > len("a_long_name_of_a_member") + len("bash")


async def test_the_vocabulary_is_there_offline() -> None:
    """Short and long texts are counted without any network; words that look special are words."""
    short = await estimated({"a": "hello world"}, Dialect.OPENAI_CHAT)
    assert short == 3 + 2
    assert await estimated({"a": "hello world " * 20_000}, Dialect.OPENAI_CHAT) == pytest.approx(40_000, rel=0.01)
    assert await estimated({"a": "<|endoftext|>"}, Dialect.OPENAI_CHAT) > 3 + 1
    assert await estimated({"a": "\u4f60\u597d"}, Dialect.OPENAI_CHAT) > 3
