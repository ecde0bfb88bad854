"""Requests to one server: each on the way that its method has, and nothing to a client that no seam has seen."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.headers import Field
from firewall.codecs.mcp.messages import Id, Kind, Message
from firewall.codecs.mcp.versions import MODERN, SERVER_KEY, is_modern
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init
from firewall.gates.mcp import opaque, session_tasks
from firewall.gates.mcp.hearing import Folders, Hearing
from firewall.gates.mcp.legs import ASKING, MAX_LEGS, is_asking, with_params
from firewall.gates.mcp.listed import Listed, tools_of
from firewall.gates.mcp.listening import Listens
from firewall.gates.mcp.methods import Way, served
from firewall.gates.mcp.plainly import plain
from firewall.gates.mcp.port import Caller, Calls, NotRunError, Reads, Seen, Server, Shown, left_open
from firewall.gates.mcp.sessions import Session
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.tasks import EXTENSION, Tasks, declares, is_task
from firewall.gates.mcp.upstream.greeting import OURSELVES
from firewall.gates.mcp.upstream.lines import Line, Lines

_PAUSE_S, _MAX_PAUSE_S = 0.1, 2.0
"""How long a server is left alone that wants its state back: at first, and at most."""
COMPLETE: Mapping[str, object] = {"resultType": "complete"}
"""What results of 2026-07-28 must say, and servers of earlier revisions do not."""
CACHED: Mapping[str, object] = {**COMPLETE, "ttlMs": 0, "cacheScope": "private"}
CACHEABLE = frozenset(
    {
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "server/discover",
    }
)


@fast_init
@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client, checked; whether it was judged is the caller's to know."""

    caller: Caller
    message: Message
    way: Way
    talk: Talk
    session: Session | None
    begun: Callable[[], None]
    """To be called before a change is sent: ending the request loses something from then on."""
    params: tuple[Field, ...]
    """Checked `Mcp-Param-*` fields, for servers that read them."""

    @property
    def id(self) -> Id:
        """Of the request."""
        if self.message.id is None:
            raise RuntimeError("a request has an id")
        return self.message.id


class _Bound:
    """A line for one request, which knows whether the server was asked; `gates.mcp.port.Upstream`."""

    def __init__(self, line: Line, asked: Asked, ear: Callable[[Seen], Seen]) -> None:
        """`ear`: hears in place of another what the server asks."""
        self._line = line
        self._ear = ear
        self._params = asked.params
        self._completes = is_modern(asked.caller.version) and not is_modern(line.version)
        self.was_called = False

    @property
    def version(self) -> str:
        return self._line.version

    @property
    def capabilities(self) -> Mapping[str, object]:
        return self._line.capabilities

    @property
    def listed(self) -> Listed:
        return self._line.listed

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        is_call = message.method == "tools/call"
        self.was_called = self.was_called or is_call
        answer = await self._asked(message, self._ear(seen), self._params if is_call else ())
        if self._completes and answer.kind is Kind.RESULT:
            return messages.with_result(answer, CACHED if message.method in CACHEABLE else COMPLETE)
        return answer

    async def _asked(self, message: Message, seen: Seen, params: tuple[Field, ...]) -> Message:
        """Ask; a stateless server that only wants its state back gets it, some times and ever later.

        Raises: UpstreamError, also where a server asks in answer to what it may not ask at.
        """
        answer = await self._line.ask(message, seen=seen, params=params)
        for step in range(MAX_LEGS):
            if is_task(answer) and (message.method != "tools/call" or not is_modern(self._line.version)):
                raise UpstreamError("the MCP server goes on where nobody follows", fault=UpstreamFault.MALFORMED)
            if not is_asking(answer):
                break
            if message.method not in ASKING or not is_modern(self._line.version):
                raise UpstreamError("the MCP server asks where nobody is asked", fault=UpstreamFault.MALFORMED)
            if answer.result.get("inputRequests") or not isinstance(answer.result.get("requestState"), str):
                break
            await asyncio.sleep(min(_PAUSE_S * 2**step, _MAX_PAUSE_S))
            state = answer.result["requestState"]
            again = messages.with_id(
                with_params(message, requestState=state, inputResponses=None), f"again-{step}"
            )
            try:
                answer = await self._line.ask(again, seen=seen, params=params)
            except NotRunError as error:  # the server has begun: only this step was refused
                raise left_open(error) from error
        return answer if answer.id == message.id else messages.with_id(answer, cast("Id", message.id))

    async def tell(self, message: Message) -> None:
        await self._line.tell(message)

    async def aclose(self) -> None:
        """Stay open: the line is lent."""


