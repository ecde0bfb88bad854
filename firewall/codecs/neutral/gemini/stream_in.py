"""A streamed answer of streamGenerateContent, read into neutral events: every frame is a response object.

There is no terminal event: the answer ends when the connection does, if a candidate has said why it ended.
"""

from collections.abc import Iterator

from firewall.codecs import interface, sse
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
        self._counted = interface.UNCOUNTED

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._usage

    @property
    def counted(self) -> interface.Usage:
        """All that the provider has counted so far."""
        return self._counted

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take bytes, cut anywhere, and yield the events that they complete.

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
        yield from self._read(self._frames.feed(chunk))

    def close(self) -> Iterator[Event]:
        """The connection has ended: so has the answer, where it said why.

        Raises: ProtocolError as `feed`.
        """
        yield from self._read(self._frames.finish())
        if not self._done and self._stop is not None and not self._frames.rest.strip():
            self._done = True
            stop = Stop.CALLS if self._stop is Stop.END and self._calls else self._stop
            yield Ended(stop, usage=self._usage)

    def _read(self, frames: list[sse.Frame]) -> Iterator[Event]:
        for frame in frames:
            if frame.lines and not self._done:
                out: list[Event] = []
                self._take(frame.data, out)
                yield from out

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
            self._counted = wire.usage_of(value) or self._counted
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
