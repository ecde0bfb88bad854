"""Where a streamed answer really begins: at its first word, thought or call. Pure; read in the client's dialect.

What a provider sends before (pings, comments, the frame that says that an answer will come) is no sign of one:
until the first real event a failure may be hidden by asking somebody else.
"""

from collections.abc import Mapping
from enum import Enum

from firewall.codecs.amounts import word
from firewall.codecs.sse import Frame, Splitter
from firewall.codecs.upstream_json import JsonObject, loads_object
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError
from firewall.routing.trying.faults import Fault, fault_of_object

_MOST_BYTES = 256 << 10
"""After so much nobody is asked instead: what waits must stay small."""
_RESPONSES_OPEN = frozenset({"response.created", "response.in_progress", "response.queued"})


_ENDS = {"error": Fault.SERVER, "content_filter": Fault.FILTERED}
"""Ends of a choice that said nothing."""


class Seen(Enum):
    """What an event is."""

    NOTHING = "nothing"
    CONTENT = "content"


class Opening:
    """The beginning of one streamed answer."""

    __slots__ = ("_dialect", "_frames", "_taken", "has_content", "raw")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._frames = Splitter()
        self._taken: list[bytes] = []
        self.has_content = False
        """The answer has begun: it is this provider's, whatever comes now."""
        self.raw = b""
        """The error event that came in place of an answer."""

    def feed(self, chunk: bytes) -> Fault | None:
        """Take bytes; returns what is wrong, where an error came before any content."""
        self._taken.append(chunk)
        try:
            for raw in self._frames.cut(chunk):
                frame = self._frames.read(raw)
                seen = self._see(frame)
                if isinstance(seen, Fault):
                    self.raw = frame.data
                    return seen
                if seen is Seen.CONTENT:  # what stands behind it is read by who passes it on
                    self.has_content = True
                    return None
        except ProtocolError:
            return Fault.MALFORMED
        if sum(map(len, self._taken)) > _MOST_BYTES:
            self.has_content = True
        return None

    def take(self) -> bytes:
        """Return everything that was fed."""
        taken, self._taken = self._taken, []
        return b"".join(taken)

    def _see(self, frame: Frame) -> Seen | Fault:
        if not frame.lines or frame.event == "ping":
            return Seen.NOTHING
        if frame.data == b"[DONE]":
            return Fault.MALFORMED  # an end without an answer
        try:
            value = loads_object(frame.data)
        except ProtocolError:
            return Fault.MALFORMED
        return _meaning(self._dialect, value)


def fault_at_end(dialect: Dialect, ending: bytes) -> Fault:
    """Return why a stream broke off, from the frame of its error; malformed where there is none."""
    splitter = Splitter()
    try:
        for frame in (*splitter.feed(ending), *splitter.finish()):
            seen = _meaning(dialect, loads_object(frame.data)) if frame.lines else Seen.NOTHING
            if isinstance(seen, Fault):
                return seen
    except ProtocolError:
        pass
    return Fault.MALFORMED


def _meaning(dialect: Dialect, value: JsonObject) -> Seen | Fault:
    fault = fault_of_object(value)
    if fault is not None:
        return fault
    match dialect:
        case Dialect.ANTHROPIC:
            return _of_anthropic(value)
        case Dialect.OPENAI_RESPONSES:
            return _of_responses(value)
        case Dialect.OPENAI_CHAT:
            return _of_chat(value)
        case Dialect.GEMINI:
            return _of_gemini(value)


def _of_anthropic(value: JsonObject) -> Seen:
    kind = word(value, "type")
    if kind == "content_block_start":
        return Seen.NOTHING if _is_empty_text(value.get("content_block")) else Seen.CONTENT
    return Seen.NOTHING if kind in {"ping", "message_start"} else Seen.CONTENT


def _is_empty_text(block: object) -> bool:
    """Tell whether a block or part has yet to get its first word; a thought that begins is a sign of life."""
    return isinstance(block, Mapping) and word(block, "type") in {"text", "output_text"} and not block.get("text")


def _of_responses(value: JsonObject) -> Seen | Fault:
    kind = word(value, "type")
    if kind == "response.content_part.added":
        return Seen.NOTHING if _is_empty_text(value.get("part")) else Seen.CONTENT
    if kind == "response.output_item.added":
        item = value.get("item")
        is_empty = isinstance(item, Mapping) and item.get("type") == "message" and not item.get("content")
        return Seen.NOTHING if is_empty else Seen.CONTENT
    if kind == "response.failed":
        response = value.get("response")
        inner = response if isinstance(response, Mapping) else {}
        return fault_of_object(inner) or Fault.SERVER
    return Seen.NOTHING if kind in _RESPONSES_OPEN else Seen.CONTENT


def _of_chat(value: JsonObject) -> Seen | Fault:
    choices = value.get("choices")
    if not isinstance(choices, list):
        return Fault.MALFORMED
    for choice in choices:
        if not isinstance(choice, Mapping):
            return Fault.MALFORMED
        delta = choice.get("delta")
        said = any(part for name, part in delta.items() if name != "role") if isinstance(delta, Mapping) else False
        if said:
            return Seen.CONTENT
        finish = choice.get("finish_reason")
        if finish:
            return _ENDS.get(finish, Seen.CONTENT) if isinstance(finish, str) else Seen.CONTENT
    return Seen.NOTHING


def _of_gemini(value: JsonObject) -> Seen | Fault:
    if value.get("candidates"):
        return Seen.CONTENT
    feedback = value.get("promptFeedback")
    if isinstance(feedback, Mapping) and feedback.get("blockReason"):
        return Fault.FILTERED
    return Seen.NOTHING
