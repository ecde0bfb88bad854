"""Lines to MCP servers over Streamable HTTP, by our own client: pinned addresses, the server's own credential.

Nothing of the client's fields crosses: what a server reads is written from the message that was judged, under an
id of ours where the client's is text, which nobody judges. INVARIANT: a request is sent once; only one that the
server refused, because it knew the session or the token no more, is sent again in a new session or with a new
token. A `tools/call` never is in a new session: who knows the session no more
may be another server with other tools, and nobody has listed them.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from firewall.codecs import sse
from firewall.codecs.mcp import headers, messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.headers import Field
from firewall.codecs.mcp.messages import Id, Kind, Message
from firewall.codecs.mcp.versions import TOOLS_CHANGED, VERSION_KEY, is_modern
from firewall.core.errors import ConfigError, ProtocolError, UpstreamError, UpstreamFault
from firewall.gates.mcp.listed import Listed
from firewall.gates.mcp.port import NotRunError, NotSentError, Seen, left_open
from firewall.gates.mcp.upstream.ears import Ears, until
from firewall.gates.mcp.upstream.greeting import Greeted, Wanted, greet, notes
from firewall.gates.mcp.upstream.refusing import Login, is_unread, not_run, with_login
from firewall.gates.mcp.upstream.resuming import Place
from firewall.routing.port import Credential, Endpoint, UpstreamRequest, UpstreamResponse
from firewall.routing.port import Upstream as Carrier

_ACCEPT = (b"accept", b"application/json, text/event-stream")
_JSON = (b"content-type", b"application/json")
_MOST_SESSION_CHARS = 1024
_LISTEN_IDLE_S, _LISTEN_S = 600.0, 86_400.0
"""How long a server may be silent on a stream of what changes, signs of life included, and how long one lasts."""
_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long nobody opens such a stream after one ended, for the first, second, ... time in a row."""
_LASTED_S = 60.0
"""A stream that was open for so long counts as one that worked."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and what authenticates there."""

    name: str
    endpoint: Endpoint
    path: str
    """Of its one address; the endpoint holds what stands before."""
    credential: Callable[[], Credential | None]
    """Reads it anew at each request. Raises: ConfigError."""
    max_answer_bytes: int
    login: Login | None = None
    """In place of a credential: tokens that end and are renewed."""


class _SessionLostError(Exception):
    """The server does not know the session any more: it has not done what was asked."""


