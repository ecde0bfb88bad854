"""One model call: ask the provider, rule on every tool call of the answer, hand out what may leave.

Most answers pass straight through the connection that asked. Only when a call must wait for people does the
answer become a `Hold` with a life of its own, which this connection follows and a later one may join.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Send

from firewall.approvals.service import Approvals
from firewall.codecs.interface import Codec, ModelRequest, Pending, Usage
from firewall.core.dialect import Dialect
from firewall.core.errors import AuthError, FirewallError, ProtocolError, UpstreamError, UpstreamFault
from firewall.core.ports import Timer
from firewall.gates.edge.send import Connection, Headers, send_end, send_head, send_piece, send_whole
from firewall.gates.models.admit import request_digest
from firewall.gates.models.clients import KEEPALIVE_S, Client, hold_seconds
from firewall.gates.models.continuing import Continuing
from firewall.gates.models.errors import error_answer
from firewall.gates.models.fields import JSON_TYPE, NO_STORE, STREAM_TYPE, content_type, passed
from firewall.gates.models.held import SPENT, SPENT_TEXT, Hold, Holds, Judged, Waiting, judge_calls
from firewall.gates.models.naming import told
from firewall.gates.models.origin import Origin
from firewall.gates.models.paying import cost_header, heard, unheard
from firewall.gates.models.pulse import Pulse
from firewall.gates.models.restarting import Restarting
from firewall.gates.models.ruler import AnswerRuler, Ruler, StreamRuler
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.routing.call import Attempt, Heard, Routed, UnansweredError
from firewall.routing.port import UpstreamResponse
from firewall.routing.trying.answers import Kept
from firewall.spend.meter import Meter

_MAX_ERROR_BYTES = 1 << 20
_REVOKED = "the token was revoked while the answer was under way"
Open = Callable[[list[Attempt]], Awaitable[Routed]]
"""Asks whoever may answer; every request that is sent for that is added to the list."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every exchange of the gate works with."""

    guard: Guard
    approvals: Approvals
    holds: Holds
    clock: Timer
    hold_s: int
    max_answer_bytes: int
    continues: bool = False
    """Refusals are told to the model where it may speak instead (`on_refusal = "continue"`)."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request on one connection."""

    means: Means
    request: ModelRequest
    requester: Requester
    client: Client
    dialect: Dialect
    codec: Codec
    headers: Headers
    """Ours, on every answer: entry, model, route."""
    receive: Receive
    send: Send
    meter: Meter | None = None
    """The call's money; None in what costs none."""
    outcome: str = "ok"
    """A short stable word for the log: `ok`, `client_gone`, `token_revoked`, or an error's code."""
    ruler: Ruler | None = None
    continuing: Continuing | None = None
    """How refusals are told to the model; None: they are explained to the client."""
    restarting: Restarting | None = None
    """How an answer that breaks off begins again; None: it ends in an error."""
    heard: Heard | None = None
    """Who answers, or who was tried; None: nobody yet."""
    traceparent: str = ""
    """The agent's place in its trace, as it says."""
    asked_us: int = 0
    """When the first provider was asked."""
    first_us: int = 0
    """When the first piece of a streamed answer left; 0: none has."""
    earlier_micros: int | None = 0
    """What the requests cost that the present one goes on from; None: not known."""
    is_started: bool = False
    _cause: str = ""
    _task: "asyncio.Task[object] | None" = None
    _sent: int = 0
    _has_used: bool = False
    """A call of this answer was released by an approval: it is this connection's alone."""
    _connection: Connection | None = None
    _pulse: Pulse | None = None
    _upstream: tuple[UpstreamResponse, ...] = ()
    _told: Sequence[tuple[bytes, bytes]] = ()
    _routed: Routed | None = None
    held: Hold | None = None
    """The hold that this exchange's answer has become."""
    _base: Sequence[tuple[bytes, bytes]] = ()

    @property
    def usage(self) -> Usage:
        """Tokens seen so far, as whoever answered counts them."""
        if self.continuing is not None:
            return self.continuing.used(self.ruler)
        counted = self._routed.usage if self._routed is not None else None
        if counted is not None:
            return counted
        return self.ruler.usage if self.ruler else Usage()

    def _left(self) -> None:
        self.interrupt("client_gone")

    def interrupt(self, cause: str) -> None:
        """End the exchange from outside: `client_gone` or `token_revoked`."""
        if not self._cause and self._task is not None:
            self._cause = cause
            self._task.cancel()

    def ask(self, open_upstream: Open) -> Coroutine[None, None, None]:
        """Call the provider and answer this connection.

        Raises: FirewallError when nothing was sent yet; afterwards errors end the stream in its own form.
        """
        return self._watched(self._ask(open_upstream))

    async def join(self, hold: Hold) -> None:
        """Take over a hold that an earlier, equal request started."""
        self.ruler = hold.ruler
        self._base = self.headers
        self.headers = [*self._base, *hold.told]
        await self._watched(self._follow(hold))

    async def say(self, text: str) -> None:
        """Answer with a text of ours, in the client's form, without asking the provider."""
        body = self.codec.refusal(self.request, text)
        if self.request.stream:
            await self._send_stream(self.codec.stream_of(body))
        else:
            await send_whole(self.send, 200, [*self.headers, JSON_TYPE, NO_STORE], body)

    @property
    def _origin(self) -> Origin:
        return Origin(self.dialect, self.request.identity)

    async def _judge_calls(self, ruler: Ruler, calls: Sequence[Pending]) -> Judged:
        return await judge_calls(self.means.guard, self.requester, ruler, calls, self._origin)

    async def _watched(self, work: Awaitable[None]) -> None:
        self._task = asyncio.current_task()
        connection = self._connection = Connection(self.receive, self._left)
        try:
            await work
        except asyncio.CancelledError:
            if not self._cause or self._task is None:
                raise
            self._task.uncancel()
            self.outcome = self._cause
            await self._end_interrupted()
        finally:
            connection.close()
            self._task = self._connection = self._pulse = None  # they hold what holds this: no circle is left
            for response in self._upstream:
                response.close()
            if self.restarting is not None and self.held is None:
                self.restarting.close()
            if self.continuing is not None and self.held is None:
                self.continuing.close()

    async def _end_interrupted(self) -> None:
        """End what was interrupted in the client's form.

        Raises: AuthError when nothing was sent yet and the token is the cause.
        """
        if self._cause == "client_gone":
            return
        if self.ruler is not None:
            self.ruler.abort(self._cause, _REVOKED)
        if not self.is_started:
            raise AuthError(detail=self._cause)
        if isinstance(self.ruler, StreamRuler):
            await self._flush()
        else:
            await self._send_abort(self._cause, _REVOKED)
        await send_end(self.send)

    async def _send_abort(self, code: str, message: str) -> None:
        """Send the dialect's terminal error event on a stream that has no frames of its own."""
        await send_piece(self.send, self.codec.stream().abort(code, message))

    async def _ask(self, open_upstream: Open) -> None:
        self.asked_us = self.means.clock.now_us()
        trail: list[Attempt] = self.restarting.trail if self.restarting is not None else []
        try:
            response = await open_upstream(trail)
        except BaseException as error:
            self._unanswered(error, trail)
            raise
        self._routed = response
        if self.meter is not None:
            heard(self.meter, response)
        self._upstream = (response,)
        self.heard = response.heard
        self._base = self.headers
        self._told = told(response.heard, attempts=response.heard.attempts)
        if self.continuing is not None:
            self.continuing.attempts, self.continuing.routed = response.heard.attempts, response
        self.headers = [*self._base, *self._told]
        kind = content_type(response)
        if not 200 <= response.status < 300:
            await self._pass_error(response, kind)
        elif kind == "text/event-stream" and self.request.stream:
            await self._stream(response)
        elif kind == "application/json":
            await self._whole(response)
        else:
            raise UpstreamError(
                "the provider answered with something that is no answer",
                fault=UpstreamFault.MALFORMED,
                detail=f"content-type `{kind[:80]}`",
            )

    def _unanswered(self, error: BaseException, trail: list[Attempt]) -> None:
        """Note who was asked in vain; who leaves has asked too: a provider may be working, and charge for it."""
        if isinstance(error, UnansweredError):
            self.heard = error.heard
        if self.meter is not None:
            unheard(self.meter, trail)

    def _cost(self) -> Headers:
        """Return what an answer that comes whole says of its cost, where that is known."""
        return cost_header(self.meter, self.usage, earlier=self.earlier_micros) if self.meter is not None else []

    async def _pass_error(self, response: UpstreamResponse, kind: str) -> None:
        body = await response.read(_MAX_ERROR_BYTES)
        self.outcome = f"provider_{response.status}"
        is_error = 400 <= response.status <= 599
        if kind != "application/json" or not is_error:
            error = ProtocolError(
                f"the provider answered with status {response.status}",
                code="upstream_rejected",
                status=response.status if is_error else 502,
            )
            status, headers, body = error_answer(error, self.dialect, self.client)
            await send_whole(self.send, status, [*self.headers, *headers], body)
            return
        await send_whole(self.send, response.status, [*self.headers, *passed(response), JSON_TYPE, NO_STORE], body)

    async def _stream(self, response: Routed) -> None:
        ruler = StreamRuler(
            self.codec,
            max_bytes=self.means.max_answer_bytes,
            hides_usage=self.request.hides_usage,
            defers=self.continuing is not None,
            restarter=self.restarting.restarter if self.restarting is not None else None,
        )
        self.ruler = ruler
        await self._start_stream(response)
        self._pulse = Pulse(self._beat, KEEPALIVE_S)
        try:
            if await self._streamed(ruler, response):
                return
            while self.continuing is not None and self.ruler.refused:
                found = await self.continuing.go_on(self.ruler)
                if found is None or not isinstance(found[0], StreamRuler):
                    break
                self.ruler, self._routed = found
                if await self._streamed(found[0], found[1]):
                    return
        except FirewallError as error:
            self.outcome = error.code
            self.ruler.abort(error.code, error.public)
        finally:
            self._pulse.stop()
        if self.ruler.error is not None:
            self.outcome = self.ruler.error.code
        await self._flush()
        await send_end(self.send)

    async def _streamed(self, ruler: StreamRuler, response: Routed) -> bool:
        """Rule on an answer, and on those that take its place; True when one became a hold and was followed."""
        while True:
            broke: UpstreamError | None = None
            try:
                if await self._ruled(ruler, response):
                    return True
            except UpstreamError as error:
                broke = error
            if self.restarting is None or not (broke or ruler.has_broken_off):
                found = None
            else:
                found = await self.restarting.again(ruler, response, self.meter, self.usage)
                self.heard = self.restarting.heard or self.heard
            if found is not None:
                self.ruler, self._routed = ruler, response = found
                self._told = told(response.heard, attempts=response.heard.attempts)
                if self.continuing is not None:
                    self.continuing.attempts, self.continuing.routed = response.heard.attempts, response
            elif broke is not None:
                raise broke
            else:
                ruler.give_up()
                return False

    async def _ruled(self, ruler: StreamRuler, response: Routed) -> bool:
        """Rule on an answer as it arrives; True when it became a hold and has been followed to its end."""
        chunks = response.chunks()
        async for chunk in chunks:
            calls = ruler.feed(chunk)
            if self.meter is not None and not await self.meter.pay(len(chunk)):
                self.outcome = SPENT
                ruler.abort(SPENT, SPENT_TEXT)
                return False
            if self._sent != len(ruler.out):
                await self._flush()
                if self._pulse is not None:
                    self._pulse.sent()
            if calls and await self._judge(ruler, calls, chunks):
                return True
            if ruler.done or ruler.has_broken_off:
                return False
        calls = ruler.close()
        return bool(calls) and await self._judge(ruler, calls, None)

    async def _beat(self) -> None:
        """The provider is silent, or what it sends is held until it is known what it belongs to."""
        piece = self.ruler.keepalive(self.client.name) if self.ruler else b""
        if piece:
            await send_piece(self.send, piece)

    async def _judge(
        self, ruler: StreamRuler, calls: Sequence[Pending], rest: AsyncIterator[bytes] | None
    ) -> bool:
        """Judge complete calls; True when the answer became a hold and has been followed to its end."""
        judged = await self._judge_calls(ruler, calls)
        self._has_used |= judged.has_used
        await self._flush()
        if judged.waiting:
            await self._hold(ruler, judged.waiting, rest)
        return bool(judged.waiting)

    async def _whole(self, response: Routed) -> None:
        body = await response.read(self.means.max_answer_bytes)
        read = response.answer if isinstance(response, Kept) else None
        ruler = AnswerRuler(self.codec, body, read, defers=self.continuing is not None)
        self.ruler = ruler
        if ruler.calls and await self._judge_whole(ruler):
            return
        while self.continuing is not None and ruler.refused:
            found = await self.continuing.go_on(ruler)
            if found is None or not isinstance(found[0], AnswerRuler):
                break
            self.ruler = ruler = found[0]
            self._routed = response = found[1]
            self.headers = [*self._base, *told(response.heard, attempts=self.continuing.attempts)]
            if ruler.calls and await self._judge_whole(ruler):
                return
        if self.request.stream:
            await self._send_stream(ruler.as_stream())
        else:
            fields = [*self.headers, *self._cost(), *passed(response), JSON_TYPE, NO_STORE]
            await send_whole(self.send, 200, fields, ruler.as_answer())

    async def _judge_whole(self, ruler: AnswerRuler) -> bool:
        """Judge the calls of a whole answer; True when it became a hold and has been followed to its end."""
        judged = await self._judge_calls(ruler, ruler.calls)
        self._has_used |= judged.has_used
        if judged.waiting:
            await self._hold(ruler, judged.waiting, None)
        return bool(judged.waiting)

    async def _hold(self, ruler: Ruler, waiting: list[Waiting], rest: AsyncIterator[bytes] | None) -> None:
        if self._pulse is not None:
            self._pulse.stop()  # a hold keeps its clients waiting itself
        means = self.means
        hold = Hold(
            key=(self.requester.principal, request_digest(self.dialect, self.request)),
            requester=self.requester,
            ruler=ruler,
            guard=means.guard,
            approvals=means.approvals,
            clock=means.clock,
            origin=self._origin,
            waiting=waiting,
            is_spent=self._has_used,
            told=self._told,
            meter=self.meter,
            continuing=self.continuing,
        )
        self.held = hold
        upstream, self._upstream = self._upstream, ()
        anew = [self.restarting.close] if self.restarting is not None else []
        means.holds.start(hold, rest, [*(response.close for response in upstream), *anew])
        await self._follow(hold)

    async def _follow(self, hold: Hold) -> None:
        """Stay with a hold until its answer is over, another connection takes over, or this one ends."""
        loop = asyncio.get_running_loop()
        patience = hold_seconds(self.client, hold_s=self.means.hold_s, is_streamed=self.request.stream)
        deadline = loop.time() + patience
        if self._connection is not None:
            self._connection.watch()  # who leaves now must not be given what people approve
        generation = hold.attach(self.requester)
        try:
            if self.request.stream:
                await self._start_stream(None)
            while not hold.ruler.done:
                if generation != hold.generation:
                    await self._superseded()
                    return
                await self._flush_held(hold)
                left_s = deadline - loop.time()
                if left_s <= 0:
                    hold.conclude()
                    left_s = KEEPALIVE_S
                if not await hold.changed(min(KEEPALIVE_S, left_s)):
                    await self._keep_alive(hold)
            if generation != hold.generation:  # taken over while this connection was busy sending
                await self._superseded()
                return
            await self._deliver(hold)
        finally:
            hold.detach(generation)
        self.means.holds.forget(hold)

    async def _deliver(self, hold: Hold) -> None:
        self.ruler = ruler = hold.ruler
        if ruler.error is not None:
            self.outcome = ruler.error.code
        if self._is_live(hold):
            await self._flush()
            await send_end(self.send)
        elif self.request.stream:
            if ruler.error is not None:
                await self._send_abort(ruler.error.code, ruler.error.public)
            else:
                await send_piece(self.send, ruler.as_stream())
            await send_end(self.send)
        else:
            fields = [*self._base, *hold.told, *self._cost(), JSON_TYPE, NO_STORE]
            await send_whole(self.send, 200, fields, ruler.as_answer())

    def _is_live(self, hold: Hold) -> bool:
        """A streaming client of a streamed answer gets frames as they are ruled on."""
        return self.request.stream and isinstance(hold.ruler, StreamRuler)

    async def _flush_held(self, hold: Hold) -> None:
        self.ruler = hold.ruler  # another one, where it went on after refusals; what was given out stays
        if self._is_live(hold):
            await self._flush()

    async def _keep_alive(self, hold: Hold) -> None:
        if self.request.stream:
            piece = hold.ruler.keepalive(self.client.name)
            if piece:
                await send_piece(self.send, piece)

    async def _superseded(self) -> None:
        self.outcome = "superseded"
        if self.is_started:
            await self._send_abort("superseded", "the same request was sent again and waits there")
            await send_end(self.send)
            return
        raise ProtocolError("the same request was sent again and waits there", code="superseded", status=409)

    async def _flush(self) -> None:
        if self.ruler is None or self._sent == len(self.ruler.out):
            return
        out = self.ruler.out
        piece = out[-1] if len(out) == self._sent + 1 else b"".join(out[self._sent :])
        self._sent = len(out)
        if not self.first_us:
            self.first_us = self.means.clock.now_us()
        await send_piece(self.send, piece)

    async def _start_stream(self, response: UpstreamResponse | None) -> None:
        if self.is_started:
            return
        self.is_started = True
        fields = passed(response) if response else []
        await send_head(self.send, 200, [*self.headers, *fields, STREAM_TYPE, NO_STORE])

    async def _send_stream(self, stream: bytes) -> None:
        await self._start_stream(None)
        await send_piece(self.send, stream)
        await send_end(self.send)
