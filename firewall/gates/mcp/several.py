"""What clients hear at `/mcp` without asking: what changes at all servers that their grant permits.

Each server is listened to as at its own address (`listening.py`), with its own entries in the log, and told of
under the names that things have at `/mcp`. INVARIANT: every resource is judged before any server hears of one. A
server that does not say in time what it tells is left out; once the stream has begun, it ends with the first
server's part: its client listens anew, and reads anew what it missed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack

from firewall.codecs.mcp import changes, messages
from firewall.codecs.mcp.changes import Filter
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.core.errors import ConfigError, FirewallError, UpstreamError, UpstreamFault
from firewall.gates.mcp.listening import Listens, begun
from firewall.gates.mcp.methods import shown
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.prefixing import prefixed, split
from firewall.gates.mcp.sessions import Session
from firewall.gates.mcp.stream import Listening, Stream
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.upstream.lines import TooManyLinesError

log = logging.getLogger("stayhand.mcp")
BEGIN_S = 20.0
"""How long servers may take to say what they tell before the others are told without them."""
Told = Callable[[str, dict[str, object]], Message]
Begin = Callable[[Mapping[str, Filter]], Awaitable[None]]
"""Is told, by server, what is told, before anything is."""


class _Part:
    """What is heard of one server, and when it may be told."""

    def __init__(self, server: Server, listening: Listening) -> None:
        self.server = server
        self.listening = listening
        self.served: asyncio.Future[Filter] = asyncio.get_running_loop().create_future()
        """What of it the server tells."""

    def is_kept(self, doing: "asyncio.Task[Message | None]") -> bool:
        """Tell whether it is told of; what was subscribed in a session is never left out.

        Raises: FirewallError for what ends all of it.
        """
        if self.served.done():
            return True
        error = doing.exception() if doing.done() and not doing.cancelled() else None
        is_late = isinstance(error, UpstreamError | ConfigError | TooManyLinesError)
        if error is not None and not is_late:
            raise error
        code = error.code if isinstance(error, FirewallError) else "upstream_timeout"
        log.info("server=%s method=%s code=%s: left out", self.server.name, changes.LISTEN, code)
        return False


class ListensToSeveral:
    """All streams at `/mcp`; one instance per process."""

    def __init__(self, listens: Listens, *, begin_s: float = BEGIN_S) -> None:
        self._listens = listens
        self._begin_s = begin_s

    async def listen(self, servers: Sequence[Server], caller: Caller, message: Message, talk: Talk) -> Message:
        """Serve `subscriptions/listen` until a server ends it; return the answer. Raises: FirewallError."""
        if not talk.takes_events:
            raise McpError("accept text/event-stream", code="not_acceptable", status=406, of=message.id)
        wanted, id_ = changes.filter_of(message), message.id
        meta: dict[str, object] = {"_meta": {changes.SUBSCRIPTION_KEY: id_}}
        parts = [_Part(server, Listening(part)) for server, part in _divided(servers, wanted, message)]

        def told(method: str, said: dict[str, object]) -> Message:
            return messages.notification(method, {**said, **meta})

        async def begin(served: Mapping[str, Filter]) -> None:
            await talk.event(told(changes.ACKNOWLEDGED, {"notifications": _united(served).written()}))

        with ExitStack() as rooms:
            for part in parts:
                rooms.enter_context(self._listens.room(part.server, caller))
            for part in parts:
                for address in sorted(part.listening.wanted.resources):
                    await self._listens.judge(part.server, caller, message, address, listening=part.listening)
            answer = await self._run(parts, caller, talk, told=told, begin=begin)
        if answer is not None:
            return messages.with_id(answer, id_ or 0)
        return messages.result(id_ or 0, {"resultType": "complete", **meta})

    async def stream(self, servers: Sequence[Server], caller: Caller, session: Session, talk: Talk) -> None:
        """Serve a session's stream until a server, or a newer stream, ends it. Raises: FirewallError."""
        lists = Filter(frozenset(changes.LISTS.values()))
        parts = [_Part(server, Listening(lists)) for server in servers]

        async def begin(served: Mapping[str, Filter]) -> None:
            for part in parts:
                if part.server.name not in served:
                    part.listening.over.set()  # nothing is subscribed there until a stream hears of it
            lost = [name for name, held in session.subscribed.items() if held and name not in served]
            if lost:
                raise UpstreamError(
                    f"the MCP server `{lost[0]}` does not say what it tells",
                    fault=UpstreamFault.TIMEOUT,
                    status=504,
                )

        with ExitStack() as rooms:
            for part in parts:
                rooms.enter_context(self._listens.room(part.server, caller))
            for part in parts:
                await self._listens.taken_over(part.server, caller, session, part.listening)
            async with begun(session, {part.server.name: part.listening for part in parts}, talk):
                await self._run(parts, caller, talk, told=messages.notification, begin=begin)

    async def _run(
        self, parts: Sequence[_Part], caller: Caller, talk: Talk, *, told: Told, begin: Begin
    ) -> Message | None:
        """Listen to all of them until the first ends; return its error, if it gave one. Raises: FirewallError."""
        may_tell = asyncio.Event()
        doing = {asyncio.create_task(self._part(part, caller, talk, told, may_tell)): part for part in parts}
        try:
            starting = [asyncio.create_task(_started(task, part.served)) for task, part in doing.items()]
            if starting:
                await asyncio.wait(starting, timeout=self._begin_s)
            for one in starting:
                one.cancel()
            kept = {task: part for task, part in doing.items() if part.is_kept(task)}
            if parts and not kept:
                raise UpstreamError(
                    "no MCP server says what it tells", fault=UpstreamFault.UNAVAILABLE, status=503
                )
            for task in doing.keys() - kept.keys():
                task.cancel()
            await begin({part.server.name: part.served.result() for part in kept.values()})
            may_tell.set()
            if not kept:  # nothing is listened to: the client ends it
                await asyncio.Event().wait()
            done, _ = await asyncio.wait(kept, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)

    async def _part(
        self, part: _Part, caller: Caller, talk: Talk, told: Told, may_tell: asyncio.Event
    ) -> Message | None:
        """Listen to one server until it ends that; return its error, as its client may see it, if it gave one."""
        server = part.server

        def named(method: str, said: dict[str, object]) -> Message:
            address = said.get("uri")
            names = {"uri": prefixed(server.name, address, is_address=True)} if isinstance(address, str) else {}
            return told(method, {**said, **names})

        async def first(served: Filter) -> None:
            part.served.set_result(served)
            await may_tell.wait()

        async with self._listens.lines.use(server, caller, listens=True) as line:
            stream = Stream(server, caller, line, part.listening, talk, named)
            answer = await self._listens.run(stream, first=first)
        if answer is None or answer.kind is not Kind.ERROR:
            return None
        return await self._listens.shown.result(server, caller, messages.notification(changes.LISTEN), answer)