class OneServer:
    """Asks servers; one instance per process."""

    def __init__(
        self, lines: Lines, *, calls: Calls, reads: Reads, shown: Shown, tasks: Tasks, listens: Listens
    ) -> None:
        self._lines = lines
        self.tasks = tasks
        self.listens = listens
        self._calls = calls
        self._reads = reads
        self._shown = shown

    async def answer(self, asked: Asked, server: Server) -> Message:
        """Return the answer to a request, as the client may see it. Raises: FirewallError."""
        caller, message = asked.caller, asked.message
        if asked.way is Way.PING:
            return messages.result(asked.id, {})
        await self._shown.claimed(server, caller)
        if asked.way in (Way.LISTEN, Way.SUBSCRIBE):
            return await self._told(asked, server)
        if asked.way in (Way.LIST, Way.RESULT):
            message = plain(message)
        if asked.way in (Way.LIST, Way.RESULT, Way.TASK):
            await self._shown.asked(server, caller, message)
        async with self._lines.use(server, caller) as line:
            return await self._answered(asked, server, message, line)

    async def _told(self, asked: Asked, server: Server) -> Message:
        """Serve what has a client told of changes. Raises: FirewallError."""
        if asked.way is Way.LISTEN:
            return await self.listens.listen(server, asked.caller, asked.message, talk=asked.talk)
        if asked.session is None:
            raise McpError("subscribe in a session", code="not_listening", of=asked.id)
        return await self.listens.subscribe(server, asked.caller, asked.message, asked.session)

    async def _answered(self, asked: Asked, server: Server, message: Message, line: Line) -> Message:
        """Have a request answered over a line. Raises: FirewallError."""
        caller = asked.caller
        if asked.way is Way.HELLO:
            return await self._shown.result(server, caller, message, _hello(asked, line))
        seen: Seen = Hearing(asked.talk, server, caller, self._shown, session=asked.session, begun=asked.begun)
        if asked.way is not Way.TASK:
            seen = session_tasks.Unrelated(seen)
        upstream = _Bound(line, asked, lambda seen: Folders(seen, server, caller, self._reads))
        if asked.way is Way.CALL:
            answer = await self._calls.call(server, caller, message, upstream=upstream, seen=seen)
            return await self._shown.result(server, caller, message, answer) if upstream.was_called else answer
        if asked.way is Way.LIST:
            return await self._listed(server, caller, message, upstream=upstream, seen=seen)
        if asked.way in (Way.READ, Way.TASK):
            take = self._reads.read if asked.way is Way.READ else self.tasks.follow
            answer = await take(server, caller, message, upstream=upstream, seen=seen)
        else:
            answer = await upstream.ask(message, seen=seen)
        return await self._shown.result(server, caller, message, answer)

    async def _listed(
        self, server: Server, caller: Caller, message: Message, *, upstream: _Bound, seen: Seen
    ) -> Message:
        """Return a list as the client may see it. Raises: FirewallError."""
        message = opaque.opened(message, principal=caller.requester.principal, server=server.identity)
        changes = upstream.listed.changes
        answer = await upstream.ask(message, seen=seen)
        if answer.kind is not Kind.RESULT:
            return await self._shown.result(server, caller, message, answer)
        listed = await self._shown.listed(server, caller, message, answer)
        if message.method == "tools/list" and _is_whole(message, answer):
            upstream.listed.seen(changes, tools_of(answer))
        return listed

    async def claimed(self, caller: Caller, server: Server) -> None:
        """Look at what a client says about itself before any server hears it. Raises: FirewallError."""
        await self._shown.claimed(server, caller)

    async def tell(self, caller: Caller, server: Server, message: Message) -> None:
        """Pass on that a client sent a notification, with nothing of what it says in it. Raises: FirewallError."""
        await self._shown.claimed(server, caller)
        async with self._lines.use(server, caller) as line:
            await line.tell(messages.notification(message.method))


def _is_whole(asked: Message, answer: Message) -> bool:
    return not asked.params.get("cursor") and not answer.result.get("nextCursor")


def _hello(asked: Asked, line: Line) -> Message:
    """Return what a client hears of a server: its own words, and of its capabilities what is served here."""
    hello = line.hello
    told: dict[str, object] = {"capabilities": _served(asked, line)}
    if isinstance(text := hello.said.result.get("instructions"), str):
        told["instructions"] = text
    return messages.result(asked.id, greeting(asked, told, hello.info))


def _served(asked: Asked, line: Line) -> dict[str, object]:
    can = served(line.hello.capabilities)
    if is_modern(asked.caller.version) and is_modern(line.version) and declares(line.hello.capabilities):
        can["extensions"] = {EXTENSION: {}}
    if session_tasks.is_follower(asked.caller) and session_tasks.serves(line.version, line.hello.capabilities):
        can["tasks"] = session_tasks.offered(line.hello.capabilities)
    return can


def greeting(asked: Asked, told: Mapping[str, object], info: Mapping[str, object]) -> dict[str, object]:
    """Return the result of `initialize` or `server/discover` with what is told in it."""
    name = dict(info or OURSELVES)
    if is_modern(asked.caller.version):
        return {"supportedVersions": [MODERN], **told, **CACHED, "_meta": {SERVER_KEY: name}}
    return {"protocolVersion": asked.caller.version, **told, "serverInfo": name}
