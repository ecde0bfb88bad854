"""A `tools/call` from judgement to answer: judged, recorded, held or refused, sent once, its outcome recorded.

INVARIANT: what is sent is the message that was judged, after the entry that says so is durable, to a server
whose tool is still the one that was judged, and each call that was released has exactly one outcome entry.
INVARIANT: nothing is ever sent twice by us that a server may have run: a call whose outcome nobody knows is told
as that. INVARIANT: what a client says about an approval (`accept`, a `requestState`) decides nothing; the approval
is looked up each time.
"""

import asyncio
import itertools
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from firewall.approvals.service import Approvals
from firewall.classify.mcp.names import flat
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Id, Kind, Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.approval import ApprovalStatus
from firewall.core.call import Served, ToolCall, tool_call
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError, FirewallError, UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init, replacer
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.work import Plain, Record, Unit
from firewall.gates.mcp import saying, session_tasks
from firewall.gates.mcp.fitting import Declared, Fitting
from firewall.gates.mcp.legs import Legs, answered, is_asking, with_params
from firewall.gates.mcp.port import Caller, NotRunError, NotSentError, Seen, Server, Upstream
from firewall.gates.mcp.port import Tools as Declarations
from firewall.gates.mcp.state import Leg, Seal, Ticket, refused
from firewall.gates.mcp.tasks import Tasks, goes_on
from firewall.gates.mcp.wish import Wish, wish_of
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.guard import Guard
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.mcp")
PROGRESS_S = 10
"""How often a held client that asked for it hears that it waits: clients give up after 30 s of silence or more."""
MAX_ROUNDS = 8
"""How often a client comes back for one answer: SDKs give up after ten."""
_US = 1_000_000
_READING = frozenset({Effect.READ, Effect.SECRET})
_NUMBERS = itertools.count(1)
_with_declared = replacer(
    Served, "description", "hints", "misfit", "has_strays", "is_ambiguous", "is_combined", "beside"
)


@fast_init
@dataclass(frozen=True, slots=True)
class _Call:
    """One call on its way."""

    server: Server
    caller: Caller
    id: Id
    wish: Wish
    judged: ToolCall
    ticket: Ticket | None
    """What a client that has come back to us brought."""
    message: Message
    """As the client sent it."""
    leg: Leg | None
    """What a client that has come back to the server brought."""

    @property
    def may_come_back(self) -> bool:
        """The client can be sent to a page and come back; what answers a server's question would be lost then."""
        return is_modern(self.caller.version) and self.caller.takes_urls and self.leg is None


@dataclass(slots=True, eq=False)
class _Sending:
    """How far the sending of a released call has come."""

    has_begun: bool = False
    """The server may have heard of it."""


@dataclass(slots=True, eq=False)
class _Waiter:
    """A request that waits for people."""

    is_taken_over: bool = False
    """A newer request of the same call waits now: its client has given this one up."""


