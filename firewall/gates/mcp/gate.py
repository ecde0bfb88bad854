"""The MCP gate as an ASGI application: `/mcp/{server}` and `/mcp`, Streamable HTTP of four revisions.

It reads, checks and carries; what is judged is judged behind its seams (`port.py`). INVARIANT: a message is read
once, strictly, and what goes to a server is that message; nothing is released that could not be read.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError, status_of
from firewall.codecs.mcp.headers import SESSION, Head, checked_params, head_of, version_of
from firewall.codecs.mcp.messages import Kind, Message, at
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, agreed, is_modern
from firewall.core.errors import AuthError, FirewallError, LimitError
from firewall.core.fast_init import fast_init, replacer
from firewall.core.ports import Sequencer
from firewall.gates.edge.body import read_body
from firewall.gates.edge.doorkeeper import TOKEN_HEADERS, Doorkeeper, requester_of
from firewall.gates.edge.rates import Drawing, Due, draw
from firewall.gates.edge.send import Connection, Headers, send_whole
from firewall.gates.mcp.combined import AllServers
from firewall.gates.mcp.listening import Listens
from firewall.gates.mcp.methods import Way, shown, way_of
from firewall.gates.mcp.one import Asked, OneServer
from firewall.gates.mcp.port import Caller, Calls, Reads, Server, Shown, may_see
from firewall.gates.mcp.sessions import Session, SessionError, Sessions
from firewall.gates.mcp.talk import JSON, Talk
from firewall.gates.mcp.tasks import Tasks
from firewall.gates.mcp.upstream.lines import Lines
from firewall.gates.mcp.work import Ended, Work, Works
from firewall.guard.requester import Requester

if TYPE_CHECKING:  # loaded only where issuers are configured
    from firewall.gates.mcp.oauth.door import OAuthDoor

log = logging.getLogger("stayhand.mcp")
_PREFIX = b"/mcp"
_READ = frozenset(name.encode() for name in (*TOKEN_HEADERS, "authorization", "content-type"))
"""Fields that admission looks at."""
_with_due = replacer(Caller, "due")
_MOST_PLAIN_BYTES = 4 << 20
"""The largest message at `/mcp`, where no server's own limit counts."""
_NONE: Mapping[str, object] = MappingProxyType({})


@fast_init
@dataclass(frozen=True, slots=True)
class _Door:
    """Where a request came in, and whose it is."""

    requester: Requester
    server: Server | None
    """None: all of them."""
    head: Head

    @property
    def place(self) -> str:
        return self.server.name if self.server is not None else ""


