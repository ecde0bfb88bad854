"""What an answer says about itself: tokens, and the ids that a client may name later."""

from collections.abc import Iterator, Mapping

from firewall.codecs.interface import Beside, Usage

_CACHED = "cache_read_input_tokens"
_INPUTS = ("input_tokens", "cache_creation_input_tokens", _CACHED)
_HOUR = "ephemeral_1h_input_tokens"
_WRITTEN = ("ephemeral_5m_input_tokens", _HOUR)
_SEARCHES = "web_search_requests"
_IN_TOTALS = frozenset({"message", "fallback_message"})
"""Samplings whose tokens the answer's own counts contain."""


class Notes:
    """Keeps the newest token counts and every id; one per answer."""

    __slots__ = ("_beside", "_counts", "_is_whole", "_issued", "_words")

    def __init__(self) -> None:
        self._beside: tuple[Beside, ...] = ()
        self._counts: dict[str, int] = {}
        self._words: dict[str, str] = {}
        self._is_whole = False
        self._issued: dict[str, None] = {}

    @property
    def usage(self) -> Usage:
        """Tokens seen so far; `input_tokens` counts those read from and written to the cache as well."""
        counts = self._counts
        written = max(counts.get("cache_creation_input_tokens", 0), sum(counts.get(name, 0) for name in _WRITTEN))
        hour = counts.get(_HOUR, 0)
        return Usage(
            input_tokens=counts.get("input_tokens", 0) + written + counts.get(_CACHED, 0),
            cached_input_tokens=counts.get(_CACHED, 0),
            output_tokens=counts.get("output_tokens", 0),
            cache_write_tokens=written - hour,
            cache_write_1h_tokens=hour,
            reasoning_tokens=counts.get("thinking_tokens", 0),
            searches=counts.get(_SEARCHES, 0),
            service_tier=self._words.get("service_tier", ""),
            speed=self._words.get("speed", ""),
            is_reported=self._is_whole,
            beside=self._beside,
        )

    @property
    def issued(self) -> tuple[str, ...]:
        """The message's id, its container's and those of files that it made."""
        return tuple(self._issued)

    def message(self, message: Mapping[str, object]) -> None:
        """Note a message or the `delta` of one."""
        self._issue(message.get("id"))
        container = message.get("container")
        if isinstance(container, dict):
            self._issue(container.get("id"))
        self.usage_of(message)

    def usage_of(self, value: Mapping[str, object]) -> None:
        """Note the `usage` of a message or event: its counts are totals, what it leaves out stays."""
        usage = value.get("usage")
        if not isinstance(usage, dict):
            return
        for holder, names in (
            (usage, (*_INPUTS, "output_tokens")),
            (usage.get("cache_creation"), _WRITTEN),
            (usage.get("output_tokens_details"), ("thinking_tokens",)),
            (usage.get("server_tool_use"), (_SEARCHES,)),
        ):
            for name in names:
                count = holder.get(name) if isinstance(holder, dict) else None
                if type(count) is int and count >= 0:
                    self._counts[name] = count
        self._words |= {key: usage[key] for key in ("service_tier", "speed") if isinstance(usage.get(key), str)}
        if isinstance(usage.get("iterations"), list):
            self._beside = tuple(_besides(usage["iterations"]))
        # A stream begins with a message that has no stop reason yet, and counts what it has written so far.
        if "output_tokens" in usage and (
            value.get("type") == "message_delta" or value.get("stop_reason") is not None
        ):
            self._is_whole = True

    def block(self, block: Mapping[str, object]) -> None:
        """Note the files that a block of a hosted tool made."""
        for one in _file_ids(block):
            self._issue(one)

    def _issue(self, identity: object) -> None:
        if isinstance(identity, str) and identity:
            self._issued[identity] = None


def _besides(iterations: list[object]) -> Iterator[Beside]:
    """Yield what stands in no total: summing up the conversation, an advisor's words, whatever is new.

    Source: `usage.iterations` of the anthropic SDK 2.11 (`BetaIterationsUsage`).
    """
    for one in iterations:
        if isinstance(one, dict) and one.get("type") not in _IN_TOTALS:
            notes, model = Notes(), one.get("model")
            notes.usage_of(
                {"type": "message_delta", "usage": {key: one[key] for key in one if key != "iterations"}}
            )
            yield Beside(model if isinstance(model, str) else "", notes.usage)


def _file_ids(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for one in value:
            yield from _file_ids(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "file_id":
                yield one
            elif key != "input":
                yield from _file_ids(one)