class JudgedCalls:
    """Fills the seam `Calls`; one instance per process."""

    def __init__(
        self,
        *,
        guard: Guard,
        approvals: Approvals,
        sequencer: Sequencer,
        clock: Clock,
        tools: Declarations,
        servers: Mapping[str, Server],
        tasks: Tasks,
        progress_s: float = PROGRESS_S,
    ) -> None:
        """`tools` knows what servers declare; `servers` are all of ours, by name; `tasks` go on behind answers."""
        self._guard = guard
        self._approvals = approvals
        self._sequencer = sequencer
        self._clock = clock
        self._tools = tools
        self._begins = {name: flat(f"{name}_") for name in servers}
        """How the names of each server's tools begin, as every client writes them alike."""
        self._progress_us = int(progress_s * _US)
        self._fitting = Fitting()
        self._seal = Seal()
        self._legs = Legs(clock, self._seal, sequencer)
        self._tasks = tasks
        self._newest: dict[tuple[str, str], _Waiter] = {}
        """The newest of the requests that wait for one call."""

    def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Coroutine[None, None, Message]:
        """As `port.Calls` says. Raises: FirewallError."""
        if is_modern(caller.version) and "task" in message.params:
            message = with_params(message, task=None)  # of clients of 2025-11-25; it says nothing here (SEP-2663)
        leg = self._legs.opened(server, caller, message)
        return self._called(server, caller, (message, leg), upstream=upstream, seen=seen)

    async def _called(
        self, server: Server, caller: Caller, asked: tuple[Message, Leg | None], *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Take one leg of a call. Raises: FirewallError."""
        message, leg = asked
        await self._legs.fit(server, caller, message, leg)
        may_go_on = session_tasks.is_follower(caller) and session_tasks.serves(
            upstream.version, upstream.capabilities
        )
        wish = wish_of(message, leg, may_go_on=may_go_on)
        definition = await self._tools.tool(server, caller, wish.tool, upstream=upstream, seen=seen)
        if definition is None or message.id is None:
            raise McpError(
                f"`{server.name}` has no such tool for you now", number=INVALID_PARAMS, code="tool_unknown"
            )
        if wish.goes_on:
            session_tasks.check(definition, message)
        declared = self._fitting.of(server, wish.tool, definition)
        judged = self._judged(server, caller, wish, declared)
        ticket = self._ticket(server, caller, wish, judged)
        call = _Call(server, caller, message.id, wish, judged, ticket, message, leg)
        answer = await self._guard.judge(judged, caller.requester, takes=caller.due.collect(), heeds_denial=True)
        seen.judged(answer.entry)
        if isinstance(answer, Wait):
            return await self._held(call, answer, upstream, seen)
        if isinstance(answer, Stop):
            return saying.refused(call.id, wish.tool, answer, version=caller.version)
        return await self._sent(call, answer, upstream, seen)

    def _judged(self, server: Server, caller: Caller, wish: Wish, declared: Declared) -> ToolCall:
        """Return what the guard judges."""
        name = server.tool_name(wish.tool)
        served = _with_declared(
            server.served(wish.tool),
            description=declared.description,
            hints=declared.hints,
            misfit=declared.misfit(wish.given),
            has_strays=declared.has_strays(wish.given),
            is_ambiguous=self._is_ambiguous(server, name),
            is_combined=caller.combined,
            beside=wish.beside,
        )
        return tool_call(wish.call_id, name, wish.arguments, schema=declared.digest, served=served)

    def _is_ambiguous(self, server: Server, name: str) -> bool:
        """Tell whether some clients write a tool's name as one of another server of ours."""
        others = [begin for other, begin in self._begins.items() if other != server.name]
        if not others:
            return False
        mine, written = flat(f"{server.name}_"), flat(name)
        return any(written.startswith(other) or mine.startswith(other) for other in others)

    def _ticket(self, server: Server, caller: Caller, wish: Wish, judged: ToolCall) -> Ticket | None:
        """Return what a client brings back of an earlier answer of ours.

        Raises: McpError for what does not belong to exactly this call.
        """
        if not wish.state:
            return None
        requester = caller.requester
        now, server_id = self._clock.now_us(), server.identity
        ticket = self._seal.opened(wish.state, principal=requester.principal, server=server_id, now_us=now)
        if self._guard.mark(judged, requester) != ticket.digest:
            raise refused()
        return ticket

    async def _held(self, call: _Call, held: Wait, upstream: Upstream, seen: Seen) -> Message:
        """Hold a call as its client bears it."""
        if call.may_come_back and call.ticket is None:
            return self._come_back(call, held, 0, url=self._approvals.rules.status_address(held.approval.id))
        # A user who declines to look has decided nothing: people may still agree, and the call be made again. To
        # `cancel` is what clients say that have nobody in front of them (Claude Code with `-p`): they are held.
        if call.wish.action == "decline" or not await self._waited(call, held, seen):
            return self._waits(call, held)
        answer = await self._guard.release(held, call.caller.requester)
        match answer:
            case Go():
                return await self._sent(call, answer, upstream, seen)
            case Wait():  # asked anew meanwhile: nobody has agreed to this yet
                return self._waits(call, answer)
            case Stop():
                return self._refused(call, held, answer)

    def _waits(self, call: _Call, held: Wait) -> Message:
        return saying.waits(
            call.id, call.wish.tool, held.approval.id, entry=held.entry, version=call.caller.version
        )

    def _refused(self, call: _Call, held: Wait, stop: Stop) -> Message:
        """Return what a client hears after a hold: where nobody decided, it may come back."""
        if stop.verdict.reason is Reason.HOLD_ENDED and call.may_come_back and call.wish.action != "cancel":
            round_ = call.ticket.round + 1 if call.ticket is not None else 0
            if round_ <= MAX_ROUNDS:
                return self._come_back(call, held, round_)
        return saying.refused(call.id, call.wish.tool, stop, version=call.caller.version)

    def _come_back(self, call: _Call, held: Wait, round_: int, *, url: str = "") -> Message:
        """Have a client come back; no later than the approval could be used."""
        ticket = Ticket(
            principal=call.caller.requester.principal,
            server=call.server.identity,
            digest=self._guard.mark(call.judged, call.caller.requester),
            approval=held.approval.id,
            until_us=held.approval.expires_at + self._approvals.rules.use_within_s * _US,
            round=round_,
        )
        return saying.input_required(call.id, state=self._seal.sealed(ticket), url=url, approval=held.approval.id)

    async def _waited(self, call: _Call, held: Wait, seen: Seen) -> bool:
        """Wait for a decision as long as the client bears; False: a newer request of the same call waits."""
        key = (call.caller.requester.principal, held.approval.digest)
        older, me = self._newest.get(key), _Waiter()
        if older is not None:
            older.is_taken_over = True
        self._newest[key] = me
        try:
            await self._decided(call, held.approval.id, seen)
            return not me.is_taken_over
        finally:
            if self._newest.get(key) is me:
                del self._newest[key]

    async def _decided(self, call: _Call, approval: str, seen: Seen) -> None:
        """Return when an approval is decided, or the client's patience is over."""
        until = self._clock.now_us() + call.server.settings.hold_s * _US
        token = call.wish.progress
        for step in itertools.count(1):
            pause = until if token is None else min(until, self._clock.now_us() + self._progress_us)
            now = await self._approvals.wait(approval, until_us=pause)
            is_over = now.status is not ApprovalStatus.PENDING or self._approvals.is_draining
            if is_over or pause >= until:
                return
            if token is not None:
                await seen.say(saying.progress(token, step, approval))

    async def _sent(self, call: _Call, go: Go, upstream: Upstream, seen: Seen) -> Message:
        """Send what was judged, and record how it ended.

        Raises: FirewallError `indeterminate` where nobody knows whether something was changed.
        """
        is_reading = set(go.effects) <= _READING
        facts: dict[str, Plain] = {"judged": go.entry, "gate": "mcp"}
        sending = _Sending()
        try:
            answer = await self._ran(call, sending, upstream, seen, is_reading=is_reading)
        except asyncio.CancelledError:
            self._finished(call, {**facts, "fault": "cancelled"}, is_known=is_reading or not sending.has_begun)
            raise
        except FirewallError as error:
            log.warning("server=%s code=%s detail=%s", call.server.name, error.code, error.detail)
            # without its credential nothing was sent either
            is_known = is_reading or not sending.has_begun or isinstance(error, ConfigError)
            fault = error.fault.value if isinstance(error, UpstreamError) else error.code
            self._finished(call, {**facts, "fault": fault}, is_known=is_known)
            raise error if is_known else _indeterminate(error) from error
        if goes_on(answer):
            return self._tasks.begun(
                call.server,
                call.caller,
                call.judged,
                entry=go.entry,
                is_reading=is_reading,
                answer=answer,
                was_asked=call.wish.goes_on,
            )
        failed = answer.kind is Kind.ERROR or answer.result.get("isError") is True
        state = {"state": "input_required"} if is_asking(answer) else {}
        self._finished(call, {**facts, "reported_error": failed, **state}, is_known=True)
        return await self._asked(call, answer, upstream, seen) if is_asking(answer) else answer

    async def _ran(
        self, call: _Call, sending: _Sending, upstream: Upstream, seen: Seen, *, is_reading: bool
    ) -> Message:
        """Send a call, where its tool is still what was judged; a session that was lost is tried anew, once.

        Raises: FirewallError; `sending` tells then whether the server may have heard of it.
        """
        for is_last in (False, True):
            await self._unchanged(call, upstream, seen)
            if not is_reading:
                seen.begun()
            sending.has_begun = True
            try:
                return await upstream.ask(call.wish.forwarded, seen=seen)
            except NotSentError:
                sending.has_begun = False
                if is_last:
                    raise
            except NotRunError:
                sending.has_begun = False
                raise
        raise AssertionError("the last try returns or raises")

    async def _unchanged(self, call: _Call, upstream: Upstream, seen: Seen) -> None:
        """Hold the tool against its pin again: while people decided, or a session was lost, it may have changed.

        Raises: NotSentError `tool_changed`; FirewallError where that cannot be told.
        """
        tool = call.wish.tool
        now = await self._tools.tool(call.server, call.caller, tool, upstream=upstream, seen=seen)
        if now is None or self._fitting.of(call.server, tool, now).digest != call.judged.schema:
            raise NotSentError(
                f"`{tool}` of `{call.server.name}` is not the tool any more that was judged: it was not called",
                fault=UpstreamFault.REJECTED,
                code="tool_changed",
            )

    async def _asked(self, call: _Call, answer: Message, upstream: Upstream, seen: Seen) -> Message:
        """Return a server's question as the client hears it; the client of a session is asked here and now.

        What it answers is judged with the call, as a call of its own.
        """
        server, caller, message = call.server, call.caller, call.message
        leg = self._legs.next(server, caller, message, answer, before=call.leg)
        if is_modern(caller.version):
            return self._legs.given(leg, answer)
        brought = with_params(message, inputResponses=await answered(server, answer, seen))
        return await self._called(server, caller, (brought, leg), upstream=upstream, seen=seen)

    def _finished(self, call: _Call, facts: dict[str, Plain], *, is_known: bool) -> None:
        record = Record(
            kind="tool.finished" if is_known else "tool.indeterminate",
            data=facts,
            principal=call.caller.requester.principal,
        )
        post(self._sequencer, Unit(records=(record,)))


def _indeterminate(error: FirewallError) -> FirewallError:
    """Say honestly that it may have happened, where nobody knows."""
    return FirewallError(
        f"{error.public}; it may have happened all the same: look before you repeat it",
        code="indeterminate",
        status=error.status,
    )
