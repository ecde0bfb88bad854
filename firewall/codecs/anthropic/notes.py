"""What an answer says about itself: tokens, and the ids that a client may name later."""

from collections.abc import Iterator, Mapping

from firewall.codecs.interface import Usage

_CACHED = "cache_read_input_tokens"
_INPUTS = ("input_tokens", "cache_creation_input_tokens", _CACHED)


class Notes:
    """Keeps the newest token counts and every id; one per answer."""

    __slots__ = ("_counts", "_issued")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._issued: dict[str, None] = {}

    @property
    def usage(self) -> Usage:
        """Tokens seen so far; `input_tokens` counts those read from and written to the cache as well."""
        return Usage(
            input_tokens=sum(self._counts.get(name, 0) for name in _INPUTS),
            cached_input_tokens=self._counts.get(_CACHED, 0),
            output_tokens=self._counts.get("output_tokens", 0),
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
        for name in (*_INPUTS, "output_tokens"):
            count = usage.get(name) if isinstance(usage, dict) else None
            if type(count) is int and count >= 0:
                self._counts[name] = count

    def block(self, block: Mapping[str, object]) -> None:
        """Note the files that a block of a hosted tool made."""
        for one in _file_ids(block):
            self._issue(one)

    def _issue(self, identity: object) -> None:
        if isinstance(identity, str) and identity:
            self._issued[identity] = None


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
