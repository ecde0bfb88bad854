"""What a request's newest turn reports of calls: `…_output` items at the end of the input."""

from collections.abc import Mapping

from firewall.codecs.interface import Result
from firewall.codecs.trailing import Item, trailing


def results(value: Mapping[str, object]) -> tuple[Result, ...]:
    """Return the results of the newest turn."""
    return tuple(
        Result(str(item.get("call_id", "")), is_error=item.get("status") == "incomplete")
        for item in trailing(value.get("input"), _belongs)
        if _is_output(item)
    )


def _is_output(item: Item) -> bool:
    return str(item.get("type", "")).endswith("_output")


def _belongs(item: Item) -> bool:
    """Outputs, and whatever a client puts among them that is not the model's."""
    return _is_output(item) or item.get("role") in ("user", "developer", "system")
