"""Sending what was judged to a target with its credential, passing the answer on, and recording how it ended.

INVARIANT: what is sent is decoded from the bytes that were judged, after the entry that says so is durable; each
request has exactly one outcome entry. A request whose outcome nobody knows is never repeated by us.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from starlette.types import Send

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.masking import Masker
from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init, maker
from firewall.core.grant import Verb
from firewall.core.outgoing import Outgoing, decode
from firewall.core.ports import Clock, Sequencer
from firewall.core.target import TargetKind
from firewall.core.work import Plain, record_of, unit_of
from firewall.gates.edge.body import ClientGoneError
from firewall.gates.edge.send import send_end, send_head, send_piece, send_whole
from firewall.gates.infra import fields, problem, sockets
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.frames import Frames
from firewall.gates.infra.redirects import pointing_here, without_location
from firewall.gates.infra.relay import Ending, Relay
from firewall.gates.infra.running import Exchange, revoking
from firewall.gates.infra.sockets import Socket
from firewall.gates.infra.targets import Target
from firewall.guard.answer import Go, Stop
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.routing.port import Endpoint, UpstreamRequest, UpstreamResponse, request_of
from firewall.routing.switching import Switched, SwitchingUpstream
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.infra")
_READING = frozenset({Effect.READ, Effect.SECRET})
_MOST_AT_ONCE = 64 << 20
"""An answer that comes whole is much shorter."""
_WITHOUT_CONTENT = frozenset({204, 304})


@fast_init
@dataclass(frozen=True, slots=True)
class Asked:
    """A request of an agent, checked; whether it was judged is the caller's to know."""

    target: Target
    requester: Requester
    call: ToolCall
    signature: str = ""
    """Of requests to AWS: good for one change."""
    socket: Socket | None = None
    """It asks to go on as a WebSocket."""


asked_of = maker(Asked)
"""Makes what was asked."""


class Shape(Protocol):
    """How refusals are written."""

    def of_error(self, error: FirewallError) -> problem.Answer:
        """Return status, headers and body for an error of ours."""
        ...

    def of_stop(self, target: str, stop: Stop) -> problem.Answer:
        """Return the same for a request that was not sent."""
        ...


@dataclass(slots=True)
class _Way:
    """One request on its way: what its outcome entry says, and whether the agent has been answered."""

    asked: Asked
    go: Go
    send: Send
    outgoing: Outgoing
    facts: dict[str, Plain] = field(default_factory=dict)
    is_answered: bool = False


_way_of = maker(_Way)


