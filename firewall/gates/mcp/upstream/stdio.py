"""Lines to MCP servers that are programs: many requests at a time over one pair of pipes.

Ids and progress tokens are ours on the pipe, since two clients may choose the same; everything else of a request
is as it was judged. A program that ends in the middle ends what waits for it with an error: nobody knows then
whether it has acted. The next request starts it anew.
"""

import asyncio
import itertools
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.changes import ACKNOWLEDGED, SUBSCRIPTION_KEY
from firewall.codecs.mcp.headers import Field
from firewall.codecs.mcp.messages import Id, Message
from firewall.codecs.mcp.versions import TOOLS_CHANGED, VERSION_KEY, is_modern
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.gates.mcp.listed import Listed
from firewall.gates.mcp.port import Seen
from firewall.gates.mcp.upstream.ears import Ears
from firewall.gates.mcp.upstream.greeting import Greeted, Wanted, greet, notes
from firewall.gates.mcp.upstream.process import Process, Program

log = logging.getLogger("stayhand.mcp")
_PROGRESS, _CANCELLED = "notifications/progress", "notifications/cancelled"
_MOST_WAITING = 1000
"""Messages of a program that nobody has taken yet, for one request; and of ours that it has not taken."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A request that waits for its answer."""

    seen: Seen | None
    token: Id | None
    """The client's own progress token."""
    most_bytes: int
    """Of messages that wait."""
    heard: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))
    is_listening: bool = False
    """It stays open for what the program says by itself: nothing else belongs to it."""
    bytes_waiting: int = 0
    is_lost: bool = False

    def put(self, message: Message) -> None:
        """Add a message; where too many wait, the oldest make room."""
        size = len(message.raw)
        while self.heard.full() or (not self.heard.empty() and self.bytes_waiting + size > self.most_bytes):
            self._taken(self.heard.get_nowait())
        self.heard.put_nowait(message)
        self.bytes_waiting += size

    async def next(self) -> Message:
        """Wait for the next message."""
        return self._taken(await self.heard.get())

    def _taken(self, message: Message) -> Message:
        self.bytes_waiting -= len(message.raw)
        return message


