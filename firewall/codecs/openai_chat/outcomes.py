"""What a request's newest turn reports of calls: `tool` messages behind the last assistant message."""

from collections.abc import Mapping

from firewall.codecs.interface import Result


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn; the dialect does not say which are errors."""
    messages = value.get("messages")
    found: list[Result] = []
    for one in reversed(messages) if isinstance(messages, list) else ():
        if not isinstance(one, dict) or (role := one.get("role")) == "assistant":
            break
        if role == "tool":
            found.append(Result(str(one.get("tool_call_id", ""))))
    return tuple(found[::-1])
