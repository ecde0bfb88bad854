"""Requests to `/mcp`: every server that the grant permits, behind one address.

Tools and prompts carry their server's name and `__` in front, addresses of resources `mcp-NAME+`. Names of servers
hold no underscore and no plus sign, so no two things can have one name. INVARIANT: the order is that of the
servers' names and, within each, the server's own; a server that does not answer hides nothing of the others.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.changes import SUBSCRIBE, UNSUBSCRIBE
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.errors import FirewallError, UpstreamError
from firewall.gates.mcp import session_tasks
from firewall.gates.mcp.methods import ALL, Way, shown, unserved
from firewall.gates.mcp.one import CACHED, Asked, OneServer, greeting
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.prefixing import prefixed, split
from firewall.gates.mcp.sessions import Session
from firewall.gates.mcp.several import ListensToSeveral
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.tasks import EXTENSION

log = logging.getLogger("stayhand.mcp")
LIST_S = 20.0
"""How long a server may take to list what it offers before the others go on without it."""
MOST_PAGES = 50
MOST_ENTRIES = 5000
_LISTS = {
    "tools/list": ("tools", "name"),
    "prompts/list": ("prompts", "name"),
    "resources/list": ("resources", "uri"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate"),
}
"""Of each method: the list in its result, and the member that names an entry."""
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "tools/call": ("params", "name"),
    "prompts/get": ("params", "name"),
    "resources/read": ("params", "uri"),
    SUBSCRIBE: ("params", "uri"),
    UNSUBSCRIBE: ("params", "uri"),
}


class AllServers:
    """Asks all servers, or the one that a name leads to; one instance per process."""

    def __init__(self, servers: Mapping[str, Server], one: OneServer) -> None:
        """`servers`: by name, in order."""
        self._servers = servers
        self._one = one
        self._listens = ListensToSeveral(one.listens)

    async def answer(self, asked: Asked) -> Message:
        """Return the answer to a request, as the client may see it. Raises: FirewallError."""
        match asked.way:
            case Way.HELLO:
                await self.claimed(asked.caller)
                return messages.result(asked.id, greeting(asked, {"capabilities": _capabilities(asked)}, {}))
            case Way.LIST:
                return await self._listed(asked)
            case Way.PING:
                return messages.result(asked.id, {})
            case Way.TASK:
                return await self._followed(asked)
            case Way.LISTEN:
                await self.claimed(asked.caller)
                servers = self.permitted(asked.caller)
                return await self._listens.listen(servers, asked.caller, asked.message, asked.talk)
            case Way.CALL | Way.READ | Way.RESULT | Way.SUBSCRIBE:
                return await self._led(asked)

    def permitted(self, caller: Caller) -> list[Server]:
        """Return the servers that a caller may know of, in order."""
        return [server for server in self._servers.values() if caller.may_see(server)]

    async def claimed(self, caller: Caller) -> None:
        """Look at what a client says about itself before any server hears it. Raises: FirewallError."""
        for server in self.permitted(caller)[:1]:  # the same words go to all of them
            await self._one.claimed(caller, server)

    async def stream(self, caller: Caller, session: Session, talk: Talk) -> None:
        """Serve a session's stream until a server, or a newer stream, ends it. Raises: FirewallError."""
        await self._listens.stream(self.permitted(caller), caller, session, talk)

    async def _followed(self, asked: Asked) -> Message:
        """Take what is asked about a task to its server. Raises: FirewallError."""
        if asked.message.method == "tasks/list":
            return await self._tasks(asked)
        server = self._one.tasks.server_of(asked.caller, asked.message.params.get("taskId"))
        return await self._one.answer(asked, server)

    async def _tasks(self, asked: Asked) -> Message:
        """Return the tasks of a session at all servers. Raises: McpError; StoreError."""
        if not session_tasks.is_follower(asked.caller):
            raise unserved(asked.message, " here")
        session_tasks.listed(asked.message, {})  # there is one page
        servers = [self._servers[name] for name in self._one.tasks.servers_of(asked.caller)]
        several = await asyncio.gather(*(self._rows(asked, server) for server in servers))
        return messages.result(asked.id, {"tasks": [row for rows in several for row in rows]})

    async def _rows(self, asked: Asked, server: Server) -> list[object]:
        """Return the tasks at one server as the client may see them; none where it cannot be followed now."""
        try:
            answer = await self._one.answer(asked, server)
        except UpstreamError as error:
            log.info("server=%s method=%s code=%s: left out", server.name, asked.message.method, error.code)
            return []
        rows = answer.result.get("tasks") if answer.kind is Kind.RESULT else None
        return rows if isinstance(rows, list) else []

    async def _led(self, asked: Asked) -> Message:
        """Ask the server that the message's subject names, under the name that the server itself uses."""
        if asked.message.method == "logging/setLevel":
            return messages.result(asked.id, {})
        path = _subject(asked.message)
        name = messages.at(asked.message.value, path)
        found = split(name) if isinstance(name, str) else None
        server = self._servers.get(found[0]) if found is not None else None
        if found is None or server is None or not asked.caller.may_see(server):
            raise McpError(f"there is no `{shown(name)}`", number=INVALID_PARAMS, code="name_unknown", of=asked.id)
        return await self._one.answer(
            replace(asked, message=messages.changed(asked.message, {path: found[1]})), server
        )

    async def _listed(self, asked: Asked) -> Message:
        servers = self.permitted(asked.caller)
        several = await asyncio.gather(*(self._entries(asked, server) for server in servers))
        key, _ = _LISTS[asked.message.method]
        entries = [entry for found in several for entry in found]
        said: dict[str, object] = {key: entries[:MOST_ENTRIES]}
        if is_modern(asked.caller.version):
            said |= CACHED
        return messages.result(asked.id, said)

    async def _entries(self, asked: Asked, server: Server) -> list[dict[str, object]]:
        """Return what one server lists, under names of ours; nothing where it does not answer."""
        try:
            async with asyncio.timeout(LIST_S):
                return await self._pages(asked, server)
        except (FirewallError, TimeoutError) as error:
            code = error.code if isinstance(error, FirewallError) else "upstream_timeout"
            log.info("server=%s method=%s code=%s: left out", server.name, asked.message.method, code)
            return []

    async def _pages(self, asked: Asked, server: Server) -> list[dict[str, object]]:
        key, member = _LISTS[asked.message.method]
        notes = asked.message.params.get("_meta")
        found: list[dict[str, object]] = []
        cursor: object = None
        for _ in range(MOST_PAGES):
            params = ({"_meta": notes} if notes is not None else {}) | ({"cursor": cursor} if cursor else {})
            page = messages.request(asked.id, asked.message.method, params)
            answer = await self._one.answer(replace(asked, message=page), server)
            if answer.kind is not Kind.RESULT:
                return found
            entries = answer.result.get(key)
            found += [_renamed(entry, member, server) for entry in _named(entries, member)]
            cursor = answer.result.get("nextCursor")
            if not isinstance(cursor, str) or len(found) >= MOST_ENTRIES:
                break
        return found


def _capabilities(asked: Asked) -> dict[str, object]:
    """Return what is served here, before any server was asked what it has."""
    can: dict[str, object] = {name: dict(told) for name, told in ALL.items()}
    if is_modern(asked.caller.version):
        can["extensions"] = {EXTENSION: {}}
    elif session_tasks.is_follower(asked.caller):
        can["tasks"] = session_tasks.offered({"tasks": {"cancel": {}}})
    return can


def _subject(message: Message) -> tuple[str, ...]:
    """Return where a message names what it is about."""
    known = _SUBJECTS.get(message.method)
    if known is not None:
        return known
    kind = messages.at(message.params, ("ref", "type"))
    return ("params", "ref", "uri" if kind == "ref/resource" else "name")


def _named(entries: object, member: str) -> Sequence[dict[str, object]]:
    if not isinstance(entries, list):
        return ()
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get(member), str)]


def _renamed(entry: dict[str, object], member: str, server: Server) -> dict[str, object]:
    return entry | {member: prefixed(server.name, str(entry[member]), is_address=member != "name")}