class HttpLine(Greeted):
    """One line to one server: in earlier revisions a session of its own."""

    def __init__(self, address: Address, carrier: Carrier, wanted: Wanted) -> None:
        self._address = address
        self._carrier = carrier
        self._wanted = wanted
        self.listed = Listed()
        self._session = ""
        self._is_lost = False
        """The server knows our session no more, and there is no other yet."""
        self._ids = itertools.count(1)
        self.ears = Ears()
        self._over = asyncio.Event()
        """The session has ended, or the line."""
        self._telling: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    @property
    def is_alive(self) -> bool:
        """It can be asked; what a server over HTTP is, the next request tells."""
        return True

    @property
    def was_greeted(self) -> bool:
        """Why a server over HTTP does not answer cannot be told."""
        return True

    async def open(self) -> None:
        """Find out what the server speaks, and begin a session where it has any.

        Raises: UpstreamError.
        """
        self._session = ""
        self._over.set()
        self._over = asyncio.Event()
        self.listed.changed()
        self._hello = await greet(self._greet, self._wanted, name=self._address.name)
        if not is_modern(self._hello.version):
            await self.tell(messages.notification("notifications/initialized"))

    async def ask(self, message: Message, *, seen: Seen, params: tuple[Field, ...] = ()) -> Message:
        """Send a request and return its answer; `params`: checked `Mcp-Param-*` fields that go along.

        Raises: NotSentError for a `tools/call` whose session was lost; UpstreamError.
        """
        session = self._session
        if not self._is_lost:
            try:
                return await self._ask(message, seen, params)
            except _SessionLostError:
                if self._session == session:  # otherwise somebody has begun another one already
                    self._is_lost = True
        await self._renew(message)
        try:
            return await self._ask(message, seen, params)
        except _SessionLostError:
            raise self._failed("knows none of its own sessions", UpstreamFault.REJECTED) from None

    async def listen(self, asked: Message | None, *, seen: Seen) -> Message | None:
        """Hear what the server says by itself, until it or the session ends; None: there is no answer.

        Raises: UpstreamError.
        """
        if asked is not None:
            return await until(self._over, self._ask(asked, seen, (), endpoint=self._lasting))
        return await until(self._over, self._hear(seen))

    async def tell(self, message: Message) -> None:
        """Send a notification, or the answer to a request of the server's. Raises: UpstreamError."""
        if is_modern(self.version):
            return  # that era has none over HTTP: a client cancels by letting go
        async with await self._post(message, self.version) as response:
            if response.status >= 400:
                raise self._failed(f"answered a notification with {response.status}", UpstreamFault.REJECTED)

    async def aclose(self) -> None:
        """End the session at the server, as far as it lets itself be told."""
        self._over.set()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        if not self._session:
            return
        with suppress(UpstreamError, ProtocolError, TimeoutError):
            async with asyncio.timeout(2.0), await self._send("DELETE", b"", self.version):
                self._session = ""

    async def _renew(self, message: Message) -> None:
        """Begin a new session, once for all who lost the old one.

        Raises: NotSentError in place of sending a `tools/call` there; UpstreamError.
        """
        is_call = message.method == "tools/call"
        async with self._opening:
            if self._is_lost:
                try:
                    await self.open()
                except UpstreamError as error:
                    raise _unsent(error) if is_call else error from error
                self._is_lost = False
        if is_call:
            raise _unsent(self._failed("began a new session", UpstreamFault.UNAVAILABLE))

    @property
    def _lasting(self) -> Endpoint:
        """The server as it is listened to."""
        times = replace(self._address.endpoint.timeouts, idle_s=_LISTEN_IDLE_S, total_s=_LISTEN_S)
        return replace(self._address.endpoint, timeouts=times)

    async def _hear(self, seen: Seen) -> None:
        """Keep a stream open on which a server of sessions says what changed, where it has one.

        Raises: UpstreamError where the server cannot be understood.
        """
        clock = asyncio.get_running_loop().time
        for failed in itertools.count():
            begun, has_stream = clock(), True
            try:
                async with await self._send("GET", b"", self.version, endpoint=self._lasting) as response:
                    if response.status == 404 and self._session:
                        self._is_lost = True
                        return
                    has_stream = _has_events(response) or response.status >= 500
                    if _has_events(response):
                        await self._drained(response, seen)
            except UpstreamError as error:
                if error.fault is UpstreamFault.MALFORMED:
                    raise
            if not has_stream:  # what it says comes with its answers, if at all
                await self._over.wait()
            lasted = clock() - begun > _LASTED_S
            await asyncio.sleep(_AGAIN_S[0 if lasted else min(failed, len(_AGAIN_S) - 1)])

    async def _drained(self, response: UpstreamResponse, seen: Seen) -> None:
        """Take what comes on a stream that answers nothing. Raises: UpstreamError."""
        async for found in self._messages(response):
            if not found.is_answer:
                await self._heard(found, seen)

    async def _ask(
        self, message: Message, seen: Seen, params: tuple[Field, ...], *, endpoint: Endpoint | None = None
    ) -> Message:
        version, session = self.version, self._session
        sent = message if isinstance(message.id, int) else messages.with_id(message, f"stayhand-{next(self._ids)}")
        if is_modern(version) and VERSION_KEY not in message.meta:
            sent = messages.with_meta(sent, notes(self._wanted))
        try:
            async with await self._post(sent, version, params, endpoint=endpoint) as response:
                if response.status == 404 and session:
                    raise _SessionLostError
                if is_unread(response):
                    words = f"refused our credential ({response.status})"
                    raise not_run(self._failed(words, UpstreamFault.REJECTED))
                answer = await self._begun(response, sent, seen)
        except asyncio.CancelledError:
            if not is_modern(version):
                self._cancelled(sent)
            raise
        return answer if answer.id == message.id else messages.with_id(answer, cast("Id", message.id))

    async def _greet(self, message: Message, version: str) -> Message:
        async with await self._post(message, version) as response:
            session = _field(response.raw_fields, headers.SESSION)
            if 400 <= response.status < 500:
                return await self._refused(response, message)
            answer = await self._answer(response, message, None)
            if message.method == "initialize" and 0 < len(session) <= _MOST_SESSION_CHARS:
                self._session = session.decode("latin-1")
            return answer

    async def _post(
        self,
        message: Message,
        version: str,
        params: tuple[Field, ...] = (),
        *,
        endpoint: Endpoint | None = None,
    ) -> UpstreamResponse:
        repeated = headers.fields_for(message, version, params)
        return await self._send("POST", message.raw, version, repeated, endpoint=endpoint)

    async def _send(
        self,
        method: str,
        body: bytes,
        version: str,
        repeated: list[Field] | None = None,
        *,
        endpoint: Endpoint | None = None,
    ) -> UpstreamResponse:
        where = endpoint or self._address.endpoint
        fields = [_JSON, _ACCEPT, *(repeated if repeated is not None else [(headers.VERSION, version.encode())])]
        if self._session:
            fields.append((headers.SESSION, self._session.encode("latin-1")))
        request = UpstreamRequest(
            method=method,
            path=self._address.path,
            fields=fields,
            body=body,
            credential=self._address.credential(),
            verbatim=True,
        )
        if self._address.login is not None:
            return await with_login(self._carrier, where, request, self._address.login)
        return await self._carrier.open(where, request)

    async def _begun(self, response: UpstreamResponse, message: Message, seen: Seen | None) -> Message:
        """Read the answer to a request that the server has taken: what fails from here on leaves it open."""
        try:
            return await self._answer(response, message, seen)
        except (NotRunError, ConfigError) as error:  # of what was asked to hear the rest, or to answer the server
            raise left_open(error) from error

    async def _answer(self, response: UpstreamResponse, message: Message, seen: Seen | None) -> Message:
        """Read the answer to a request out of a response."""
        if response.status >= 400:
            return await self._refused(response, message)
        kind = _field(response.raw_fields, b"content-type").partition(b";")[0].strip().lower()
        if kind == b"application/json":
            return self._fitting(self._read(await response.read(self._address.max_answer_bytes)), message)
        if kind == b"text/event-stream":
            return await self._streamed(response, message, seen)
        raise self._failed("answered neither JSON nor events", UpstreamFault.MALFORMED)

    async def _streamed(self, response: UpstreamResponse, message: Message, seen: Seen | None) -> Message:
        """Return the answer out of events; a server of sessions may go on with them on another stream."""
        place = Place()
        answer = await self._until_answer(response, message, seen, place)
        may_go_on = self._hello is not None and not is_modern(self.version)
        try:
            async with asyncio.timeout(self._address.endpoint.timeouts.total_s):
                while answer is None and may_go_on and place.may_go_on:
                    await asyncio.sleep(place.wait_s)
                    fields = place.fields(self.version)
                    async with await self._send("GET", b"", self.version, fields) as rest:
                        if _has_events(rest):
                            answer = await self._until_answer(rest, message, seen, place)
        except TimeoutError:
            raise self._failed("ends its events again and again", UpstreamFault.TIMEOUT) from None
        if answer is None:
            raise self._failed("ended its events without an answer", UpstreamFault.UNAVAILABLE)
        return answer

    async def _until_answer(
        self, response: UpstreamResponse, message: Message, seen: Seen | None, place: Place
    ) -> Message | None:
        async for found in self._messages(response, place):
            if found.is_answer:
                return self._fitting(found, message)
            await self._heard(found, seen)
        return None

    async def _messages(self, response: UpstreamResponse, place: Place | None = None) -> AsyncIterator[Message]:
        """Yield the messages of a stream of events; `place` notes how far they came. Raises: UpstreamError."""
        splitter = sse.Splitter(max_frame_bytes=self._address.max_answer_bytes)
        async for piece in _pieces(response, place):
            try:
                frames = splitter.feed(piece)
            except ProtocolError as error:
                raise self._failed("sent events that cannot be read", UpstreamFault.MALFORMED) from error
            for frame in frames:
                if place is not None:
                    place.note(frame.raw)
                if frame.data and frame.event in ("", "message"):
                    yield self._read(frame.data)

    async def _heard(self, message: Message, seen: Seen | None) -> None:
        """Pass on what the server sends by itself, and answer what it asks."""
        if message.method == TOOLS_CHANGED:
            self.listed.changed()
        if self.ears.took(message):
            return
        answer = await seen(message) if seen is not None else None
        if message.id is None or self._hello is None:
            return
        if answer is None:
            answer = messages.failure(message.id, -32601, "nobody can be asked that here", {"code": "not_asked"})
        await self.tell(answer)

    async def _refused(self, response: UpstreamResponse, message: Message) -> Message:
        """Return the error that a server answered with; without one, an error that says the status.

        Raises: UpstreamError for a server that failed, or refused us.
        """
        if response.status in (401, 403, 407):
            raise self._failed(f"refused our credential ({response.status})", UpstreamFault.REJECTED)
        if response.status >= 500 or response.status == 429:
            raise self._failed(f"answered {response.status}", UpstreamFault.UNAVAILABLE)
        body = await response.read(self._address.max_answer_bytes)
        with suppress(McpError):
            found = messages.read(body)
            if found.kind is Kind.ERROR and message.id is not None:
                return found if found.id == message.id else _under(found, message.id)
        words = f"the MCP server `{self._address.name}` answered {response.status}"
        return messages.failure(message.id, -31000 - response.status, words, {"code": "upstream_rejected"})

    def _fitting(self, found: Message, message: Message) -> Message:
        if not found.is_answer or (found.id != message.id and found.id is not None):
            raise self._failed("answered something that was not asked", UpstreamFault.MALFORMED)
        if found.id is None and message.id is not None:
            return _under(found, message.id)
        return found

    def _read(self, raw: bytes) -> Message:
        try:
            return messages.read(raw)
        except McpError as error:
            raise self._failed(
                f"sent a message that cannot be read: {error.public}", UpstreamFault.MALFORMED
            ) from error

    def _cancelled(self, message: Message) -> None:
        """Tell a server of an earlier revision that nobody waits any more."""
        note = messages.notification("notifications/cancelled", {"requestId": message.id, "reason": "cancelled"})

        async def tell() -> None:
            with suppress(UpstreamError, ProtocolError, TimeoutError):
                async with asyncio.timeout(5.0):
                    await self.tell(note)

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _failed(self, words: str, fault: UpstreamFault) -> UpstreamError:
        return UpstreamError(f"the MCP server `{self._address.name}` {words}", fault=fault)


async def _pieces(response: UpstreamResponse, place: Place | None) -> AsyncIterator[bytes]:
    """Yield the bytes of events; a connection that breaks behind an event ends them: they can be gone on with."""
    try:
        async for piece in response.chunks():
            yield piece
    except UpstreamError as error:
        if place is None or not place.event or error.fault is not UpstreamFault.UNAVAILABLE:
            raise


def _under(error: Message, id_: messages.Id) -> Message:
    """Return an error that named no request under the id of the one that it answers."""
    said = error.error
    code = said["code"]
    return messages.failure(id_, code if isinstance(code, int) else -32603, str(said["message"]), said.get("data"))


def _unsent(error: UpstreamError) -> NotSentError:
    return NotSentError(error.public, fault=error.fault, status=error.status, detail=error.detail, code=error.code)


def _has_events(response: UpstreamResponse) -> bool:
    kind = _field(response.raw_fields, b"content-type").partition(b";")[0].strip().lower()
    return response.status == 200 and kind == b"text/event-stream"


def _field(fields: list[Field], name: bytes) -> bytes:
    return next((value for held, value in fields if held.lower() == name), b"")
