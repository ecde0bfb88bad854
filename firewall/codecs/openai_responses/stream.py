"""One streamed Responses answer, read as it arrives: text leaves at once, calls wait for their ruling.

Frames leave in the order in which they came, so what follows a waiting call waits behind it.
INVARIANT: a frame of a call, of the reasoning that belongs to it, or of a kind that no table knows is never in
`forward` before `rule` released that call.
Source: https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from collections import deque

from firewall.codecs import json_span, sse
from firewall.codecs.interface import Pending, Refused, Ruling, Step, Usage
from firewall.codecs.openai_responses import final, render
from firewall.codecs.openai_responses.calls import malformed
from firewall.codecs.openai_responses.items import Item
from firewall.codecs.openai_responses.reading import DONE, Held, Reader
from firewall.codecs.steps import Fate
from firewall.core.errors import ProtocolError

_COMMENT_CLIENTS = frozenset({"claude-code", "opencode", "other"})


class ResponsesStream:
    """A `StreamCodec` for the Responses API."""

    def __init__(self) -> None:
        self._splitter = sse.Splitter()
        self._line: deque[Held] = deque()
        self._reader = Reader()
        self._top = -1
        self._offset = 0
        self._sequence = -1
        self._changed = False
        self._over = False
        self._unsent = b""

    # -- the contract ------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider, cut anywhere.

        Raises: ProtocolError (502) when the bytes are no stream of this dialect.
        """
        return self._take(self._splitter.feed(chunk))

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call; returns what may leave now, in order.

        Raises: KeyError when `slot` is not waiting for a ruling.
        """
        if self._over:
            return Step(done=True)
        self._reader.pending.pop(slot).ruling = ruling
        return Step(forward=self._drain(), done=self._over)

    def close(self) -> Step:
        """The provider closed the connection; without a terminal event, end in an error and release nothing."""
        if self._over:
            return Step(done=True)
        try:
            step = self._take(self._splitter.finish())
        except ProtocolError as error:
            return Step(forward=self.abort(error.code, error.public), done=True)
        if self._reader.ended:
            return step
        end = self.abort("stream_truncated", "the provider closed the stream before its end")
        return Step(forward=step.forward + end, done=True)

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with `response.failed` (or `error` where none was opened); drops all that is held."""
        unsent, self._unsent = self._unsent, b""
        if self._over:  # its end is among what has not left yet, or has left
            return unsent
        self._over = True
        self._line.clear()
        self._reader.pending.clear()
        if self._reader.opened is None:
            end = render.bare_error(code, message, self._sequence + 1)
        else:
            end = render.failed(self._reader.opened, code=code, text=message, sequence=self._sequence + 1)
        return unsent + end

    def keepalive(self, client: str) -> bytes:
        """Return a comment, or for clients that need a real event the `response.in_progress` once more.

        It repeats the last sequence number: it says nothing new, and later frames keep their bytes.
        """
        if self._over:
            return b""
        if client in _COMMENT_CLIENTS:
            return sse.comment(b"keep-alive")
        if self._reader.opened is None:
            return b""
        body = {**render.slim(self._reader.opened), "status": "in_progress"}
        return render.event("response.in_progress", {"response": body}, max(self._sequence, 0))

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._reader.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """The response id, once it is known."""
        found = self._reader.response_id
        return (found,) if found else ()

    # -- reading -----------------------------------------------------------------------------------------

    def _take(self, frames: list[sse.Frame]) -> Step:
        if self._over:
            if any(frame.lines and frame.data != DONE for frame in frames):
                malformed("data after the end")
            return Step(done=True)
        out: list[bytes] = []
        calls: list[Pending] = []
        try:
            for frame in frames:
                held = self._reader.read(frame, calls)
                if held is None:
                    continue
                if not self._line and not self._changed and self._is_free(held):
                    self._note(held)
                    out.append(frame.raw)
                else:
                    self._line.append(held)
                    out.append(self._drain())
        except ProtocolError:
            # What was free before the fault leaves with the error event, however the input was cut.
            self._unsent = b"".join(out)
            raise
        return Step(forward=b"".join(out), calls=tuple(calls), done=self._over)

    # -- writing -----------------------------------------------------------------------------------------

    def _is_free(self, held: Held) -> bool:
        return not held.last and (held.owner is None or held.owner.fate is Fate.LEAVES)

    def _note(self, held: Held) -> None:
        if held.sequence is not None:
            self._sequence = held.sequence
        if held.index is not None and held.index > self._top:
            self._top = held.index

    def _drain(self) -> bytes:
        out: list[bytes] = []
        while self._line:
            held = self._line[0]
            fate = Fate.LEAVES if held.owner is None else held.owner.fate
            if fate is Fate.WAITS:
                break
            self._line.popleft()
            if fate is Fate.LEAVES:
                out.append(self._leaving(held))
            elif held.owner is not None:
                self._changed = True
                out.append(self._instead(held.owner, fate))
            if held.last:
                self._over = True
        return b"".join(out)

    def _leaving(self, held: Held) -> bytes:
        if held.owner is not None and held.owner.offset is None:
            held.owner.offset = self._offset
        if not self._changed:
            self._note(held)
            return held.frame.raw
        if not held.frame.lines:
            return held.frame.raw
        data = held.frame.data
        if held.last and self._reader.pairs:
            data = final.rewrite(data, ("response", "output"), self._reader.pairs, self._reader.response_id)
        return self._renumbered(held, data)

    def _renumbered(self, held: Held, data: bytes) -> bytes:
        changes: dict[json_span.Span, bytes] = {}
        for key, _, span in json_span.members(data):
            if key == "sequence_number" and held.sequence is not None:
                self._sequence += 1
                changes[span] = b"%d" % self._sequence
            elif key == "output_index" and held.index is not None:
                moved = held.owner.offset if held.owner is not None else None
                index = held.index + (self._offset if moved is None else moved)
                self._top = max(self._top, index)
                changes[span] = b"%d" % index
        return sse.frame(json_span.one_line(json_span.splice(data, changes)), event=held.frame.event)

    def _instead(self, item: Item, fate: Fate) -> bytes:
        if item.replaced:
            return b""
        item.replaced = True
        if fate is Fate.DROPPED or not isinstance(item.ruling, Refused):
            self._offset -= 1
            return b""
        if item.index < 0:
            # An event of no table has no place of its own: its text becomes an item of its own.
            index = self._top + 1
            self._offset += 1
        else:
            index = item.index + self._offset
        self._top = max(self._top, index)
        events = render.message_events(final.message_id(self._reader.response_id, item), item.ruling.text, index)
        first = self._sequence + 1
        self._sequence += len(events)
        return render.numbered(events, first)
