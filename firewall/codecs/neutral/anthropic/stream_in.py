"""A streamed answer of the Messages API, read into neutral events.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from collections.abc import Callable, Iterator

from firewall.codecs import interface, json_span, sse
from firewall.codecs.anthropic.notes import Notes
from firewall.codecs.neutral.anthropic import answer_in
from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    Usage,
)
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed

_TEXT, _THINKING, _CALL, _SEALED = "text", "thinking", "tool_use", "redacted_thinking"
_KINDS = frozenset({_TEXT, _THINKING, _CALL, _SEALED})


class MessagesReader:
    """A `StreamReader` for the Messages API."""

    def __init__(self) -> None:
        self._frames = sse.Splitter()
        self._open: dict[int, str] = {}
        """The kinds of the blocks that are open, by index."""
        self._blocks = 0
        self._seals: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._notes = Notes()
        self._stop: Stop | None = None
        self._sequence = ""
        self._begun = self._done = False
        self._rare: dict[str, Callable[[JsonObject, bytes], list[Event]]] = {
            "message_start": self._on_message,
            "content_block_start": self._on_start,
            "content_block_stop": self._on_stop,
            "message_delta": self._on_message_delta,
            "message_stop": self._on_end,
            "error": self._on_error,
        }

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return answer_in.usage_of(self._counts)

    @property
    def counted(self) -> interface.Usage:
        """All that the provider has counted so far."""
        return self._notes.usage

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take bytes, cut anywhere, and yield the events that they complete.

        Raises: ProtocolError (upstream) for what is no stream of this dialect, or has no place in the form.
        """
        for frame in self._frames.feed(chunk):
            if frame.lines and not self._done:
                out: list[Event] = []
                self._take(frame.data, out)
                yield from out

    def close(self) -> list[Event]:
        """The connection has ended; a last frame whose blank line is missing is not read."""
        return []

    def _take(self, data: bytes, out: list[Event]) -> None:
        value = loads_object(data)
        type_ = value.get("type")
        if not isinstance(type_, str):
            malformed("an event without a type")
        if type_ == "content_block_delta":
            self._on_delta(value, out)
            return
        read = self._rare.get(type_)
        if read is not None:
            out += read(value, data)
        elif type_.startswith(("content_block", "message")):
            unanswerable(f"an event `{type_}`")

    def _on_message(self, value: JsonObject, data: bytes) -> list[Event]:
        del data
        message = value.get("message")
        if self._begun or not isinstance(message, dict):
            malformed("`message_start` stands twice or has no message")
        if message.get("content") not in (None, []):
            malformed("`message_start` has content already")
        self._begun = True
        self._counts = answer_in.counts_of(message, {})
        self._notes.usage_of(message)
        return [Begun(answer_in.text_of(message, "id"), answer_in.text_of(message, "model"), self.usage)]

    def _on_start(self, value: JsonObject, data: bytes) -> list[Event]:
        index, block = value.get("index"), value.get("content_block")
        if not self._begun or self._stop is not None:
            malformed("a content block outside of a message")
        if not isinstance(block, dict) or type(index) is not int or index != self._blocks:
            malformed("a content block has no place or the place of another")
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            unanswerable(f"a block `{kind}`")
        self._blocks += 1
        self._open[index] = kind
        if kind == _CALL:
            return self._on_call(index, block, data)
        if kind != _TEXT:
            self._seals[index] = answer_in.text_of(block, "data" if kind == _SEALED else "signature")
        if kind == _SEALED:
            return []
        words = answer_in.text_of(block, kind)
        delta = TextDelta(words) if kind == _TEXT else ThinkingDelta(words)
        return [delta] if words else []

    def _on_call(self, index: int, block: JsonObject, data: bytes) -> list[Event]:
        identity, name = answer_in.call_of(block)
        out: list[Event] = [CallBegun(index, identity, name)]
        if block.get("input"):
            written = json_span.cut(data, ("content_block", "input")) or b""
            out.append(CallDelta(index, written.decode()))
        return out

    def _on_delta(self, value: JsonObject, out: list[Event]) -> None:
        index, delta = value.get("index"), value.get("delta")
        kind = self._open.get(index) if type(index) is int else None
        if type(index) is not int or kind is None or not isinstance(delta, dict):
            malformed("a delta of a block that is not open")
        type_ = delta.get("type")
        if type_ == "text_delta" and kind == _TEXT:
            if said := answer_in.text_of(delta, "text"):
                out.append(TextDelta(said))
        elif type_ == "input_json_delta" and kind == _CALL:
            if piece := answer_in.text_of(delta, "partial_json"):
                out.append(CallDelta(index, piece))
        elif type_ == "thinking_delta" and kind == _THINKING:
            if thought := answer_in.text_of(delta, "thinking"):
                out.append(ThinkingDelta(thought))
        elif type_ == "signature_delta" and kind == _THINKING:
            self._seals[index] += answer_in.text_of(delta, "signature")
        elif type_ == "citations_delta" and kind == _TEXT:
            return
        else:
            unanswerable(f"a delta `{type_}` of a block `{kind}`")

    def _on_stop(self, value: JsonObject, data: bytes) -> list[Event]:
        del data
        index = value.get("index")
        kind = self._open.pop(index, None) if type(index) is int else None
        if type(index) is not int or kind is None:
            malformed("a block ends that is not open")
        if kind == _CALL:
            return [CallEnded(index)]
        if kind in (_THINKING, _SEALED):
            return [ThinkingSealed(self._seals.pop(index, ""))]
        return []

    def _on_message_delta(self, value: JsonObject, data: bytes) -> list[Event]:
        del data
        delta = value.get("delta")
        if not self._begun or not isinstance(delta, dict) or self._open:
            malformed("`message_delta` has no delta or stands within a block")
        self._counts = answer_in.counts_of(value, self._counts)
        self._notes.usage_of(value)
        if delta.get("stop_reason") is not None:
            self._stop = answer_in.stop_of(delta["stop_reason"])
        self._sequence = answer_in.text_of(delta, "stop_sequence") or self._sequence
        return []

    def _on_end(self, value: JsonObject, data: bytes) -> list[Event]:
        del value, data
        if self._stop is None:
            malformed("the message stops without a reason")
        self._done = True
        return [Ended(self._stop, self._sequence, self.usage)]

    def _on_error(self, value: JsonObject, data: bytes) -> list[Event]:
        del data
        self._done = True
        return [answer_in.failure_of(value)]