class McpGate:
    """Serves MCP servers; one instance per process."""

    def __init__(
        self,
        *,
        servers: Mapping[str, Server],
        lines: Lines,
        calls: Calls,
        reads: Reads,
        shown: Shown,
        tasks: Tasks,
        listens: Listens,
        doorkeeper: Doorkeeper,
        sequencer: Sequencer,
        oauth: "OAuthDoor | None" = None,
    ) -> None:
        """`servers`: by name, in order; `calls`, `reads`, `shown`: the seams; `oauth`: for tokens of others."""
        self._servers = servers
        self._oauth = oauth
        self._doorkeeper = doorkeeper
        self._sequencer = sequencer
        self._drawing = Drawing(sequencer)
        self._one = OneServer(lines, calls=calls, reads=reads, shown=shown, tasks=tasks, listens=listens)
        self._all = AllServers(servers, self._one)
        self._tasks = tasks
        self._works = Works(self.revoked)
        self.lines = lines
        self.sessions = Sessions(ended=self._ended)

    def _ended(self, session: Session) -> None:
        self._tasks.session_ended(session.token_id, session.id)
        self.lines.end_session(session.token_id, session.id)

    @property
    def published(self) -> ASGIApp | None:
        """What tells strangers where tokens are to be had, where others issue any."""
        return self._oauth.published if self._oauth is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; refusals are JSON-RPC errors with stable codes."""
        message: Message | None = None
        version = ""
        try:
            door = await self._enter(scope)
            if scope["method"] == "DELETE":
                self.sessions.end(self.sessions.find(door.head.session, door.requester.token_id, door.place))
                await send_whole(send, 204, [], b"")
                return
            if scope["method"] == "GET":
                await self._hear(door, receive, send)
                return
            message = messages.read(await read_body(receive, _most_bytes(door.server)))
            _check_members(message)
            version = version_of(door.head, message)
            await self._take(door, message, version, receive, send)
        except FirewallError as error:
            challenge = self._challenge(scope, error)
            await _refuse(
                send, error, message, is_legacy=bool(version) and not is_modern(version), challenge=challenge
            )

    def revoked(self, token_id: str) -> None:
        """End what is under way for a token that was revoked or has expired, and for its children."""
        self._works.revoked(token_id)
        self._tasks.revoked(token_id)
        self.sessions.revoked(token_id)
        self.lines.revoked(token_id)

    def _left_s(self, requester: Requester) -> Callable[[], float]:
        return lambda: self._doorkeeper.left_s(requester)

    def drain(self) -> None:
        """Begin to stop: requests that may end are ended, calls are waited for."""
        self._works.drain()

    async def close(self) -> None:
        """End everything, the programs among it."""
        await self._works.close()
        await self._tasks.close()
        await self._one.listens.close()
        await self.lines.close()

    async def _enter(self, scope: Scope) -> _Door:
        """Check token, place and method. Raises: FirewallError."""
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in fields
            if key in _READ or self._oauth is not None
        }
        source = scope["client"][0] if scope.get("client") else ""
        name = _name_at(scope["raw_path"])
        if self._oauth is not None and self._oauth.is_meant(headers):
            bearer = await self._oauth.bearer(headers, name, self._servers.get(name), source=source)
        else:
            bearer = await self._doorkeeper.bearer(headers, source)
        requester = requester_of(bearer, gate="mcp", client="other")
        server = self._server_at(name, requester)
        head = head_of(fields)
        method = scope["method"]
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise McpError("send messages as application/json", code="content_type_refused", status=415)
            if not (head.takes_json or head.takes_events):
                raise McpError("accept application/json, text/event-stream", code="not_acceptable", status=406)
        elif not head.session or (method != "DELETE" and not _may_hear(method, head)):
            raise McpError("only POST is served here", code="method_refused", status=405)
        return _Door(requester, server, head)

    def _server_at(self, name: str, requester: Requester) -> Server | None:
        """Return the server of a name, None for all.

        Raises: McpError where there is none for this token.
        """
        if not name:
            return None
        server = self._servers.get(name)
        if server is None or not may_see(requester.grant, server):
            raise McpError(
                "there is no such MCP server for this token", number=-31404, code="server_unknown", status=404
            )
        return server

    def _challenge(self, scope: Scope, error: FirewallError) -> bytes | None:
        """Return what a refusal says about how to come in (RFC 6750)."""
        if self._oauth is None:
            return b'Bearer realm="stayhand"' if isinstance(error, AuthError) else None
        shown = any(key == b"authorization" for key, _ in scope["headers"])
        return self._oauth.challenge(_name_at(scope["raw_path"]), error, shown=shown)

    async def _take(self, door: _Door, message: Message, version: str, receive: Receive, send: Send) -> None:
        """Take a message in its revision. Raises: FirewallError."""
        if is_modern(version):
            if message.is_answer:
                raise McpError("clients of this revision send no answers", code="answer_refused", of=message.id)
            session = None
        else:
            session = self._session(door, message)
        if message.kind is Kind.REQUEST:
            caller = self._caller(door, message, version, session)
            try:
                await self._serve(door, message, caller, session, receive, send)
            except FirewallError:
                if session is not None and message.method == "initialize":
                    self.sessions.end(session)
                raise
            return
        work = self._works.begin(door.requester.lineage, self._left_s(door.requester))
        noting = self._note(door, message, version, session)
        await self._works.run(work, noting, Talk(send, takes_events=False), keeps=False)
        await send_whole(send, 202, [], b"")

    def _session(self, door: _Door, message: Message) -> Session | None:
        """Return the client's session; without one, a client declared nothing. Raises: SessionError."""
        token = door.requester.token_id
        if message.method == "initialize":
            params = message.params
            return self.sessions.open(
                token,
                door.place,
                version=agreed(params.get("protocolVersion")),
                capabilities=_object(params.get("capabilities")),
                info=_object(params.get("clientInfo")),
            )
        return self.sessions.find(door.head.session, token, door.place) if door.head.session else None

    def _caller(self, door: _Door, message: Message, version: str, session: Session | None) -> Caller:
        combined = door.server is None
        if session is not None:
            said = (session.version, session.capabilities, session.info, session.id)
        elif is_modern(version):
            meta = message.meta
            said = (version, _object(meta.get(CAPABILITIES_KEY)), _object(meta.get(INFO_KEY)), "")
        else:
            said = (version, _NONE, _NONE, "")
        return Caller(door.requester, *said, combined=combined)

    async def _note(self, door: _Door, message: Message, version: str, session: Session | None) -> None:
        """Take what needs no answer. Raises: McpError for an answer to nothing."""
        if message.is_answer:
            if session is None or not session.answered(message):
                raise McpError("nothing was asked under this id", code="answer_refused", of=message.id)
            return
        if session is None:
            return  # 2026-07-28 has none over HTTP; nothing here could act on one
        if message.method == "notifications/cancelled":
            session.cancel(message.params.get("requestId"))
        elif message.method == "notifications/roots/list_changed":
            await draw(self._sequencer, door.requester)
            caller = self._caller(door, message, version, session)
            for server in [door.server] if door.server is not None else self._all.permitted(caller):
                await self._one.tell(caller, server, message)

    async def _serve(
        self, door: _Door, message: Message, caller: Caller, session: Session | None, receive: Receive, send: Send
    ) -> None:
        """Answer a request. Raises: FirewallError before anything was said."""
        way = way_of(message, caller.version)
        caller = await self._drawn(caller, way)
        talk = Talk(send, takes_events=door.head.takes_events)
        work = self._works.begin(door.requester.lineage, self._left_s(door.requester), is_call=way is Way.CALL)
        asked = Asked(caller, message, way, talk, session, work.begun, checked_params(door.head, message))
        connection = Connection(receive, lambda: _let_go(talk, work))
        is_greeting = session is not None and way is Way.HELLO
        if session is not None:
            session.begin(asked.id, lambda: work.end(Ended.CANCELLED))
            if is_greeting:
                talk.extra.append((SESSION, session.id.encode("ascii")))
        try:
            answer = await self._works.run(work, self._answer(door, asked), talk, keeps=session is not None)
            await talk.finish(answer, _status(answer, caller))
        except FirewallError as error:
            if is_greeting and session is not None:
                self.sessions.end(session)
            if not talk.has_begun:
                raise
            await talk.finish(messages.failed(asked.id, error))
        finally:
            connection.close()
            if session is not None:
                session.under_way.pop(asked.id, None)

    async def _hear(self, door: _Door, receive: Receive, send: Send) -> None:
        """Serve the stream of a session. Raises: FirewallError before anything was said."""
        session = self.sessions.find(door.head.session, door.requester.token_id, door.place)
        said = (session.version, session.capabilities, session.info, session.id)
        caller = Caller(door.requester, *said, combined=door.server is None)
        await draw(self._sequencer, door.requester)
        await (self._all.claimed(caller) if door.server is None else self._one.claimed(caller, door.server))
        talk = Talk(send, takes_events=True)
        work = self._works.begin(door.requester.lineage, self._left_s(door.requester))
        connection = Connection(receive, lambda: _let_go(talk, work))
        if door.server is None:
            stream = self._all.stream(caller, session, talk)
        else:
            stream = self._one.listens.stream(door.server, caller, session, talk=talk)
        try:
            await self._works.run(work, stream, talk, keeps=False)
        except FirewallError as error:
            if not talk.has_begun:
                raise
            log.info("server=%s code=%s: a stream ended", door.place, error.code)
        finally:
            connection.close()
            if not session.listening and any(session.subscribed.values()):
                self.sessions.end(session)  # its client hears so, and that nothing is told any more
        await talk.close()

    async def _drawn(self, caller: Caller, way: Way) -> Caller:
        """Draw what a request draws; a call does that with its verdict, in one commit. Raises: LimitError."""
        if way is not Way.CALL:
            await draw(self._sequencer, caller.requester)
            return caller
        return _with_due(caller, Due(await self._drawing.takes(caller.requester)))

    async def _answer(self, door: _Door, asked: Asked) -> Message:
        due = asked.caller.due
        try:
            if door.server is None:
                return await self._all.answer(asked)
            return await self._one.answer(asked, door.server)
        except LimitError:
            self._drawing.overdrew(door.requester)
            raise
        finally:
            await self._drawing.settle(due, door.requester)


