"""One streamed answer of the Messages API: text flows, calls and the thinking that led to them wait.

Frames leave in the order in which they came, so whatever stands behind a call waits with it.
Source: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from collections import deque

from firewall.codecs import json_span, sse
from firewall.codecs.anthropic import render
from firewall.codecs.anthropic.blocks import Block, Fate, identity_of, kind_of
from firewall.codecs.anthropic.notes import Notes
from firewall.codecs.anthropic.tables import DELTAS, Kind
from firewall.codecs.interface import Pending, Refused, Ruling, Step, Usage
from firewall.codecs.sse import Frame
from firewall.codecs.template import MOST_MADE, Template, template_of
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed
from firewall.core.errors import ProtocolError

_NOTHING = Step()
_DONE = b"[DONE]"
"""What some routers send behind the end, as OpenAI does."""
_COMMENTED = frozenset({"opencode", "other"})
"""Clients that skip comments; the others get a ping (CLIENTS.md)."""


class AnthropicStream:
    """A `StreamCodec` for the Messages API."""

    def __init__(self) -> None:
        self._frames = sse.Splitter()
        self._blocks: list[Block] = []
        self._queue: deque[tuple[Frame, Block | None]] = deque()
        self._slots: list[Block] = []
        self._ready: list[Pending] = []
        self._ids: set[str] = set()
        self._thinking: list[Block] = []
        self._notes = Notes()
        self._begun = self._summed = self._complete = self._done = False
        self._last: Frame | None = None
        self._unsent = b""
        self._afterwords: list[str] = []
        self._called = False
        """Something was held as a call: what the provider says afterwards may repeat it."""
        self._template: Template | None = None
        """Of the newest frame of text."""
        self._talking: Block | None = None
        """Whose text that was."""
        self._may_make = MOST_MADE

    @property
    def usage(self) -> Usage:
        """Tokens seen so far; `input_tokens` counts those read from and written to the cache as well."""
        return self._notes.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """The message's id, its container's and those of files that it made."""
        return self._notes.issued

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider, cut anywhere.

        Raises: ProtocolError (upstream) when they are no stream of this dialect; nothing more comes then.
        """
        out: list[bytes] = []
        frames = self._frames
        try:
            for raw in frames.cut(chunk):
                template = self._template
                if template is not None and template.fits(raw) and self._talks_on():
                    out.append(raw)
                else:
                    self._take(frames.read(raw), out)
        except ProtocolError:
            # What was free before the fault leaves with the error event, however the input was cut.
            self._unsent = b"".join(out)
            raise
        return self._step(out)

    def _talks_on(self) -> bool:
        """Tell whether the text of a frame that fits the template may pass as the one before it did."""
        talking = self._talking
        return talking is not None and talking.open and not (self._queue or self._summed or self._done)

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call; returns what may leave now, in order.

        Raises: ValueError for a slot that is unknown or settled.
        """
        if not 0 <= slot < len(self._slots) or self._slots[slot].ruling is not None:
            raise ValueError(f"slot {slot} does not wait for a ruling")
        if self._done:
            return Step(done=True)
        self._slots[slot].ruling = ruling
        out: list[bytes] = []
        self._drain(out)
        return self._step(out)

    def close(self) -> Step:
        """The provider closed the connection; an answer without its end releases nothing more."""
        if self._done or self._complete:
            return _NOTHING
        return Step(
            self.abort("upstream_truncated", "the provider's answer ended before it was complete"), done=True
        )

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with one error event; drops all that is held. Empty when it has ended already."""
        unsent, self._unsent = self._unsent, b""
        if self._done:
            return unsent
        self._done = True
        self._queue.clear()
        return unsent + render.error_event(code, message)

    def keepalive(self, client: str) -> bytes:
        """Return bytes that keep `client` waiting; they may stand between any two frames."""
        return sse.comment(b"held") if client in _COMMENTED else render.PING

    def _step(self, out: list[bytes]) -> Step:
        calls, self._ready = tuple(self._ready), []
        return Step(b"".join(out), calls, self._done)

    def _take(self, frame: Frame, out: list[bytes]) -> None:
        if frame.lines == 0:
            if frame.event:
                malformed("an event without data")
            self._push(frame, None, out)
            return
        if frame.lines > 1:
            malformed("the data of an event has several lines")
        if self._done or self._complete:
            if frame.data == _DONE:
                return
            malformed("an event after the end of the answer")
        value = loads_object(frame.data)
        type_ = value.get("type")
        if not isinstance(type_, str) or (frame.event and frame.event != type_):
            malformed("an event's name and its type differ")
        if type_ == "content_block_delta":
            block = self._on_delta(frame, value)
            self._push(frame, block, out)
            if block.kind is Kind.TEXT and self._may_make:
                self._note_template(frame, block)
        else:
            self._on_rare(type_, frame, value, out)

    def _note_template(self, frame: Frame, block: Block) -> None:
        """Keep what a frame of text looks like: the next ones differ in nothing but their text."""
        found = template_of(frame.raw, b'"text":"')
        if found is not None:
            self._template, self._talking = found, block
            self._may_make -= 1

    def _on_rare(self, type_: str, frame: Frame, value: JsonObject, out: list[bytes]) -> None:
        match type_:
            case "ping":
                self._push(frame, None, out)
            case "error":
                self._on_error(frame, out)
            case "message_start":
                self._on_message(value)
                self._push(frame, None, out)
            case "content_block_start":
                block = self._on_start(frame, value)
                self._settle_thinking(block)
                self._push(frame, block, out)
            case "content_block_stop":
                self._on_stop(frame, value, out)
            case "message_delta":
                self._on_message_delta(value)
                self._settle_thinking(None)
                self._push(frame, None, out)
            case "message_stop":
                self._on_end(frame, out)
            case _:
                self._push(frame, self._stray(type_, frame), out)

    def _on_message(self, value: JsonObject) -> None:
        message = value.get("message")
        if self._begun or not isinstance(message, dict):
            malformed("`message_start` stands twice or has no message")
        if message.get("content") not in (None, []):
            malformed("`message_start` has content already")
        self._begun = True
        self._notes.message(message)

    def _on_start(self, frame: Frame, value: JsonObject) -> Block:
        index, start = value.get("index"), value.get("content_block")
        if not self._begun or self._summed:
            malformed("a content block outside of a message")
        if not isinstance(start, dict) or type(index) is not int or index != len(self._blocks):
            malformed("a content block has no place or the place of another")
        kind, type_ = kind_of(start)
        block = Block(kind, type_, index=index, start=start)
        if kind is Kind.CALL:
            self._called = True
            block.inline = json_span.cut(frame.data, ("content_block", "input")) or b""
            block.raws.append(frame.raw)
            self._once(identity_of(start))
        elif kind is Kind.UNKNOWN:
            self._called = True
            block.raws.append(frame.raw)
        elif kind is Kind.HOSTED:
            self._notes.block(start)
        self._blocks.append(block)
        return block

    def _on_delta(self, frame: Frame, value: JsonObject) -> Block:
        block = self._open_block(value)
        delta = value.get("delta")
        type_ = delta.get("type") if isinstance(delta, dict) else None
        if not isinstance(delta, dict) or not isinstance(type_, str):
            malformed("a delta without a type")
        kind = block.kind
        allowed = DELTAS.get(type_)
        if allowed is not None and kind in allowed:
            if kind is Kind.CALL:
                piece = delta.get("partial_json")
                if not isinstance(piece, str):
                    malformed("`partial_json` is no string")
                block.parts.append(piece)
                block.raws.append(frame.raw)
            return block
        if kind is Kind.UNKNOWN:
            block.raws.append(frame.raw)
            return block
        if allowed is not None:
            malformed("a delta does not fit its block")
        if kind is Kind.CALL:
            block.oddity = type_
            block.raws.append(frame.raw)
            return block
        return self._stray(type_, frame)

    def _on_stop(self, frame: Frame, value: JsonObject, out: list[bytes]) -> None:
        block = self._open_block(value)
        block.open = False
        if block.kind is Kind.UNKNOWN or block.kind is Kind.CALL:
            block.raws.append(frame.raw)
            self._wait(block)
        self._push(frame, block, out)

    def _on_message_delta(self, value: JsonObject) -> None:
        delta = value.get("delta")
        if not self._begun or not isinstance(delta, dict) or any(block.open for block in self._blocks):
            malformed("`message_delta` has no delta or stands within a content block")
        self._summed = True
        self._notes.message(delta)
        self._notes.usage_of(value)

    def _on_end(self, frame: Frame, out: list[bytes]) -> None:
        if not self._summed:
            malformed("`message_stop` stands before `message_delta`")
        self._settle_thinking(None)
        self._complete = True
        self._last = frame
        self._push(frame, None, out)

    def _on_error(self, frame: Frame, out: list[bytes]) -> None:
        """The provider gave up: what is held is dropped, and an error that might quote it is not passed on."""
        if self._called:
            out.append(self.abort("upstream_error", "the provider ended its answer with an error"))
            return
        for waiting, _ in self._queue:
            out.append(waiting.raw)
        self._queue.clear()
        out.append(frame.raw)
        self._done = True

    def _stray(self, type_: str, frame: Frame) -> Block:
        """A frame that no table knows waits as a call of its own."""
        self._called = True
        block = Block(Kind.UNKNOWN, type_, open=False)
        block.raws.append(frame.raw)
        self._settle_thinking(block)
        self._wait(block)
        return block

    def _wait(self, block: Block) -> None:
        block.slot = len(self._slots)
        self._slots.append(block)
        self._ready.append(Pending(block.slot, block.call()))
        block.parts.clear()
        block.raws.clear()

    def _settle_thinking(self, following: Block | None) -> None:
        """Tell the thinking that stands directly before `following` whether it led to a call."""
        if following is not None and following.kind is Kind.THINKING:
            self._thinking.append(following)
            return
        for block in self._thinking:
            if following is not None and (following.kind is Kind.CALL or following.kind is Kind.UNKNOWN):
                block.follows = following
            else:
                block.freed = True
        self._thinking.clear()

    def _open_block(self, value: JsonObject) -> Block:
        index = value.get("index")
        if type(index) is not int or not 0 <= index < len(self._blocks) or not self._blocks[index].open:
            malformed("an event of a content block that is not open")
        return self._blocks[index]

    def _once(self, identity: str) -> None:
        if identity in self._ids:
            malformed("two calls have the same id")
        self._ids.add(identity)

    def _push(self, frame: Frame, block: Block | None, out: list[bytes]) -> None:
        queue = self._queue
        if (
            not queue
            and frame is not self._last
            and (block is None or block.fate is Fate.LEAVES)
            and not self._summed
        ):
            out.append(frame.raw)
            return
        queue.append((frame, block))
        self._drain(out)

    def _drain(self, out: list[bytes]) -> None:
        queue = self._queue
        while queue:
            frame, block = queue[0]
            fate = Fate.LEAVES if block is None else block.fate
            if fate is Fate.WAITS:
                return
            queue.popleft()
            if fate is Fate.LEAVES:
                out.append(self._leaving(frame))
            elif block is not None:
                out.append(self._in_place_of(block))
            if frame is self._last:
                self._done = True

    def _in_place_of(self, block: Block) -> bytes:
        """Put the refusal where the block began; one for a frame without a block follows at the end."""
        if block.told or not isinstance(block.ruling, Refused):
            return b""
        block.told = True
        if block.index < 0:
            self._afterwords.append(block.ruling.text)
            return b""
        return render.text_block(block.index, block.ruling.text)

    def _leaving(self, frame: Frame) -> bytes:
        if not self._summed or b"message_delta" not in frame.data:
            return frame.raw
        value = loads_object(frame.data)
        if value.get("type") != "message_delta":
            return frame.raw
        words = b"".join(
            render.text_block(len(self._blocks) + at, text) for at, text in enumerate(self._afterwords)
        )
        self._afterwords.clear()
        delta = value.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        all_refused = bool(self._slots) and all(isinstance(one.ruling, Refused) for one in self._slots)
        return words + (render.ended_turn(frame) if reason == "tool_use" and all_refused else frame.raw)
