"""Tasks: calls that a server goes on with: the extension of 2026-07-28, and sessions of 2025-11-25.

A client knows a task by an id of ours, which serves the token that made it alone. INVARIANT: a released call has
one outcome entry: when its task is seen to have ended, or `indeterminate` when nobody can see that any more.
INVARIANT: no task outlives its token: when that ends or is revoked, and when we stop, its server is told to cancel
it. What a client answers a task's questions is judged with the call that made it, by the grant of who answers.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import orjson

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, MISSING_CAPABILITY, McpError
from firewall.codecs.mcp.messages import Kind, Message, at
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, MODERN, VERSION_KEY, is_modern
from firewall.core.call import ToolCall
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit
from firewall.gates.mcp import forms, session_tasks
from firewall.gates.mcp.beside import noted_of
from firewall.gates.mcp.legs import MAX_QUESTIONS
from firewall.gates.mcp.methods import unserved
from firewall.gates.mcp.port import Caller, NotRunError, Seen, Server, Upstream
from firewall.gates.mcp.prefixing import prefixed
from firewall.gates.mcp.saying import refusal_of
from firewall.gates.mcp.showing.flags import Flags
from firewall.guard.answer import Stop, Wait
from firewall.guard.guard import Guard
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.mcp")
EXTENSION = "io.modelcontextprotocol/tasks"
MOST_OF_A_TOKEN = 64
LONGEST_S = 86_400.0
"""How long a task is followed that names no time of its own."""
_CANCEL_S = 5.0
_MAX_ID = 256
_ENDED = frozenset({"completed", "failed", "cancelled"})
_STATES = _ENDED | {"working", "input_required"}
_KEPT = (VERSION_KEY, INFO_KEY, CAPABILITIES_KEY)
"""What of a client's `_meta` goes along when it follows a task."""
_US = 1_000_000


