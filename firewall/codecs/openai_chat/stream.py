"""One streamed chat completion: text flows, calls and the reasoning that led to them wait.

The calls of a choice are complete at its `finish_reason`. Text passes what waits; everything else keeps its order.
Source: https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events.
"""

from collections import deque
from dataclasses import dataclass, field

import orjson

from firewall.codecs import sse
from firewall.codecs.interface import Pending, Ruling, Step, Usage
from firewall.codecs.openai_chat import reading, render
from firewall.codecs.openai_chat.calls import Call, Choice
from firewall.codecs.openai_chat.notes import Notes
from firewall.codecs.openai_chat.tables import CHUNK
from firewall.codecs.sse import Frame
from firewall.codecs.template import MOST_MADE, Template, template_of
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed
from firewall.core.errors import ProtocolError


@dataclass(slots=True, eq=False)
class _Held:
    """A frame that waits, and for what."""

    frame: Frame
    calls: list[Call] = field(default_factory=list)
    thinks: list[Choice] = field(default_factory=list)
    """Choices whose reasoning it holds, as long as that may belong to a call."""
    bound: bool = False
    """The reasoning has turned out to belong to calls."""
    ends: list[Choice] = field(default_factory=list)
    """Choices that it finishes."""
    spoke: bool = False
    """It holds text."""

    @property
    def is_free(self) -> bool:
        return not self.calls and not self.thinks

    @property
    def is_ready(self) -> bool:
        if not all(call.ruling is not None for call in self.calls):
            return False
        return all(self.bound and _is_decided(choice) for choice in self.thinks)


def _is_decided(choice: Choice) -> bool:
    return choice.is_ruled or any(call.is_released for call in choice.calls.values())


