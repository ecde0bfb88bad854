"""Calls one after another, whatever order their pieces come in.

Chat Completions may weave the pieces of several calls into each other; other dialects have no words for that, and
clients that hold calls in blocks stumble over it. INVARIANT: what leaves is what came, each event once; text that
stands before any call leaves at once.
"""

from collections import deque

from firewall.codecs.neutral.events import Begun, CallBegun, CallDelta, CallEnded, Ended, Event, Failure
from firewall.codecs.upstream_json import malformed


class Ordering:
    """Puts the events of one answer into order; one instance per stream."""

    __slots__ = ("_begun", "_ended", "_open", "_pieces", "_terminal", "_waiting")

    def __init__(self) -> None:
        self._open: int | None = None
        self._pieces: dict[int, list[Event]] = {}
        """What has come of calls whose turn it is not yet, by key; an entry for every call that has begun."""
        self._ended: set[int] = set()
        self._waiting: deque[Event] = deque()
        self._begun = self._terminal = False

    @property
    def is_terminal(self) -> bool:
        """Whether the answer has ended, well or not."""
        return self._terminal

    def take(self, event: Event) -> list[Event]:
        """Return what may leave now.

        Raises: ProtocolError (upstream) for events that make no answer.
        """
        if self._terminal:
            return []
        if isinstance(event, Failure):
            self._terminal = True
            return [event]
        if isinstance(event, Begun) is self._begun:
            malformed("an answer begins twice or not at all")
        self._begun = True
        if isinstance(event, CallDelta | CallEnded):
            return self._piece(event)
        if isinstance(event, Ended):
            if self._open is not None:
                malformed("the answer ends within a call")
            self._terminal = True
        elif isinstance(event, CallBegun):
            return self._call(event)
        if self._open is None:
            return [event]
        self._waiting.append(event)
        return []

    def _call(self, event: CallBegun) -> list[Event]:
        if event.key in self._pieces:
            malformed("a call begins twice")
        self._pieces[event.key] = []
        if self._open is None:
            self._open = event.key
            return [event]
        self._waiting.append(event)
        return []

    def _piece(self, event: CallDelta | CallEnded) -> list[Event]:
        key = event.key
        if key not in self._pieces or key in self._ended:
            malformed("a piece of a call that has not begun or has ended")
        if isinstance(event, CallEnded):
            self._ended.add(key)
        if key != self._open:
            self._pieces[key].append(event)
            return []
        return [event] if isinstance(event, CallDelta) else [event, *self._drained()]

    def _drained(self) -> list[Event]:
        """Let go of what waited for the call that has just ended, up to the next one that is not complete."""
        out: list[Event] = []
        self._open = None
        while self._open is None and self._waiting:
            first = self._waiting.popleft()
            out.append(first)
            if isinstance(first, CallBegun):
                out += self._pieces[first.key]
                self._pieces[first.key] = []
                if first.key not in self._ended:
                    self._open = first.key
        return out
