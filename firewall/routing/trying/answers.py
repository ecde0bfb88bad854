"""Answers that were read as far as it takes to know that they are answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from firewall.codecs.interface import Answer, Usage
from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError
from firewall.core.fast_init import maker
from firewall.core.spellings import holds
from firewall.routing.call import Attempt, Heard
from firewall.routing.interpreting import counted
from firewall.routing.port import UpstreamResponse
from firewall.routing.trying.faults import Fault, fault_of_error
from firewall.routing.trying.lines import Place

Field = tuple[bytes, bytes]
_KEPT = 64
_TERMINAL: dict[Dialect, tuple[bytes, ...]] = {
    Dialect.ANTHROPIC: (b"message_stop",),
    Dialect.OPENAI_CHAT: (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "'),
    Dialect.OPENAI_RESPONSES: (b"response.completed", b"response.incomplete"),
    Dialect.GEMINI: (b'"finishReason"',),
}
"""One of these stands in every complete stream of a dialect; where one stands elsewhere too, nobody is blamed."""
_GIVEN_UP: dict[Dialect, tuple[bytes, ...]] = {
    Dialect.OPENAI_CHAT: (b'"finish_reason":"error"', b'"finish_reason": "error"', b'{"error":'),
}
"""With one of these a stream is not regular, whatever stands behind it. Texts cannot hold them: quotes in JSON."""


@dataclass(slots=True, eq=False)
class Kept:
    """An answer that is all here."""

    status: int
    fields: list[Field]
    """Those that may go to the client."""
    body: bytes
    heard: Heard
    answer: Answer | None = None
    """Its calls and usage, as the client's codec reads them; None: it was not read."""
    usage: Usage | None = None
    """What the provider has counted in its own dialect; None: the answer says it itself."""

    @property
    def counted(self) -> Usage | None:
        """What is known of its tokens; None: nobody has read it."""
        return self.usage if self.usage is not None or self.answer is None else self.answer.usage

    @property
    def raw_fields(self) -> list[Field]:
        """The same fields: what else came is gone."""
        return self.fields

    @property
    def comes_whole(self) -> bool:
        """It has."""
        return True

    async def read(self, limit: int) -> bytes:
        """Return the body; it was read within the same limit."""
        return self.body[:limit]

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        yield self.body

    def close(self) -> None:
        """Nothing is held."""

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is held."""


kept_of = maker(Kept)


class Ending:
    """Whether a stream came to its regular end, from what passes by; bytes are looked at, not parsed."""

    __slots__ = ("_bad", "_is_ended", "_is_failed", "_marks", "_tail")

    def __init__(self, dialect: Dialect) -> None:
        self._marks = _TERMINAL[dialect]
        self._bad = _GIVEN_UP.get(dialect, ())
        self._tail = b""
        self._is_ended = self._is_failed = False

    @property
    def is_regular(self) -> bool:
        """It has ended, and not because the provider gave up."""
        return self._is_ended and not self._is_failed

    def see(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if self._is_ended and not self._bad:
            return
        joined = self._tail + chunk
        self._is_ended = self._is_ended or holds(joined, self._marks)
        self._is_failed = self._is_failed or holds(joined, self._bad)
        self._tail = joined[-_KEPT:]


Broke = Callable[[Fault], None]
Again = Callable[[bytes, Usage], Awaitable["Kept | Begun | None"]]
"""Given the error that an answer ended in (empty: it cannot be read), and what it used as far as it said."""


class Begun:
    """A streamed answer whose first word has come; what follows is passed on as it comes."""

    def __init__(
        self,
        response: UpstreamResponse,
        chunks: AsyncIterator[bytes],
        *,
        opening: bytes,
        dialect: Dialect,
        heard: Heard,
        place: Place,
        broke: Broke,
    ) -> None:
        """`opening`: what was read; `broke`: called once when the answer ends before its end."""
        self._response = response
        self._chunks = chunks
        self._opening = opening
        self._ending = Ending(dialect)
        self._broke = broke
        self._closing: list[Callable[[], None]] = [place.leave]
        self._collected: list[bytes] | None = None
        self._room = 0
        self._keep: Callable[[bytes], None] | None = None
        self.heard = heard
        self.fault: Fault | None = None
        """Why it ended before its end."""
        self.before: tuple[Attempt, ...] = ()
        """Requests of the call that were made for something else than its answer."""
        self.again: Again | None = None
        """How another answer is got when this one breaks off; None: in no way."""

    @property
    def status(self) -> int:
        """The provider's status."""
        return self._response.status

    @property
    def fields(self) -> list[Field]:
        """The header fields that may go to the client."""
        return self._response.fields

    @property
    def raw_fields(self) -> list[Field]:
        """The header fields as they came."""
        return self._response.raw_fields

    @property
    def comes_whole(self) -> bool:
        """A stream does not."""
        return False

    @property
    def usage(self) -> Usage | None:
        """What a provider of another dialect has counted so far; None: the answer says it itself."""
        return counted(self._response)

    async def read(self, limit: int) -> bytes:
        """Return all of it, at most `limit` bytes. Raises: UpstreamError."""
        pieces = [piece async for piece in self.chunks()]
        return b"".join(pieces)[:limit]

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the answer from its beginning.

        Raises: UpstreamError when it breaks off; it is never ended as if it were complete.
        """
        opening, self._opening = self._opening, b""
        self._see(opening)
        yield opening
        try:
            async for chunk in self._chunks:
                self._see(chunk)
                yield chunk
        except UpstreamError as error:
            self.broke_off(fault_of_error(error))
            raise
        if not self._ending.is_regular:
            self.broke_off(Fault.TRUNCATED)

    def broke_off(self, fault: Fault) -> None:
        """Note that it ended before its end; only the first word counts."""
        if self.fault is None:
            self.fault = fault
            self._broke(fault)

    def on_close(self, ended: Callable[[], None]) -> None:
        """Call `ended` once when the answer is let go of."""
        self._closing.append(ended)

    def collect(self, max_bytes: int, keep: Callable[[bytes], None]) -> None:
        """Give all of the answer to `keep` when it is let go of, if it was complete and not longer than that."""
        self._collected, self._room, self._keep = [], max_bytes, keep

    def close(self) -> None:
        """Let go of the answer; its place is somebody else's."""
        self._response.close()
        closing, self._closing = self._closing, []
        for ended in closing:
            ended()
        collected, self._collected = self._collected, None
        if collected and self._keep is not None and self._ending.is_regular:
            self._keep(b"".join(collected))

    def _see(self, chunk: bytes) -> None:
        self._ending.see(chunk)
        if self._collected is not None:
            self._room -= len(chunk)
            self._collected.append(chunk)
            if self._room < 0:
                self._collected = None

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()
