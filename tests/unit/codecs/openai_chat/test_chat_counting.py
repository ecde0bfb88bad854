"""A stream is asked for its counts: whatever a request says of its stream, and without reading all of it again."""

import json

import pytest

from firewall.codecs.openai_chat import counting
from firewall.codecs.openai_chat.counting import asking, says_usage


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stream_options": None},
        {"stream_options": {}},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": None, "other": 1}},
        {"stream_options": {"other": {"include_usage": False}}},
        {"stream_options": 7},
        {"messages": [{"content": '"stream_options":{"include_usage":false}'}]},
        {"metadata": {"stream_options": {"include_usage": False}}},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_counts_are_asked_for_and_all_else_stays(
    options: dict[str, object], separators: tuple[str, str]
) -> None:
    """Beside what was said already, and in its own place alone."""
    value = {"model": "m", "stream": True, **options}
    asked = json.loads(asking(json.dumps(value, separators=separators).encode(), value))
    assert says_usage(asked)
    said = options.get("stream_options")
    others = {key: one for key, one in said.items() if key != "include_usage"} if isinstance(said, dict) else {}
    assert asked == {**value, "stream_options": {**others, "include_usage": True}}


def test_a_request_that_says_nothing_of_it_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history costs nothing here."""
    monkeypatch.delattr(counting.json_span, "locate")
    assert asking(b'{"model":"m"}', {"model": "m"}).endswith(b'"model":"m"}')
