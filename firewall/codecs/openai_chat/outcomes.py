"""What a request's newest turn reports of calls: `tool` messages behind the last assistant message."""

from collections.abc import Mapping

from firewall.codecs.interface import Result
from firewall.codecs.trailing import trailing


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn; the dialect does not say which are errors."""
    return tuple(
        Result(str(message.get("tool_call_id", "")))
        for message in trailing(value.get("messages"), lambda item: item.get("role") != "assistant")
        if message.get("role") == "tool"
    )