def _check_members(message: Message) -> None:
    """Refuse a message with a member that nobody would judge. Raises: McpError -32600 `member_unknown`."""
    name = messages.unknown_member(message)
    if name is not None:
        raise McpError(f"`{shown(name)}` is no member of a message", code="member_unknown", of=message.id)


def _let_go(talk: Talk, work: Work) -> None:
    """Note that nobody hears any more what is said in answer to a request."""
    talk.is_gone = True
    work.end(Ended.GONE)


def _name_at(raw_path: bytes) -> str:
    """Return the server's name in a path; empty: all servers; `/`, which no server is called, for another path."""
    rest = raw_path.removeprefix(_PREFIX).removesuffix(b"/")
    if not rest:
        return ""
    return rest.removeprefix(b"/").decode("latin-1") or "/" if rest[:1] == b"/" else "/"


def _may_hear(method: str, head: Head) -> bool:
    return method == "GET" and head.takes_events


def _most_bytes(server: Server | None) -> int:
    return _MOST_PLAIN_BYTES if server is None else server.settings.max_body_mib << 20


def _status(answer: Message, caller: Caller) -> int:
    """Return the status of an answer: in 2026-07-28 a server's own error has the one that its number asks for."""
    if answer.kind is not Kind.ERROR or not is_modern(caller.version):
        return 200
    return status_of(at(answer.error, ["code"]))


async def _refuse(
    send: Send, error: FirewallError, message: Message | None, *, is_legacy: bool, challenge: bytes | None
) -> None:
    """Answer with an error of ours.

    Clients of earlier revisions take any status but 200 for a broken connection, so that an error which answers a
    request is an answer to them; a session that is not there must be a 404.
    """
    if error.detail:
        log.info("code=%s detail=%s", error.code, error.detail)
    id_ = message.id if message is not None else error.of if isinstance(error, McpError) else None
    is_answer = message is not None and message.kind is Kind.REQUEST and not isinstance(error, SessionError)
    status = error.status
    if is_answer and (is_legacy or not isinstance(error, McpError)):
        status = 200
    headers: Headers = [JSON]
    if challenge is not None:
        headers.append((b"www-authenticate", challenge))
    if isinstance(error, LimitError):
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if status == 405:
        headers.append((b"allow", b"GET, POST, DELETE"))
    await send_whole(send, status, headers, messages.failed(id_, error).raw)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else _NONE