class Courier:
    """Sends what was judged; one instance per process."""

    def __init__(
        self,
        *,
        guard: Guard,
        upstream: SwitchingUpstream,
        sequencer: Sequencer,
        clock: Clock,
        aws: AwsDoor,
        detector: Callable[[], Detector],
    ) -> None:
        """`detector` tells what credentials look like, by the policies in force."""
        self._guard = guard
        self._upstream = upstream
        self._sequencer = sequencer
        self._clock = clock
        self._aws = aws
        self._detector = detector
        self._running: set[Exchange] = set()
        self._tunnels = 0
        self.revoked = revoking(self._running)
        """Ends what is under way for a token that was revoked, and for its children."""

    @property
    def is_full(self) -> bool:
        """No further request can go on as a WebSocket now."""
        return self._tunnels >= sockets.MOST

    async def send_on(self, asked: Asked, go: Go, send: Send, shape: Shape) -> None:
        """Send what was judged, pass the answer on, and record how it ended."""
        facts: dict[str, Plain] = {"judged": go.entry, "gate": asked.requester.gate}
        way = _way_of(asked, go, send, decode(asked.call.arguments), facts)
        is_reading = _READING.issuperset(go.effects)
        try:
            with Exchange(self._running, asked.requester.lineage, may_end=is_reading) as exchange:
                endpoint, request = self._request(asked, way.outgoing, is_reading=is_reading)
                if asked.socket is None:
                    async with await self._upstream.open(endpoint, request) as response:
                        exchange.answered()
                        await self._pass_on(way, request, response)
                else:
                    await self._switch(way, asked.socket, endpoint, request, exchange)
        except UpstreamError as error:
            log.warning("target=%s code=%s detail=%s", asked.target.spec.name, error.code, error.detail)
            is_known = is_reading or "status" in way.facts
            self._finished(asked, {**way.facts, "fault": error.fault.value}, is_known=is_known)
            if not way.is_answered:
                await send_whole(send, *shape.of_error(error if is_reading else problem.indeterminate(error)))
            return
        except FirewallError as error:
            self._finished(asked, {**way.facts, "fault": error.code}, is_known=True)
            if not way.is_answered:
                await send_whole(send, *shape.of_error(error))
            return
        self._finished(asked, way.facts, is_known=True)

    async def _pass_on(self, way: _Way, request: UpstreamRequest, response: UpstreamResponse) -> None:
        """Pass an answer on, masked."""
        way.facts["status"] = response.status
        masker = self._masker(way.asked, way.outgoing)
        head = self._head(way.asked, response, request, is_masking=masker.hides)
        head.append((b"x-stayhand-entry", b"%d" % way.go.entry))
        if response.comes_whole and response.status not in _WITHOUT_CONTENT and way.outgoing.method != "HEAD":
            whole = masker.whole(await response.read(_MOST_AT_ONCE))
            way.is_answered = True
            await send_whole(way.send, response.status, head, whole)
        else:
            pieces = _pieces(response, way.outgoing.method, masker)
            if is_coded(response.raw_fields):
                pieces = await begun(pieces)
            way.is_answered = True
            await _relay(way.send, response.status, head, pieces)
        way.facts["masked"] = masker.masked

    async def _switch(
        self, way: _Way, socket: Socket, endpoint: Endpoint, request: UpstreamRequest, exchange: Exchange
    ) -> None:
        """Ask a target to go on as a WebSocket, and go on where it agrees; what it says instead is passed on.

        Raises: UpstreamError where it does as if nothing had been asked.
        """
        answer = await self._upstream.switch(endpoint, request, socket.handshake(way.outgoing))
        if isinstance(answer, Switched):
            exchange.answered()
            await self._tunnel(way, socket, request, answer)
            return
        async with answer as response:
            exchange.answered()
            way.facts["status"] = response.status
            if response.status < 300:
                raise UpstreamError(
                    f"`{endpoint.name}` answered {response.status} instead of going on as a websocket",
                    fault=UpstreamFault.MALFORMED,
                )
            await self._pass_on(way, request, response)

    async def _tunnel(self, way: _Way, socket: Socket, request: UpstreamRequest, switched: Switched) -> None:
        """Carry bytes both ways until it ends; what went there stands in the outcome, however it ends."""
        relay, requester = Relay(), way.asked.requester
        limits = way.asked.target.sockets
        head = [(b"sec-websocket-accept", socket.proof()), (b"x-stayhand-entry", b"%d" % way.go.entry)]
        if switched.chosen:
            head.append((b"sec-websocket-protocol", switched.chosen.encode("ascii")))
        forms = request.credential.secret.spellings if request.credential else ()
        frames = Frames(
            lambda: self._masker(way.asked, way.outgoing, keeps_length=True),
            protocol=switched.chosen,
            is_cluster=way.asked.target.spec.kind is TargetKind.KUBERNETES,
            forms=forms,
        )
        way.is_answered = True
        way.facts["status"] = 101
        self._tunnels += 1
        try:
            agent = socket.upgrade.accept(head)
            left_s = requester.grant.expires_at.timestamp() - self._clock.now_us() / 1e6
            if limits is not None:
                bounded = replace(limits, total_s=max(0.0, min(limits.total_s, left_s)))
                await relay.run(agent, switched.tunnel, bounded, frames)
        except ClientGoneError:
            relay.ended = Ending.CLIENT
        finally:
            self._tunnels -= 1
            switched.tunnel.close()
            way.facts |= {**relay.facts(), "masked": frames.masked}

    def _head(
        self, asked: Asked, response: UpstreamResponse, request: UpstreamRequest, *, is_masking: bool
    ) -> list[tuple[bytes, bytes]]:
        """Return the header fields of an answer that go to the agent.

        Raises: RedirectError for a redirect that leaves the target.
        """
        return fields.returned(
            _pointing(asked, response, request.path),
            request.credential.secret if request.credential else None,
            is_head=request.method == "HEAD",
            detector=self._detector() if is_masking else None,
        )

    def _masker(self, asked: Asked, outgoing: Outgoing, *, keeps_length: bool = False) -> Masker:
        """Return what finds credentials in an answer, and hides them from agents that may not see any."""
        requester, words = asked.requester, f"answer of {asked.call.name}: {outgoing.method} {outgoing.path}"
        hides = Verb.SECRET not in requester.grant.verbs
        return Masker(
            self._detector(),
            hides=hides,
            found=lambda value: self._guard.note(requester, value, words),
            keeps_length=keeps_length,
        )

    def _finished(self, asked: Asked, facts: dict[str, Plain], *, is_known: bool) -> None:
        record = record_of(
            kind="tool.finished" if is_known else "tool.indeterminate",
            data=facts,
            principal=asked.requester.principal,
        )
        post(self._sequencer, unit_of(records=(record,)))

    def _request(self, asked: Asked, outgoing: Outgoing, *, is_reading: bool) -> tuple[Endpoint, UpstreamRequest]:
        """Add the credential to what was judged.

        Raises: FirewallError when there is none, or a signature was used before.
        """
        target = asked.target
        if target.spec.kind is not TargetKind.AWS:
            return target.endpoint, _request(target, outgoing)
        if not is_reading:
            self._aws.use(asked.signature)
        return self._aws.request(target, outgoing)


