"""A streamed answer of streamGenerateContent, read into neutral events: every frame is a response object.

There is no terminal event: the answer ends when the connection does, if a candidate has said why it ended.
"""

from firewall.codecs import sse
from firewall.codecs.gemini import parts as wire
from firewall.codecs.neutral.events import (
    AnswerPart,
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Refusal,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    Usage,
)
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.gemini import answer_in
from firewall.core.errors import ProtocolError


class GeminiReader:
    """A `StreamReader` for streamGenerateContent with `alt=sse`."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._frames = sse.Splitter()
        self._started = self._begun = self._done = False
        self._calls = 0
        self._call_ids: set[str] = set()
        self._stop: Stop | None = None
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._usage

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes, cut anywhere, and return the events that they complete.

        Raises: ProtocolError (upstream) for what is no stream of this dialect, or has no place in the form.
        """
        if not self._started and chunk.strip():
            self._started = True
            if chunk.lstrip().startswith((b"[", b"{")):
                raise ProtocolError(
                    "the provider streams in another format than server-sent events",
                    code="stream_format_unsupported",
                    side="upstream",
                )
        return self._read(self._frames.feed(chunk))

    def close(self) -> list[Event]:
        """The connection has ended: so has the answer, where it said why.

        Raises: ProtocolError as `feed`.
        """
        out = self._read(self._frames.finish())
        if self._done or self._stop is None or self._frames.rest.strip():
            return out
        self._done = True
        stop = Stop.CALLS if self._stop is Stop.END and self._calls else self._stop
        return [*out, Ended(stop, usage=self._usage)]

    def _read(self, frames: list[sse.Frame]) -> list[Event]:
        out: list[Event] = []
        for frame in frames:
            if frame.lines and not self._done:
                self._take(frame.data, out)
        return out

    def _take(self, data: bytes, out: list[Event]) -> None:
        value = wire.parse(data)
        if "error" in value:
            self._done = True
            out.append(answer_in.failure_of(value))
            return
        if not self._begun:
            self._begun = True
            model = answer_in.text_of(value, "modelVersion")
            out.append(Begun(answer_in.text_of(value, "responseId"), model))
        if "usageMetadata" in value:
            self._usage = answer_in.usage_of(value)
        found, stop = answer_in.read(value, data, seed=self._seed, first=self._calls)
        if found and self._stop is not None:
            wire.malformed("something is said after the end")
        self._stop = stop or self._stop
        for part in found:
            self._say(part, out)

    def _say(self, part: AnswerPart, out: list[Event]) -> None:
        match part:
            case Text() | Refusal():
                out.append(TextDelta(part.text))
            case Thinking():
                if part.text:
                    out.append(ThinkingDelta(part.text))
                if part.seal:
                    out.append(ThinkingSealed(part.seal))
            case Call():
                if part.id in self._call_ids:
                    wire.malformed("a call id is used twice", code="stream_inconsistent")
                self._call_ids.add(part.id)
                key, self._calls = self._calls, self._calls + 1
                out += (CallBegun(key, part.id, part.name), CallDelta(key, part.arguments), CallEnded(key))


def stream(*, seed: str) -> GeminiReader:
    """Start reading a streamed answer."""
    return GeminiReader(seed)
