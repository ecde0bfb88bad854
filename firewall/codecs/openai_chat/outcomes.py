"""What a request's newest turn reports of calls: `tool` messages behind the last assistant message."""

from collections.abc import Mapping

from firewall.codecs.interface import Result
from firewall.codecs.trailing import Item, trailing


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn; the dialect does not say which are errors."""
    newest = trailing(value.get("messages"), _is_answer)
    return tuple([Result(str(one.get("tool_call_id", ""))) for one in newest if one.get("role") == "tool"])


def _is_answer(item: Item) -> bool:
    return item.get("role") != "assistant"
