"""One streamed Gemini answer: every frame is a whole response object, and leaves whole or waits whole.

Frames leave in the order in which they came. There is no terminal event: the answer is complete when every
candidate has a `finishReason` (or the prompt was blocked) and the provider closes the stream.
INVARIANT: a frame with a call, with thoughts that belong to it, or with a kind of part that no table knows is
never in `forward` before `rule` released that call.
"""

from collections import deque
from dataclasses import dataclass

from firewall.codecs import json_span, sse
from firewall.codecs.gemini import render
from firewall.codecs.gemini.fields import JsonObject, folded
from firewall.codecs.gemini.parts import (
    Part,
    candidates_of,
    is_plain,
    lacks_signature,
    malformed,
    parse,
    parts_in,
    rewrite,
    usage_of,
)
from firewall.codecs.interface import Pending, Ruling, Step, Usage
from firewall.codecs.steps import Fate, Role, Steps
from firewall.core.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class _Held:
    """One frame in line."""

    frame: sse.Frame
    parts: tuple[Part, ...]


class GeminiStream:
    """A `StreamCodec` for `:streamGenerateContent?alt=sse`."""

    def __init__(self) -> None:
        self._splitter = sse.Splitter()
        self._line: deque[_Held] = deque()
        self._steps: dict[int, Steps] = {}
        self._calls: dict[int, list[Part]] = {}
        self._finished: set[int] = set()
        self._pending: dict[int, Part] = {}
        self._call_ids: set[str] = set()
        self._counted: JsonObject = {}
        self._slots = 0
        self._blocked = False
        self._started = False
        self._closed = False
        self._over = False
        self._unsent = b""

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider, cut anywhere.

        Raises: ProtocolError (502) when the bytes are no stream of this dialect.
        """
        if not self._started and chunk.strip():
            self._started = True
            if chunk.lstrip().startswith((b"[", b"{")):
                raise ProtocolError(
                    "the provider streams in another format than server-sent events",
                    code="stream_format_unsupported",
                    side="upstream",
                )
        return self._take(self._splitter.feed(chunk))

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call; returns what may leave now, in order.

        Raises: KeyError when `slot` is not waiting for a ruling.
        """
        if self._over:
            return Step(done=True)
        self._pending.pop(slot).ruling = ruling
        forward = self._drain()
        self._over = self._closed and not self._line
        return Step(forward=forward, done=self._over)

    def close(self) -> Step:
        """The provider closed the connection; of an answer that is not complete, nothing held is released."""
        if self._over or self._closed:
            return Step(done=self._over)
        try:
            step = self._take(self._splitter.finish())
        except ProtocolError as error:
            return Step(forward=self.abort(error.code, error.public), done=True)
        if self._over:
            return step
        if self._splitter.rest.strip() or not self._complete:
            end = self.abort("stream_truncated", "the provider closed the stream before its end")
            return Step(forward=step.forward + end, done=True)
        self._closed = True
        for steps in self._steps.values():
            steps.end()
        forward = step.forward + self._drain()
        self._over = not self._line
        return Step(forward=forward, calls=step.calls, done=self._over)

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with an error object, as the API itself does; drops all that is held."""
        unsent, self._unsent = self._unsent, b""
        if self._over:
            return unsent
        self._over = True
        self._line.clear()
        self._pending.clear()
        return unsent + sse.frame(render.error(502, code, message))

    def keepalive(self, client: str) -> bytes:
        """Return a bare line feed for every client: comments break Gemini CLI and the google-genai SDK."""
        del client
        return b"" if self._over else b"\n"

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return usage_of(self._counted) or Usage()

    @property
    def issued(self) -> tuple[str, ...]:
        """Nothing: this API takes no id of an answer back."""
        return ()

    @property
    def _complete(self) -> bool:
        return self._blocked or (bool(self._steps) and self._finished >= self._steps.keys())

    def _take(self, frames: list[sse.Frame]) -> Step:
        out: list[bytes] = []
        calls: list[Pending] = []
        try:
            for frame in frames:
                if self._over:
                    if frame.lines:
                        malformed("data after the end")
                    continue
                out.append(self._frame(frame, calls))
        except ProtocolError:
            # What was free before the fault leaves with the error object, however the input was cut.
            self._unsent = b"".join(out)
            raise
        return Step(forward=b"".join(out), calls=tuple(calls), done=self._over)

    def _frame(self, frame: sse.Frame, calls: list[Pending]) -> bytes:
        parts = self._read(frame, calls) if frame.lines else ()
        if self._over:
            return frame.raw
        if not self._line and all(part.fate is Fate.LEAVES for part in parts):
            return frame.raw
        self._line.append(_Held(frame, parts))
        return self._drain()

    def _read(self, frame: sse.Frame, calls: list[Pending]) -> tuple[Part, ...]:
        value = _document(frame)
        if "error" in value:
            # FAIL-CLOSED: the answer ends here; what is held was not finished.
            self._over = True
            self._line.clear()
            self._pending.clear()
            calls.clear()
            return ()
        if "usageMetadata" in value:
            self._counted = value
        feedback = value.get("promptFeedback")
        if isinstance(feedback, dict) and folded(feedback, "promptFeedback", "upstream").get("blockReason"):
            self._blocked = True
        parts: list[Part] = []
        for place, (index, candidate) in enumerate(candidates_of(value)):
            steps = self._steps.get(index) or self._steps.setdefault(index, Steps())
            if is_plain(candidate):
                steps.end()
            else:
                parts += self._parts(frame.data, candidate, (place, index), steps)
            if candidate.get("finishReason"):
                self._finished.add(index)
                steps.end()
        for part in parts:
            self._ask(part, calls)
        return tuple(parts)

    def _parts(self, data: bytes, candidate: JsonObject, spot: tuple[int, int], steps: Steps) -> list[Part]:
        parts = list(parts_in(candidate, data, spot, self._calls))
        for part in parts:
            if not (part.role is Role.FREE and part.empty):
                steps.add(part)
        return parts

    def _ask(self, part: Part, calls: list[Pending]) -> None:
        if part.call is None:
            return
        if part.call.id:
            if part.call.id in self._call_ids:
                malformed("a call id is used twice", code="stream_inconsistent")
            self._call_ids.add(part.call.id)
        self._pending[self._slots] = part
        calls.append(Pending(self._slots, part.call))
        self._slots += 1

    def _drain(self) -> bytes:
        out: list[bytes] = []
        while self._line:
            held = self._line[0]
            fates = {part.fate for part in held.parts}
            if Fate.WAITS in fates:
                break
            self._line.popleft()
            if fates <= {Fate.LEAVES} and not any(lacks_signature(part) for part in held.parts):
                out.append(held.frame.raw)
            else:
                out.append(sse.frame(json_span.one_line(rewrite(held.frame.data, held.parts))))
        return b"".join(out)


def _document(frame: sse.Frame) -> JsonObject:
    """Return the one response object, or the one error object, of a frame.

    Raises: ProtocolError (502) for what clients of this API read in different ways.
    """
    if frame.event not in ("", "message"):
        malformed("an event with a name, which this API does not have")
    if frame.lines > 1:
        # FAIL-CLOSED: the google-genai SDK takes every data line for a document of its own.
        malformed("the data of an event has several lines")
    value = parse(frame.data)
    if "error" in value and (len(value) > 1 or not value["error"]):
        malformed("an error beside something else, or an empty one")
    return value