async def _started(doing: "asyncio.Task[Message | None]", served: "asyncio.Future[Filter]") -> None:
    await asyncio.wait((doing, served), return_when=asyncio.FIRST_COMPLETED)


def _divided(servers: Sequence[Server], wanted: Filter, message: Message) -> list[tuple[Server, Filter]]:
    """Return what of a filter is each server's; without those of which nothing is wanted.

    Raises: McpError -32602 `name_unknown` for an address of none of them.
    """
    names = {server.name for server in servers}
    own: dict[str, set[str]] = {}
    for address in sorted(wanted.resources):
        name, rest = split(address) or ("", "")
        if name not in names or address != prefixed(name, rest, is_address=True):
            raise McpError(
                f"there is no `{shown(address)}`", number=INVALID_PARAMS, code="name_unknown", of=message.id
            )
        own.setdefault(name, set()).add(rest)
    found = ((server, Filter(wanted.lists, frozenset(own.get(server.name, ())))) for server in servers)
    return [(server, part) for server, part in found if part.lists or part.resources]


def _united(served: Mapping[str, Filter]) -> Filter:
    """Return what several servers tell, as it is called at `/mcp`."""
    lists = frozenset(one for part in served.values() for one in part.lists)
    addresses = (
        prefixed(name, address, is_address=True) for name, part in served.items() for address in part.resources
    )
    return Filter(lists, frozenset(addresses))
