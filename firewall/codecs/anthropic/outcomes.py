"""What a request's newest turn reports of calls: `tool_result` blocks of the last user message."""

from collections.abc import Mapping

from firewall.codecs.interface import Result
from firewall.codecs.trailing import objects, trailing


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn."""
    return tuple(
        Result(str(block.get("tool_use_id", "")), is_error=block.get("is_error") is True)
        for message in trailing(value.get("messages"), lambda item: item.get("role") != "assistant")
        for block in objects(message.get("content"))
        if block.get("type") == "tool_result"
    )