@dataclass(slots=True, eq=False)
class Task:
    """One task under way, or ended and still to be read."""

    id: str
    """As its client knows it."""
    theirs: str
    server: Server
    caller: Caller
    """Who made it."""
    judged: ToolCall
    """The call, as it was judged."""
    entry: int
    is_reading: bool
    asked: frozenset[str] = frozenset()
    """The keys of what its server asks now."""
    questions: str = ""
    """SHA-256 hex of what it asks."""
    forms: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """By key: what answers of its user are held against."""
    state: dict[str, object] = field(default_factory=dict)
    """How it stood when it was last seen; of sessions."""
    is_over: bool = False
    """Its outcome is recorded."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Tasks:
    """All tasks that clients may follow; one instance per process."""

    def __init__(
        self, guard: Guard, sequencer: Sequencer, clock: Clock, *, cancel: Callable[[Task], Awaitable[None]]
    ) -> None:
        """`cancel` tells a task's server that nobody follows it any more."""
        self._guard = guard
        self._sequencer = sequencer
        self._clock = clock
        self._flags = Flags(sequencer, clock)
        self._cancel = cancel
        self._all: dict[str, Task] = {}
        self._cancelling: set[asyncio.Task[None]] = set()

    def begun(
        self,
        server: Server,
        caller: Caller,
        judged: ToolCall,
        *,
        entry: int,
        is_reading: bool,
        answer: Message,
        was_asked: bool = False,
    ) -> Message:
        """Take a task on: return the server's answer under an id of ours.

        `entry`: of the call's judgement; `was_asked`: the call itself asked for a task, as those of sessions do.
        Raises: UpstreamError for a task that nobody asked for or that is none; its outcome is recorded then.
        """
        older = session_tasks.state_of(answer)
        said, is_wanted = (answer.result, may_follow(caller)) if older is None else (older, was_asked)
        theirs, state = said.get("taskId"), said.get("status")
        id_ = f"stayhand-task-{secrets.token_urlsafe(18)}"
        task = Task(
            id=prefixed(server.name, id_, is_address=False) if caller.combined else id_,
            theirs=theirs if isinstance(theirs, str) else "",
            server=server,
            caller=caller,
            judged=judged,
            entry=entry,
            is_reading=is_reading,
            state=session_tasks.told(said),
        )
        if not is_wanted or not 0 < len(task.theirs) <= _MAX_ID or state not in _STATES:
            self._over(task, "malformed", is_known=is_reading)
            raise _malformed(server, "answered with a task that nobody asked for, or that is none")
        self._make_room(caller.requester.token_id)
        self._all[task.id] = task
        task.timer = asyncio.get_running_loop().call_later(self._seconds(task, said), self._end, task, "expired")
        path = ("result", "taskId") if older is None else ("result", "task", "taskId")
        return messages.changed(answer, {path: task.id})

    def server_of(self, caller: Caller, id_: object) -> Server:
        """Return where a task of the caller's is. Raises: McpError -32602 `task_unknown`."""
        return self._of(caller, id_).server

    def servers_of(self, caller: Caller) -> list[str]:
        """Return where the caller has tasks, by name, in order."""
        return sorted({task.server.name for task in self._all.values() if _is_of(task, caller)})

    async def follow(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Take `tasks/get`, `tasks/update` and `tasks/cancel` to the server and back, under an id of ours.

        Raises: McpError -32021 `capability_missing`, -32602 `task_unknown`; UpstreamError.
        """
        if not is_modern(caller.version):
            return await self._followed(server, caller, message, upstream=upstream, seen=seen)
        if not may_follow(caller):
            raise _undeclared(message)
        task = self._of(caller, message.params.get("taskId"))
        if task.server.name != server.name:
            raise _unknown()
        if message.method == "tasks/update":
            return await self._updated(task, caller, message, upstream=upstream, seen=seen)
        answer = await upstream.ask(_sent(message, task), seen=seen)
        return self._read(task, answer) if message.method == "tasks/get" else answer

    def session_ended(self, token_id: str, session: str) -> None:
        """End the tasks of a session."""
        for task in list(self._all.values()):
            if (task.caller.requester.token_id, task.caller.session) == (token_id, session):
                self._end(task, "session-ended")

    def revoked(self, token_id: str) -> None:
        """End the tasks of a token and its children."""
        for task in list(self._all.values()):
            if token_id in task.caller.requester.lineage:
                self._end(task, "revoked")

    async def close(self) -> None:
        """End all of them; their servers are told, as far as they listen."""
        for task in list(self._all.values()):
            self._end(task, "stopped")
        await asyncio.gather(*self._cancelling, return_exceptions=True)

    async def _updated(
        self, task: Task, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Judge what a client answers, by its own grant and with the call that made the task, and pass it on."""
        answers = message.params.get("inputResponses")
        if not isinstance(answers, dict) or not task.asked.issuperset(answers):
            raise McpError("the task did not ask for this", number=INVALID_PARAMS, code="task_not_asked")
        misfit = forms.misfit_of(task.forms, answers)
        if misfit is not None:
            await self._flags.refused(task.server, caller, messages.notification(message.method), forms.MISFIT)
            raise misfit
        given = orjson.loads(task.judged.arguments)
        beside = {"mcp:inputResponses": answers, "mcp:inputRequests": task.questions}
        call = ToolCall(
            task.judged.id,
            task.judged.name,
            orjson.dumps({**given, **beside}),
            schema=task.judged.schema,
            served=task.judged.served,
        )
        verdict = await self._guard.judge(call, caller.requester, heeds_denial=True)
        seen.judged(verdict.entry)
        if isinstance(verdict, Wait):
            verdict = verdict.stopped
        if isinstance(verdict, Stop):
            raise refusal_of(message, verdict)
        facts: dict[str, Plain] = {"judged": verdict.entry, "gate": "mcp", "state": "answered"}
        try:
            answer = await upstream.ask(_sent(message, task), seen=seen)
        except BaseException as error:
            facts["fault"] = error.code if isinstance(error, FirewallError) else "cancelled"
            self._record(task, facts, is_known=task.is_reading or isinstance(error, NotRunError))
            raise
        self._record(task, {**facts, "reported_error": answer.kind is Kind.ERROR}, is_known=True)
        return answer

    async def _followed(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Follow a task of a session (`tasks/get`, `tasks/result`, `tasks/list`, `tasks/cancel`).

        Raises: McpError -32601 `method_unknown`, -32602 `task_unknown`, `task_ended`; UpstreamError.
        """
        if not session_tasks.is_follower(caller):
            raise unserved(message, " here")
        if message.method == "tasks/list":
            mine = [
                task for task in self._all.values() if _is_of(task, caller) and task.server.name == server.name
            ]
            return session_tasks.listed(message, {task.id: task.state for task in mine})
        task = self._of(caller, message.params.get("taskId"))
        if task.server.name != server.name:
            raise _unknown()
        is_cancelling = message.method == "tasks/cancel"
        if is_cancelling and not session_tasks.cancels(upstream.capabilities):
            raise unserved(message, " by this server")
        if is_cancelling and task.is_over:
            raise McpError("the task has ended", number=INVALID_PARAMS, code="task_ended", of=message.id)
        sent = messages.request(message.id or 0, message.method, {"taskId": task.theirs})
        answer = await upstream.ask(sent, seen=session_tasks.Related(seen, task.theirs, task.id))
        if message.method == "tasks/result":
            return self._fetched(task, answer)
        return self._read(task, answer)

    def _fetched(self, task: Task, answer: Message) -> Message:
        """Return what a task's call came to, which is its end; an error may be one of asking for it alone."""
        if answer.kind is not Kind.RESULT:
            return answer
        self._over(task, "completed", is_known=True, failed=answer.result.get("isError") is True)
        return session_tasks.related(answer, task.id)

    def _read(self, task: Task, answer: Message) -> Message:
        """Return how a task stands, and record its outcome where it has one. Raises: UpstreamError."""
        if answer.kind is not Kind.RESULT:
            if at(answer.error, ["code"]) == INVALID_PARAMS:
                self._end(task, "lost")
            return answer
        said = answer.result
        state, asked = said.get("status"), said.get("inputRequests", {})
        is_fit = isinstance(asked, dict) and len(asked) <= MAX_QUESTIONS
        if said.get("taskId") != task.theirs or state not in _STATES or not is_fit:
            raise _malformed(task.server, "says something else than how its task stands")
        task.state = session_tasks.told(said)
        task.asked = frozenset(cast("dict[str, object]", asked))
        task.forms = forms.asked_of(cast("dict[str, object]", asked))
        task.questions = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
        if state in _ENDED:
            failed = state != "completed" or at(said, ["result", "isError"]) is True
            self._over(task, str(state), is_known=state != "cancelled" or task.is_reading, failed=failed)
        return messages.changed(answer, {("result", "taskId"): task.id})

    def _of(self, caller: Caller, id_: object) -> Task:
        task = self._all.get(id_) if isinstance(id_, str) else None
        if task is None or not _is_of(task, caller):
            raise _unknown()
        return task

    def _make_room(self, token_id: str) -> None:
        """End the oldest task of a token that has too many; those that are over go first."""
        mine = [task for task in self._all.values() if task.caller.requester.token_id == token_id]
        if len(mine) >= MOST_OF_A_TOKEN:
            self._end(min(mine, key=lambda task: not task.is_over), "crowded")

    def _seconds(self, task: Task, said: Mapping[str, object]) -> float:
        """Return how long a task is followed: its own time, and no longer than its token is good."""
        ttl = said.get("ttlMs", said.get("ttl"))
        own = ttl / 1000 if isinstance(ttl, int) and not isinstance(ttl, bool) and ttl >= 0 else LONGEST_S
        left = task.caller.grant.expires_at.timestamp() - self._clock.now_us() / _US
        return max(0.0, min(own, LONGEST_S, left))

    def _end(self, task: Task, why: str) -> None:
        """Follow a task no more: where it still runs, its server is told, and nobody knows how it ended."""
        if self._all.pop(task.id, None) is None:
            return
        if task.timer is not None:
            task.timer.cancel()
        if task.is_over:
            return
        self._over(task, why, is_known=task.is_reading)
        if why != "lost":
            doing = asyncio.ensure_future(self._cancelled(task))
            self._cancelling.add(doing)
            doing.add_done_callback(self._cancelling.discard)

    async def _cancelled(self, task: Task) -> None:
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._cancel(task)
        except (FirewallError, TimeoutError) as error:
            code = error.code if isinstance(error, FirewallError) else "upstream_timeout"
            log.info("server=%s code=%s: a task could not be cancelled", task.server.name, code)

    def _over(self, task: Task, state: str, *, is_known: bool, failed: bool = False) -> None:
        if not task.is_over:
            task.is_over = True
            facts: dict[str, Plain] = {"judged": task.entry, "gate": "mcp", "state": state}
            self._record(task, facts | ({"reported_error": failed} if is_known else {}), is_known=is_known)

    def _record(self, task: Task, facts: dict[str, Plain], *, is_known: bool) -> None:
        kind = "tool.finished" if is_known else "tool.indeterminate"
        record = Record(kind=kind, data=facts, principal=task.caller.requester.principal)
        post(self._sequencer, Unit(records=(record,)))


def is_task(answer: Message) -> bool:
    """Tell whether a server goes on behind its answer, as the extension has it."""
    return answer.kind is Kind.RESULT and answer.result.get("resultType") == "task"


def goes_on(answer: Message) -> bool:
    """Tell whether a server goes on behind its answer to a call."""
    return is_task(answer) or session_tasks.state_of(answer) is not None


def declares(capabilities: Mapping[str, object]) -> bool:
    """Tell whether somebody declared the extension."""
    return isinstance(at(capabilities, ["extensions", EXTENSION]), dict)


def may_follow(caller: Caller) -> bool:
    """Tell whether a client said with this request that it follows tasks."""
    return is_modern(caller.version) and declares(caller.capabilities)


def _is_of(task: Task, caller: Caller) -> bool:
    """Tell whether a task is a client's: of its principal, token and session."""
    whose = task.caller.requester.principal, task.caller.requester.token_id, task.caller.session
    return whose == (caller.requester.principal, caller.requester.token_id, caller.session)


def cancelling(task: Task) -> Message:
    """Return the request by which we cancel a task ourselves."""
    if not is_modern(task.caller.version):
        return messages.request("stayhand-cancel", "tasks/cancel", {"taskId": task.theirs})
    notes = {VERSION_KEY: MODERN, CAPABILITIES_KEY: {"extensions": {EXTENSION: {}}}}
    return messages.request("stayhand-cancel", "tasks/cancel", {"taskId": task.theirs, "_meta": notes})


def _sent(message: Message, task: Task) -> Message:
    """Return a request as the server hears it: under its own id, with nothing beside that it needs not."""
    params: dict[str, object] = {
        "taskId": task.theirs,
        "_meta": {name: value for name, value in noted_of(message.meta).items() if name in _KEPT},
    }
    if message.method == "tasks/update":
        params["inputResponses"] = message.params["inputResponses"]
    return messages.request(message.id or 0, message.method, params)


def _unknown() -> McpError:
    return McpError("there is no such task for this token", number=INVALID_PARAMS, code="task_unknown")


def _undeclared(message: Message) -> McpError:
    return McpError(
        "missing required client capability",
        number=MISSING_CAPABILITY,
        code="capability_missing",
        data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        of=message.id,
    )


def _malformed(server: Server, words: str) -> UpstreamError:
    return UpstreamError(f"the MCP server `{server.name}` {words}", fault=UpstreamFault.MALFORMED)
