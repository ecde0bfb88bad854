"""What a server sends by itself while a request waits for its answer, on its way to the client that asked."""

import asyncio
import logging
from collections.abc import Callable

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Kind, Message
from firewall.core.errors import FirewallError
from firewall.gates.mcp.methods import ASKED_BACK, FOLDERS, shown
from firewall.gates.mcp.port import Caller, Reads, Seen, Server, Shown
from firewall.gates.mcp.session_tasks import Unrelated
from firewall.gates.mcp.sessions import Session
from firewall.gates.mcp.talk import Talk

log = logging.getLogger("stayhand.mcp")
ANSWER_S = 300.0
"""How long a client may take to answer what a server asks it: a person may be behind it."""


class Hearing:
    """One request's ear; `gates.mcp.port.Seen`."""

    def __init__(
        self,
        talk: Talk,
        server: Server,
        caller: Caller,
        shown: Shown,
        *,
        session: Session | None,
        begun: Callable[[], None],
    ) -> None:
        """`begun` is told that a change is about to be sent."""
        self._talk = talk
        self._server = server
        self._caller = caller
        self._shown = shown
        self._session = session
        self._begun = begun

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends: a notification, or a request of its own and return its answer.

        FAIL-CLOSED: what cannot be looked at is dropped, and a request refused.
        """
        if message.method == "ping" and message.id is not None:
            return messages.result(message.id, {})
        try:
            seen = await self._shown.asked_back(self._server, self._caller, message)
        except FirewallError as error:
            log.info("server=%s method=%s code=%s", self._server.name, shown(message.method), error.code)
            return None if message.id is None else messages.failed(message.id, error)
        if seen is None or not seen.method:
            return None
        if message.id is None:
            await self._talk.event(seen)
            return None
        return await self._ask(seen, message.id)

    async def say(self, message: Message) -> None:
        """Send a notification of our own."""
        await self._talk.event(message)

    def judged(self, entry: int) -> None:
        """Note the entry that an answer was judged by."""
        self._talk.extra.append((b"x-stayhand-entry", b"%d" % entry))

    def begun(self) -> None:
        """Note that a change is about to be sent: from now on its outcome must be known."""
        self._begun()

    async def _ask(self, message: Message, id_: messages.Id) -> Message | None:
        """Ask the client, where it declared that it can be asked this; None: it cannot."""
        session = self._session
        capability = ASKED_BACK.get(message.method)
        if session is None or capability is None or not isinstance(session.capabilities.get(capability), dict):
            return None
        question = session.ask(message, self._talk)
        try:
            if not await question.talk.event(question.message):
                return None
            async with asyncio.timeout(ANSWER_S):
                said = messages.with_id(await question.answer, id_)
            return await self._shown.answered_back(self._server, self._caller, message, said)
        except FirewallError as error:
            log.info("server=%s method=%s code=%s", self._server.name, shown(message.method), error.code)
            return messages.failed(id_, error)
        except TimeoutError:
            return messages.failure(id_, -31504, "the client did not answer", {"code": "client_timeout"})
        finally:
            session.asked.pop(str(question.message.id), None)


class Folders(Unrelated):
    """Hears what a server sends, and judges the folders that a client names before the server hears of them.

    What a stateless server asks for is judged with the request that it belongs to (`legs.py`), and comes not here.
    """

    def __init__(self, seen: Seen, server: Server, caller: Caller, reads: Reads) -> None:
        super().__init__(seen)
        self._server = server
        self._caller = caller
        self._reads = reads

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends. FAIL-CLOSED: folders that cannot be judged are not named."""
        answer = await self._seen(message)
        if message.method != FOLDERS or answer is None or answer.kind is not Kind.RESULT:
            return answer
        try:
            await self._reads.named(self._server, self._caller, answer)
        except FirewallError as error:
            log.info("server=%s method=%s code=%s", self._server.name, FOLDERS, error.code)
            return messages.failed(answer.id, error)
        return answer


class Still:
    """Hears for nobody: nothing is passed on; `gates.mcp.port.Seen`."""

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends: only a ping has an answer."""
        is_ping = message.method == "ping" and message.id is not None
        return messages.result(message.id or 0, {}) if is_ping else None

    async def say(self, message: Message) -> None:
        """Say nothing."""

    def judged(self, entry: int) -> None:
        """Note nothing."""

    def begun(self) -> None:
        """Note nothing."""
