"""Sessions of clients of the earlier revisions: what they said with `initialize`, and what is under way for them.

A session belongs to one token and one place (`/mcp/NAME` or `/mcp`). It permits nothing: each request brings its
token again. Clients of 2026-07-28 have none.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Id, Message
from firewall.core.errors import FirewallError
from firewall.gates.mcp.talk import Talk

if TYPE_CHECKING:
    from firewall.gates.mcp.stream import Listening

MOST_OF_A_TOKEN = 64
"""Sessions of one token; the one that was used longest ago makes room."""
MOST_UNDER_WAY = 256
"""Requests of one session at a time."""


class SessionError(FirewallError):
    """A session that is not there, or not this client's: it begins a new one (2025-11-25, transports)."""

    code = "session_unknown"
    status = 404


@dataclass(slots=True, eq=False)
class Question:
    """What a server asks a client, until it is answered."""

    message: Message
    """Under an id of ours."""
    talk: Talk
    """Where it was asked."""
    answer: "asyncio.Future[Message]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True, eq=False)
class Session:
    """One client, from its `initialize` on."""

    id: str
    token_id: str
    place: str
    """The server's name; empty: all of them."""
    version: str
    capabilities: Mapping[str, object]
    info: Mapping[str, object]
    under_way: dict[Id, Callable[[], None]] = field(default_factory=dict)
    """Requests that wait for their answer, and what cancels each."""
    asked: dict[str, Question] = field(default_factory=dict)
    """What servers have asked the client, by ids of ours."""
    stream: Talk | None = None
    """What its own stream is said on, while it has one."""
    subscribed: dict[str, frozenset[str]] = field(default_factory=dict)
    """By server: resources that the client wants to hear of."""
    wishes: dict[str, frozenset[str]] = field(default_factory=dict)
    """By server: what it will be, or still is, while a subscription is under way."""
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One subscription at a time."""
    listening: "Mapping[str, Listening]" = field(default_factory=dict)
    """Its stream, while it has one: what it hears of each server."""
    has_stream: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False
    """It has ended: who found it before may still hold it."""

    def begin(self, id_: Id, cancel: Callable[[], None]) -> None:
        """Note a request. Raises: McpError for an id that is still in use, and for too many."""
        if id_ in self.under_way:
            raise McpError("a request with this id is still under way", code="id_in_use", of=id_)
        if len(self.under_way) >= MOST_UNDER_WAY:
            raise McpError("too many requests are under way", code="too_many_requests", of=id_, status=429)
        self.under_way[id_] = cancel

    def cancel(self, id_: object) -> None:
        """Cancel a request, if it is under way."""
        if isinstance(id_, str | int) and not isinstance(id_, bool):
            cancel = self.under_way.get(id_)
            if cancel is not None:
                cancel()

    def heard_of(self, server: str) -> frozenset[str]:
        """Return the resources of a server that the client may be told of now."""
        return self.subscribed.get(server, frozenset()) | self.wishes.get(server, frozenset())

    def take_over(self, parts: "Mapping[str, Listening]") -> None:
        """Let a newer stream take the place of the older one, with all that is subscribed.

        Raises: SessionError for a session that has ended meanwhile.
        """
        if self.is_over:
            raise SessionError("this session has ended: begin a new one with `initialize`")
        for server, part in parts.items():
            part.widen(self.heard_of(server))
        older, self.listening = self.listening, parts
        self.has_stream.set()
        for part in older.values():
            part.over.set()

    def let_go(self, parts: "Mapping[str, Listening]") -> None:
        """Note that a stream has ended: what waits for it waits no more."""
        for part in parts.values():
            part.over.set()
        if self.listening is parts:
            self.listening, self.stream = {}, None
            self.has_stream.clear()

    def ask(self, message: Message, talk: Talk) -> Question:
        """Return a server's request under an id of ours, with where it is asked: where a client hears it."""
        id_ = f"stayhand-{secrets.token_hex(8)}"
        where = self.stream if talk.is_gone and self.stream is not None else talk
        self.asked[id_] = Question(messages.with_id(message, id_), where)
        return self.asked[id_]

    async def ask_again(self, talk: Talk) -> None:
        """Ask on a new stream what was asked on a connection that is gone; each on one alone."""
        for question in list(self.asked.values()):
            if question.talk.is_gone:
                question.talk = talk
                await talk.event(question.message)

    def answered(self, message: Message) -> bool:
        """Take a client's answer; False: nobody had asked that."""
        question = self.asked.pop(message.id, None) if isinstance(message.id, str) else None
        if question is None or question.answer.done():
            return False
        question.answer.set_result(message)
        return True


class Sessions:
    """All sessions of clients; one instance per process."""

    def __init__(self, *, ended: Callable[[Session], None]) -> None:
        """`ended` is told of each that is over."""
        self._ended = ended
        self._of: dict[str, OrderedDict[str, Session]] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(held) for held in self._of.values())

    def open(
        self,
        token_id: str,
        place: str,
        *,
        version: str,
        capabilities: Mapping[str, object],
        info: Mapping[str, object],
    ) -> Session:
        """Begin a session, under an id that nobody can guess."""
        held = self._of.setdefault(token_id, OrderedDict())
        while len(held) >= MOST_OF_A_TOKEN:
            _, oldest = held.popitem(last=False)
            _close(oldest)
            self._ended(oldest)
        session = Session(secrets.token_urlsafe(24), token_id, place, version, capabilities, info)
        held[session.id] = session
        return session

    def find(self, id_: str, token_id: str, place: str) -> Session:
        """Return a client's session.

        Raises: SessionError where there is none, also for one of another token or place.
        """
        held = self._of.get(token_id)
        session = held.get(id_) if held is not None else None
        if session is None or session.place != place:
            raise SessionError("there is no such session: begin a new one with `initialize`")
        self._of[token_id].move_to_end(id_)
        return session

    def end(self, session: Session) -> None:
        """End a session: what is under way is cancelled, what servers asked stays unanswered."""
        held = self._of.get(session.token_id, OrderedDict())
        if held.pop(session.id, None) is None:
            return
        if not held:
            self._of.pop(session.token_id, None)
        for cancel in list(session.under_way.values()):
            cancel()
        _close(session)
        for question in session.asked.values():
            question.answer.cancel()
        self._ended(session)

    def revoked(self, token_id: str) -> None:
        """Forget the sessions of a token."""
        for session in list(self._of.get(token_id, OrderedDict()).values()):
            self.end(session)


def _close(session: Session) -> None:
    """End the stream of a session, also one that is about to open."""
    session.is_over = True
    for part in session.listening.values():
        part.over.set()
