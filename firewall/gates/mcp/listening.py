"""What clients hear without asking: that lists changed, and resources that they subscribed to.

A stateless client asks for it with a request whose answer stays open, the client of a session has one stream
(GET), and subscribes resources one by one; servers are listened to in their own way. INVARIANT: a resource is
judged as if it was read before a server hears that somebody wants to know of it, and again before a client is told
of it where policies were loaded since: a no ends the stream. INVARIANT: what a client is told
names what was judged for it and nothing else, is written here, and of tools is told after they were held against
their pins anew. What changes while a client was told of something is told together, once, `PAUSE_S` later.
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from firewall.codecs.mcp import changes, messages
from firewall.codecs.mcp.changes import Filter
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import TOOLS_CHANGED, is_modern
from firewall.core.errors import UpstreamError
from firewall.core.ports import Sequencer
from firewall.core.work import Unit
from firewall.gates.mcp import subscribing
from firewall.gates.mcp.hearing import Still
from firewall.gates.mcp.plainly import plain
from firewall.gates.mcp.port import Caller, Reads, Server, Shown
from firewall.gates.mcp.port import Tools as Declarations
from firewall.gates.mcp.sessions import Session
from firewall.gates.mcp.stream import Listening, Stream, record
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.upstream.lines import Line, Lines
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.mcp")
PAUSE_S = 1.0
"""How long nothing is told after something was."""
MOST_OF_A_TOKEN = 16
"""Streams of one token at one server."""
STREAM_S = 2.0
"""How long a subscription waits for the stream that its client opens beside it."""
_NUMBERS = itertools.count(1)
First = Callable[[Filter], Awaitable[None]]
NOBODY = messages.notification(changes.SUBSCRIBE)
"""The request where none asks: for a stream that takes subscriptions over, and for one that goes on."""


class Listens:
    """All streams; one instance per process."""

    def __init__(
        self,
        lines: Lines,
        *,
        reads: Reads,
        shown: Shown,
        tools: Declarations,
        rules: Callable[[], object],
        sequencer: Sequencer,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`tools` are held against their pins before a client hears that they changed.

        `rules`: the policies in force; another object where they were loaded anew.
        """
        self.lines = lines
        self._reads = reads
        self.shown = shown
        self._tools = tools
        self._rules = rules
        self._sequencer = sequencer
        self._pause_s = pause_s
        self._open: Counter[tuple[str, str]] = Counter()
        self._ending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Unsubscribe nothing any more: the lines end, and with them what was subscribed there."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def listen(self, server: Server, caller: Caller, message: Message, *, talk: Talk) -> Message:
        """Serve `subscriptions/listen` until the server ends it; return the answer. Raises: FirewallError."""
        if not talk.takes_events:
            raise McpError("accept text/event-stream", code="not_acceptable", status=406, of=message.id)
        wanted, id_ = changes.filter_of(message), message.id
        meta: dict[str, object] = {"_meta": {changes.SUBSCRIPTION_KEY: id_}}
        listening = Listening(wanted)
        with self.room(server, caller):
            for address in sorted(wanted.resources):
                await self.judge(server, caller, message, address, listening=listening)
            async with self.lines.use(server, caller, listens=True) as line:
                stream = Stream(
                    server,
                    caller,
                    line,
                    listening,
                    talk,
                    lambda method, said: messages.notification(method, {**said, **meta}),
                )

                async def told(served: Filter) -> None:
                    await talk.event(stream.told(changes.ACKNOWLEDGED, {"notifications": served.written()}))

                answer = await self.run(stream, first=told)
        if answer is not None and answer.kind is Kind.ERROR:
            return await self.shown.result(server, caller, message, messages.with_id(answer, id_ or 0))
        return messages.result(id_ or 0, {"resultType": "complete", **meta})

    async def stream(self, server: Server, caller: Caller, session: Session, *, talk: Talk) -> None:
        """Serve a session's stream until the server, or a newer stream, ends it. Raises: FirewallError."""
        mine = Listening(Filter(frozenset(changes.LISTS.values())))
        with self.room(server, caller):
            await self.taken_over(server, caller, session, mine)
            async with (
                self.lines.use(server, caller, listens=True) as line,
                begun(session, {server.name: mine}, talk),
            ):
                await self.run(Stream(server, caller, line, mine, talk, messages.notification), first=None)

    async def taken_over(self, server: Server, caller: Caller, session: Session, mine: Listening) -> None:
        """Judge what a newer stream of a session would take over of a server. Raises: FirewallError."""
        for address in sorted(session.subscribed.get(server.name, ())):
            await self.judge(server, caller, NOBODY, address, listening=mine)

    async def subscribe(self, server: Server, caller: Caller, message: Message, session: Session) -> Message:
        """Serve `resources/subscribe` and `resources/unsubscribe`. Raises: FirewallError."""
        message = plain(message)
        address = message.params.get("uri")
        if not isinstance(address, str):
            raise _invalid("`uri` must be an address", "param_invalid", message)
        await self.shown.asked(server, caller, message)
        await _stream_of(session, server, message)
        async with session.one:
            return await self._subscribe(server, caller, message, address, session)

    async def _subscribe(
        self, server: Server, caller: Caller, message: Message, address: str, session: Session
    ) -> Message:
        listening = await _stream_of(session, server, message)
        before = session.subscribed.get(server.name, frozenset())
        if message.method == changes.UNSUBSCRIBE:
            if address not in before:
                raise _invalid("this resource is not subscribed", "not_subscribed", message)
            after = before - {address}
        else:
            if sum(map(len, session.subscribed.values())) + (address not in before) > changes.MOST_RESOURCES:
                words = f"at most {changes.MOST_RESOURCES} resources are subscribed"
                raise _invalid(words, "too_many_resources", message)
            await self.judge(server, caller, message, address, listening=listening)
            after = before | {address}
        session.wishes[server.name] = before | after
        try:
            async with self.lines.use(server, caller) as line:
                answer = await self._resubscribed(server, message, line, session, after)
            if answer.kind is not Kind.ERROR:
                now = await _stream_of(session, server, message, waits=False)
                session.subscribed[server.name] = after
                now.judged = listening.judged | now.judged
        finally:
            del session.wishes[server.name]
            if server.name in session.listening:
                session.listening[server.name].widen(session.heard_of(server.name))
        return await self.shown.result(server, caller, message, answer)

    async def _resubscribed(
        self, server: Server, message: Message, line: Line, session: Session, after: frozenset[str]
    ) -> Message:
        """Have a server tell of these resources, on whichever stream the session has. Raises: FirewallError."""
        while True:
            listening = await _stream_of(session, server, message, waits=False)
            try:
                return await subscribing.asked(server, message, line, listening, after)
            except subscribing.OverError:
                continue  # a newer stream has taken over, or there is none any more

    async def run(self, stream: Stream, *, first: First | None) -> Message | None:
        """Tell a client what changes until its server ends that; return the server's answer.

        `first` is told what of it the server tells, before anything else is.
        Raises: FirewallError.
        """
        listening = stream.listening
        await self._sequencer.submit(Unit(records=(record(stream, "begun"),)))
        stream.line.ears.add(listening.heard)
        doing = (
            asyncio.create_task(self._follow(stream)),
            asyncio.create_task(self._tell(stream, first)),
            asyncio.create_task(_until(listening.over)),
        )
        try:
            done, _ = await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            stream.line.ears.discard(listening.heard)
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
            left = subscribing.let_go(stream.line, listening)
            post(self._sequencer, Unit(records=(record(stream, "ended", unsubscribed=len(left)),)))
            if left:
                ending = asyncio.create_task(subscribing.unsubscribe(stream.line, left))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def _follow(self, stream: Stream) -> Message | None:
        """Listen to a server in its own way. Raises: UpstreamError."""
        line, listening = stream.line, stream.listening
        if not is_modern(line.version):
            ear = subscribing.Ear(listening)
            ear.acknowledge(
                await subscribing.subscribed(line, listening, ear, is_session=bool(stream.caller.session))
            )
            return await line.listen(None, seen=ear)
        while True:
            listening.refiltered.clear()
            ear = subscribing.Ear(listening)
            params: dict[str, object] = {"notifications": listening.wanted.written()}
            asked = messages.request(f"stayhand-listen-{next(_NUMBERS)}", changes.LISTEN, params)
            both = (
                asyncio.create_task(line.listen(asked, seen=ear)),
                asyncio.create_task(_until(listening.refiltered)),
            )
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if both[0].done():
                    return both[0].result()
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)

    async def _tell(self, stream: Stream, first: First | None) -> None:
        """Tell a client what it may hear, what came together together.

        Raises: StoreError; McpError for a resource that the policies of now do not let it read.
        """
        listening = stream.listening
        if first is not None:
            await first(await subscribing.acknowledged(listening, stream.server))
        while True:
            await listening.changed.wait()
            for method, address in listening.taken():
                if address and listening.judged.get(address) is not self._rules():
                    await self.judge(stream.server, stream.caller, NOBODY, address, listening=listening)
                params: dict[str, object] = {"uri": address} if address else {}
                if await self._may_hear(stream, messages.notification(method, params)):
                    listening.told += 1
                    await stream.talk.event(stream.told(method, params))
            await asyncio.sleep(self._pause_s)

    async def judge(
        self, server: Server, caller: Caller, message: Message, address: str, *, listening: Listening
    ) -> None:
        """Judge a resource as if it was read, and note by which policies. Raises: FirewallError."""
        rules = self._rules()  # before: what is loaded meanwhile judges anew
        await self._reads.subscribed(server, caller, message, address)
        listening.judged[address] = rules

    async def _may_hear(self, stream: Stream, said: Message) -> bool:
        """Tell whether a client may hear of a change now: of tools, after they were listed anew.

        FAIL-CLOSED: what cannot be listed is not told of; whoever asks for the list hears why.
        """
        server, caller, method = stream.server, stream.caller, said.method
        if method == TOOLS_CHANGED:
            try:
                if not await self._tools.relisted(server, caller, upstream=stream.line, seen=Still()):
                    return False
            except UpstreamError as error:
                log.info("server=%s method=%s code=%s", server.name, method, error.code)
                return False
        return await self.shown.asked_back(server, caller, said) is not None

    @contextmanager
    def room(self, server: Server, caller: Caller) -> Iterator[None]:
        """Count a stream. Raises: McpError where a token has too many."""
        key = (caller.requester.token_id, server.name)
        if self._open[key] >= MOST_OF_A_TOKEN:
            raise McpError(
                f"this token listens to `{server.name}` {MOST_OF_A_TOKEN} times already",
                number=-31429,
                code="too_many_streams",
                status=429,
            )
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


@asynccontextmanager
async def begun(session: Session, parts: Mapping[str, Listening], talk: Talk) -> AsyncIterator[None]:
    """Let a stream be a session's own, in place of an older one. Raises: SessionError."""
    session.take_over(parts)
    try:
        await talk.keep_alive()
        session.stream = talk
        await session.ask_again(talk)
        yield
    finally:
        talk.is_gone = True
        session.let_go(parts)


async def _stream_of(session: Session, server: Server, message: Message, *, waits: bool = True) -> Listening:
    """Return what a session's stream hears of a server; `waits`: it may be opened beside the request.

    Raises: McpError `not_listening`.
    """
    if waits:
        with suppress(TimeoutError):
            async with asyncio.timeout(STREAM_S):
                await session.has_stream.wait()
    part = session.listening.get(server.name)
    if part is None or part.over.is_set():
        raise McpError(
            "open the session's stream first (GET): what changes is told there",
            code="not_listening",
            of=message.id,
        )
    return part


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def _invalid(text: str, code: str, message: Message) -> McpError:
    return McpError(text, number=INVALID_PARAMS, code=code, of=message.id)
