"""A streamed answer of Chat Completions, read into neutral events.

Source: https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from firewall.codecs import interface, sse
from firewall.codecs.neutral import ids
from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Failure,
    Fault,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.neutral.openai_chat import answer_in
from firewall.codecs.openai_chat.notes import Notes
from firewall.codecs.openai_chat.render import DONE
from firewall.codecs.openai_chat.tables import CHOICE
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed
from firewall.core.call import CallForm

_CHOICE = CHOICE - {"message"}
_OLD = -1
"""The key of the deprecated `function_call`."""


@dataclass(slots=True)
class _Call:
    """A call as its pieces build it, until it has a name."""

    id: str = ""
    name: str = ""
    form: CallForm = CallForm.JSON
    early: list[str] = field(default_factory=list)
    """Arguments that came before the name."""


class ChatReader:
    """A `StreamReader` for Chat Completions."""

    def __init__(self, seed: str) -> None:
        self._frames = sse.Splitter()
        self._seed = seed
        self._calls: dict[int, _Call] = {}
        self._finish: object = None
        self._usage = Usage()
        self._notes = Notes()
        self._begun = self._done = False

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._usage

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
        """Some servers close the connection instead of ending the last event with a blank line."""
        if self._done or self._frames.rest.strip() not in (b"data: [DONE]", b"data:[DONE]"):
            return []
        out: list[Event] = []
        self._take(DONE, out)
        return out

    def _take(self, data: bytes, out: list[Event]) -> None:
        if data == DONE:
            self._on_end(out)
            return
        value = loads_object(data)
        if value.get("error") is not None:
            self._done = True
            self._begin(value, out)
            out.append(answer_in.failure_of(value))
            return
        choices = value.get("choices")
        if not isinstance(choices, list):
            malformed("a chunk without choices")
        self._begin(value, out)
        if value.get("usage") is not None:
            self._usage = answer_in.usage_of(value["usage"])
            self._notes.count(value)
        if choices:
            self._on_choice(answer_in.only_choice(choices), out)

    def _begin(self, value: JsonObject, out: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            out.append(Begun(answer_in.text_of(value, "id"), answer_in.text_of(value, "model")))

    def _on_choice(self, choice: JsonObject, out: list[Event]) -> None:
        if not choice.keys() <= _CHOICE and any(choice[key] for key in choice.keys() - _CHOICE):
            unanswerable("a member of a choice that nobody knows")
        delta = choice.get("delta")
        if delta is not None and not isinstance(delta, dict):
            malformed("a delta is no object")
        if delta:
            if self._finish is not None and any(delta.get(key) for key in ("content", "tool_calls", "refusal")):
                malformed("a choice goes on after its end")
            self._on_delta(delta, out)
        finish = choice.get("finish_reason")
        if finish and self._finish is None:
            self._finish = finish
            self._notes.has_ended = True
            for key, call in self._calls.items():
                if not call.name:
                    malformed("a call without a name")
                out.append(CallEnded(key))

    def _on_delta(self, delta: JsonObject, out: list[Event]) -> None:
        answer_in.refuse_unknown(delta)
        if thought := answer_in.thought_of(delta):
            out.append(ThinkingDelta(thought))
        if said := answer_in.text_of(delta, "content"):
            out.append(TextDelta(said))
        if refused := answer_in.text_of(delta, "refusal"):
            out.append(RefusalDelta(refused))
        if delta.get("function_call") is not None:
            self._on_piece(_OLD, {"function": delta["function_call"]}, out)
        pieces = delta.get("tool_calls")
        if pieces is None:
            return
        if not isinstance(pieces, list):
            malformed("`tool_calls` is no list")
        for piece in pieces:
            index = piece.get("index") if isinstance(piece, dict) else None
            if not isinstance(piece, dict) or type(index) is not int or not 0 <= index <= len(self._calls):
                malformed("a piece of a call without its index")
            self._on_piece(index, piece, out)

    def _on_piece(self, key: int, piece: JsonObject, out: list[Event]) -> None:
        call = self._calls.setdefault(key, _Call())
        identity = answer_in.text_of(piece, "id")
        if identity and call.id not in ("", identity):
            malformed("the id of a call changes")
        call.id = call.id or identity
        kind, inside = answer_in.inside_of(piece)
        name = answer_in.text_of(inside, "name")
        text = answer_in.text_of(inside, "input" if kind == "custom" else "arguments")
        if name and call.name:
            malformed("a call is named twice")
        if name:
            call.name = name
            call.form = CallForm.TEXT if kind == "custom" else CallForm.JSON
            out.append(CallBegun(key, call.id or ids.derived(self._seed, key=key), name, call.form))
            out += [CallDelta(key, early) for early in call.early]
            call.early.clear()
        if text and call.name:
            out.append(CallDelta(key, text))
        elif text:
            call.early.append(text)

    def _on_end(self, out: list[Event]) -> None:
        self._done = True
        if self._finish is None:
            out.append(Failure(Fault.TRUNCATED, "the provider's answer ended before it was complete"))
            return
        stop = answer_in.stop_of(self._finish, calls=bool(self._calls))
        out.append(Ended(stop, usage=self._usage))