class StdioLine(Greeted):
    """One line to one program, which runs for this line alone."""

    def __init__(self, program: Program, wanted: Wanted, *, idle_s: float, total_s: float) -> None:
        self._program = program
        self._wanted = wanted
        self._idle_s = idle_s
        self._total_s = total_s
        self._process = Process(program, heard=self._heard, ended=self._ended)
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self.listed = Listed()
        self.ears = Ears()
        self._over = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def is_alive(self) -> bool:
        """The program runs."""
        return self._process.is_alive

    @property
    def was_greeted(self) -> bool:
        """It was started, and told what its client claims."""
        return self._process.pid > 0

    @property
    def pid(self) -> int:
        """Of the program."""
        return self._process.pid

    @property
    def noise(self) -> int:
        """How many lines it has printed that were no messages."""
        return self._process.noise.lines

    async def open(self) -> None:
        """Start the program and find out what it speaks. Raises: UpstreamError, ConfigError."""
        await self._process.start()
        try:
            self._hello = await greet(self._greet, self._wanted, name=self._program.name)
            if not is_modern(self._hello.version):
                await self.tell(messages.notification("notifications/initialized"))
        except BaseException:
            await self.aclose()
            raise

    async def ask(self, message: Message, *, seen: Seen, params: tuple[Field, ...] = ()) -> Message:  # noqa: ARG002 - header fields mean nothing on a pipe
        """Send a request and return its answer. Raises: UpstreamError."""
        sent = message
        if is_modern(self.version) and VERSION_KEY not in message.meta:
            sent = messages.with_meta(message, notes(self._wanted))
        return await self._ask(sent, seen)

    async def listen(self, asked: Message | None, *, seen: Seen) -> Message | None:
        """Hear what the program says by itself, until it ends that or itself; None: there is no answer.

        Raises: UpstreamError.
        """
        if asked is None:
            await self._over.wait()
            return None
        sent = messages.with_meta(asked, notes(self._wanted)) if VERSION_KEY not in asked.meta else asked
        return await self._ask(sent, seen, listens=True)

    async def tell(self, message: Message) -> None:
        """Send a notification, or the answer to a request of the program's. Raises: UpstreamError."""
        try:
            async with asyncio.timeout(self._total_s):
                await self._process.write(message)
        except TimeoutError:
            self._process.give_up()
            raise self._failed("takes no more input", UpstreamFault.TIMEOUT) from None

    async def aclose(self) -> None:
        """End the program, and what waits for it."""
        for task in self._answering:
            task.cancel()
        await self._process.stop()
        self._ended()
        if self._process.noise.lines:
            log.info("server=%s noise_lines=%d", self._program.name, self._process.noise.lines)

    async def _greet(self, message: Message, version: str) -> Message:  # noqa: ARG002 - a pipe has no fields to say it in
        return await self._ask(message, None)

    async def _ask(self, message: Message, seen: Seen | None, *, listens: bool = False) -> Message:
        number = next(self._numbers)
        token = message.meta.get("progressToken")
        token = token if isinstance(token, str | int) and not isinstance(token, bool) else None
        asked = _Asked(seen, token, self._program.max_answer_bytes, is_listening=listens)
        sent = messages.with_id(message, number)
        if asked.token is not None:
            sent = messages.changed(sent, {("params", "_meta", "progressToken"): number})
        self._asked[number] = asked
        was_taken = False
        try:
            async with asyncio.timeout(self._total_s) as deadline:
                await self._process.write(sent)
                was_taken = True
                if listens:
                    deadline.reschedule(None)
                answer = await self._answer(asked)
        except TimeoutError:
            if was_taken:
                self._give_up(number)
            else:
                self._process.give_up()  # it looks at its input no more: neither would it see that nobody waits
            raise self._failed("did not answer in time", UpstreamFault.TIMEOUT) from None
        except asyncio.CancelledError:
            self._give_up(number)
            raise
        finally:
            self._asked.pop(number, None)
        return messages.with_id(answer, cast("Id", message.id))

    async def _answer(self, asked: _Asked) -> Message:
        """Wait for the answer; what comes before it is passed on in order. Raises: UpstreamError, TimeoutError."""
        while True:
            if asked.heard.empty() and (asked.is_lost or not self._process.is_alive):
                raise self._failed("ended before it answered", UpstreamFault.UNAVAILABLE)
            async with asyncio.timeout(None if asked.is_listening else self._idle_s):
                message = await asked.next()
            if message.is_answer:
                return message
            if message.method:
                await self._pass_on(asked, message)

    async def _pass_on(self, asked: _Asked, message: Message) -> None:
        if asked.seen is None:
            return
        if message.method == _PROGRESS and asked.token is not None:
            message = messages.changed(message, {("params", "progressToken"): asked.token})
        answer = await asked.seen(message)
        if message.id is not None:
            await self.tell(answer or _nobody(message))

    def _heard(self, message: Message) -> None:
        """Sort a message of the program to who waits for it."""
        if message.method == TOOLS_CHANGED:
            self.listed.changed()
        if self.ears.took(message):
            return
        if message.is_answer:
            waiting = self._asked.get(message.id) if isinstance(message.id, int) else None
        else:
            waiting = self._whose(message)
        if waiting is not None and (message.is_answer or self._has_room(waiting, message)):
            waiting.put(message)
        elif message.id is not None and message.method:
            self._refuse(message)

    def _has_room(self, waiting: _Asked, message: Message) -> bool:
        """Tell whether one more may wait: together no more bytes than one answer may have."""
        held = sum(asked.bytes_waiting for asked in self._asked.values())
        return not waiting.heard.full() and held + len(message.raw) <= self._program.max_answer_bytes

    def _whose(self, message: Message) -> _Asked | None:
        """Return to whom something belongs that the program sends by itself.

        Progress names its request, and so does what is said of one that listens; anything else goes to the latest
        one, for a line serves one client.
        """
        if message.method == _PROGRESS:
            return self._under(message.params.get("progressToken"))
        if message.method == ACKNOWLEDGED:
            return self._under(message.meta.get(SUBSCRIPTION_KEY))
        if message.method == _CANCELLED:
            ended = self._under(message.params.get("requestId"))
            if ended is not None and ended.is_listening:
                ended.is_lost = True
                ended.put(_END)
                return None
        return next((asked for asked in reversed(self._asked.values()) if not asked.is_listening), None)

    def _under(self, number: object) -> _Asked | None:
        return self._asked.get(number) if isinstance(number, int) else None

    def _refuse(self, message: Message) -> None:
        async def tell() -> None:
            with suppress(UpstreamError):
                await self.tell(_nobody(message))

        self._later(tell())

    def _give_up(self, number: int) -> None:
        note = messages.notification("notifications/cancelled", {"requestId": number, "reason": "cancelled"})

        async def tell() -> None:
            with suppress(UpstreamError):
                await self.tell(note)

        self._later(tell())

    def _later(self, what: Coroutine[None, None, None]) -> None:
        if len(self._answering) >= _MOST_WAITING:
            what.close()
            self._process.give_up()  # it asks, and takes no answers
            return
        task = asyncio.create_task(what)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _ended(self) -> None:
        """Wake whoever waits: no answer comes any more."""
        self._over.set()
        for asked in self._asked.values():
            asked.is_lost = True
            asked.put(_END)

    def _failed(self, words: str, fault: UpstreamFault) -> UpstreamError:
        return UpstreamError(
            f"the MCP server `{self._program.name}` {words}",
            fault=fault,
            status=504 if fault is UpstreamFault.TIMEOUT else 502,
        )


_END = Message(b"", messages.Kind.NOTIFICATION, {})
"""Nothing more comes; never passed on, for it has no method."""


def _nobody(message: Message) -> Message:
    return messages.failure(message.id, -32601, "nobody can be asked that here", {"code": "not_asked"})