def _request(target: Target, outgoing: Outgoing) -> UpstreamRequest:
    return request_of(
        method=outgoing.method,
        path=outgoing.path,
        query=outgoing.query,
        fields=[
            (name.encode("ascii"), value.encode("latin-1"))
            for name, value in outgoing.headers
            if name not in sockets.OURS
        ],
        body=outgoing.body,
        credential=target.credential(),
        verbatim=True,
        redirects=True,
    )


def _pointing(asked: Asked, response: UpstreamResponse, path: str) -> list[tuple[bytes, bytes]]:
    """Return the answer's fields with addresses that lead back here, where the agent came in by ours."""
    target = asked.target
    if asked.requester.gate != "infra":
        return response.raw_fields
    if target.spec.kind is TargetKind.AWS:
        return without_location(response.raw_fields)
    return pointing_here(
        response.status,
        response.raw_fields,
        name=target.spec.name,
        base_url=target.endpoint.base_url,
        path=path,
        raw_paths=target.raw_paths,
    )


def is_coded(raw: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether an answer came in a content coding, which nobody had asked for."""
    return any(name.lower() == b"content-encoding" and value.strip().lower() != b"identity" for name, value in raw)


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the same pieces once the first is there: a coding that cannot be undone is an error before the head.

    Raises: UpstreamError.
    """
    first = await anext(pieces, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


async def _relay(send: Send, status: int, head: list[tuple[bytes, bytes]], pieces: AsyncIterator[bytes]) -> None:
    await send_head(send, status, head)
    async for piece in pieces:
        await send_piece(send, piece)
    await send_end(send)


async def _pieces(response: UpstreamResponse, method: str, masker: Masker) -> AsyncIterator[bytes]:
    """Yield the answer's body as `masker` lets it through."""
    if method == "HEAD":
        return
    is_first = True
    async for piece in response.chunks():
        passed = masker.pass_on(piece, is_first=is_first)
        is_first = False
        if passed:
            yield passed
    if rest := masker.finish():
        yield rest