class ChatStream:
    """A `StreamCodec` for Chat Completions."""

    def __init__(self, *, hides_usage: bool = False) -> None:
        """`hides_usage`: the chunk that says nothing but the counts is for us alone."""
        self._hides_usage = hides_usage
        self._frames = sse.Splitter()
        self._choices: dict[int, Choice] = {}
        self._queue: deque[_Held] = deque()
        self._thoughts: dict[Choice, list[_Held]] = {}
        self._slots: list[Call] = []
        self._ready: list[Pending] = []
        self._ids: set[str] = set()
        self._notes = Notes()
        self._last: Frame | None = None
        self._done = self._failed = False
        self._unsent = b""
        self._template: Template | None = None
        """Of the newest frame of text."""
        self._talking: Choice | None = None
        """Whose text that was."""
        self._may_make = MOST_MADE

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._notes.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """The completion's id and those of its audio."""
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
        if self._done or self._last is not None or self._thoughts or self._talking is None:
            return False
        return not self._talking.finish

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
        if self._done or self._last is not None:
            return Step()
        if self._frames.rest.strip() in (b"data: [DONE]", b"data:[DONE]"):
            return self._lenient_end()
        text = self.abort("upstream_truncated", "the provider's answer ended before it was complete")
        return Step(text, done=True)

    def _lenient_end(self) -> Step:
        """Some providers close the connection instead of ending the last event with a blank line."""
        try:
            return self.feed(b"\n" if self._frames.rest.endswith(b"\n") else b"\n\n")
        except ProtocolError as error:
            return Step(self.abort(error.code, error.public), done=True)

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with one error event; drops all that is held. Empty when it has ended already."""
        unsent, self._unsent = self._unsent, b""
        if self._done:
            return unsent
        self._done = True
        self._queue.clear()
        return unsent + render.error_event(code, message)

    def keepalive(self, client: str) -> bytes:
        """Return a comment, which every client of this dialect skips."""
        del client
        return sse.comment(b"held")

    def _step(self, out: list[bytes]) -> Step:
        calls, self._ready = tuple(self._ready), []
        return Step(b"".join(out), calls, self._done)

    def _take(self, frame: Frame, out: list[bytes]) -> None:
        if frame.event or frame.lines > 1:
            malformed("a chunk has an event name or several data lines")
        if frame.lines == 0:
            self._hold(_Held(frame), out)
            return
        if self._done or self._last is not None:
            if self._failed and frame.data == render.DONE:
                return
            malformed("a chunk after the end of the answer")
        if frame.data == render.DONE:
            self._on_end(frame, out)
            return
        value = loads_object(frame.data)
        if value.get("error") is not None:
            self._on_error(frame, value, out)
        else:
            self._on_chunk(frame, value, out)

    def _on_chunk(self, frame: Frame, value: JsonObject, out: list[bytes]) -> None:
        choices = value.get("choices")
        if not isinstance(choices, list):
            malformed("a chunk without choices")
        self._notes.issue(value.get("id"))
        self._notes.count(value)
        if self._hides_usage and not choices and value.get("usage") is not None:
            return
        held = _Held(frame)
        states = [self._on_choice(choice, held, out) for choice in choices]
        if not choices or held.calls or held.ends or not value.keys() <= CHUNK:
            held.bound = True
            self._hold(held, out)
        elif held.thinks:
            for state in held.thinks:
                self._thoughts.setdefault(state, []).append(held)
            self._hold(held, out)
        elif not held.spoke and self._thoughts and not self._thoughts.keys().isdisjoint(states):
            self._hold(held, out)
        else:
            out.append(frame.raw)
            if held.spoke and len(states) == 1 and self._may_make:
                self._note_template(frame, value, states[0])
        if held.ends:
            for state in held.ends:
                self._on_finish(state, out)
            self._notes.has_ended = all(choice.finish for choice in self._choices.values())
            self._drain(out)

    def _note_template(self, frame: Frame, value: JsonObject, state: Choice) -> None:
        """Keep what a frame of text looks like that says nothing else; one that counts tokens says more."""
        if value.get("usage") is None:
            found = template_of(frame.raw, b'"content":"', b'"obfuscation":"')
            if found is not None:
                self._template, self._talking = found, state
                self._may_make -= 1

    def _on_choice(self, value: object, held: _Held, out: list[bytes]) -> Choice:
        if not isinstance(value, dict):
            malformed("a choice is no object")
        state = reading.choice_of(value, self._choices)
        delta = reading.delta_of(value)
        said = reading.read(value, delta, state, lambda: held.frame.raw, streamed=True)
        self._end_of(value, state, said, held)
        if "audio" in delta:
            self._notes.audio(delta)
        if said.calls:
            held.calls += said.calls
            for thought in self._thoughts.pop(state, ()):
                thought.bound = True
        elif said.text:
            held.spoke = True
            if state in self._thoughts:
                self._free([state], out)
        if said.reasoning and (said.calls or not said.text):
            held.thinks.append(state)
        if said.text:
            state.spoke = True
        return state

    def _end_of(self, value: JsonObject, state: Choice, said: reading.Said, held: _Held) -> None:
        finish = value.get("finish_reason")
        if state.finish and (said.calls or said.reasoning or finish not in (None, state.finish)):
            malformed("a choice goes on after its end")
        if finish is None or finish == "":
            return
        if not isinstance(finish, str):
            malformed("`finish_reason` is no string")
        if finish == "error":
            malformed("the provider gave up in the middle of its answer")
        state.finish = finish
        held.ends.append(state)

    def _on_finish(self, choice: Choice, out: list[bytes]) -> None:
        if not choice.closed:
            choice.closed = True
            for call in choice.calls.values():
                self._wait(call)
        thoughts = self._thoughts.pop(choice, [])
        if choice.calls:
            for thought in thoughts:
                thought.bound = True
        elif thoughts:
            self._release(choice, thoughts, out)

    def _wait(self, call: Call) -> None:
        found = call.call()
        if found.id and found.id in self._ids:
            malformed("two calls have the same id")
        self._ids.add(found.id)
        self._ready.append(Pending(len(self._slots), found))
        self._slots.append(call)
        call.parts.clear()
        call.raws.clear()

    def _on_end(self, frame: Frame, out: list[bytes]) -> None:
        for choice in self._choices.values():
            if choice.calls and not choice.finish:
                malformed("the answer ends within a call")
        self._last = frame
        self._free(list(self._thoughts), out)
        self._hold(_Held(frame), out)

    def _on_error(self, frame: Frame, value: JsonObject, out: list[bytes]) -> None:
        """The provider gave up: what is held is dropped, and an error that might quote it is not passed on.

        SDKs read on where an error is empty: such a chunk is none of ours to pass.
        """
        if not value["error"]:
            malformed("an empty error")
        self._failed = True
        if any(choice.calls for choice in self._choices.values()):
            out.append(self.abort("upstream_error", "the provider ended its answer with an error"))
            return
        out += (held.frame.raw for held in self._queue)
        self._queue.clear()
        # Some providers end in an error beside a last choice: of that, the error alone leaves.
        out.append(frame.raw if len(value) == 1 else sse.frame(orjson.dumps({"error": value["error"]})))
        self._done = True

    def _free(self, choices: list[Choice], out: list[bytes]) -> None:
        """Let the reasoning of these choices go: it led to text or to nothing."""
        for choice in choices:
            thoughts = self._thoughts.pop(choice, [])
            if thoughts:
                self._release(choice, thoughts, out)

    def _release(self, choice: Choice, thoughts: list[_Held], out: list[bytes]) -> None:
        for thought in thoughts:
            thought.thinks.remove(choice)
        self._drain(out)
        freed = {id(thought) for thought in thoughts if thought.is_free}
        if self._queue:
            out += (held.frame.raw for held in self._queue if id(held) in freed)
            self._queue = deque(held for held in self._queue if id(held) not in freed)

    def _hold(self, held: _Held, out: list[bytes]) -> None:
        self._queue.append(held)
        self._drain(out)

    def _drain(self, out: list[bytes]) -> None:
        queue = self._queue
        while queue and queue[0].is_ready:
            held = queue.popleft()
            out.append(self._leaving(held))
            if held.frame is self._last:
                self._done = True

    def _leaving(self, held: _Held) -> bytes:
        changed = (
            any(call.is_refused for call in held.calls)
            or any(choice.is_refused for choice in (*held.thinks, *held.ends))
            or (bool(held.calls) and any(choice.is_renumbered for choice in self._choices.values()))
        )
        return render.rewritten_chunk(held.frame.data, self._choices) if changed else held.frame.raw
