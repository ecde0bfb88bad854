"""The infrastructure gate as an ASGI application: `/infra/{target}/{path}`, judged, then sent with our credential.

INVARIANT: what is sent is decoded from the bytes that were judged, after the entry that says so is durable. A
request whose outcome nobody knows is never repeated by us; the agent is told that it may have happened.
"""

import itertools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Receive, Scope, Send

from firewall.approvals.service import Approvals
from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.masking import Masker
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import FirewallError, ProtocolError, UpstreamError
from firewall.core.grant import Verb, permits_target
from firewall.core.outgoing import Outgoing, decode
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.target import TargetKind
from firewall.core.verdict import Deny
from firewall.core.work import Plain, Record, Unit
from firewall.gates.edge import rates
from firewall.gates.edge.body import read_body
from firewall.gates.edge.doorkeeper import Doorkeeper, requester_of, token_of
from firewall.gates.edge.send import send_end, send_head, send_piece, send_whole
from firewall.gates.infra import fields, problem
from firewall.gates.infra.aws.answer import Refusals
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.paths import TargetError, checked, place_of
from firewall.gates.infra.redirects import pointing_here, without_location
from firewall.gates.infra.running import Exchange, revoking
from firewall.gates.infra.targets import Target
from firewall.guard.foreign import Foreign
from firewall.guard.guard import Go, Guard, Stop, Wait
from firewall.guard.requester import Requester
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.infra")
_NUMBERS = itertools.count(1)
"""Names of requests within this process: they tell answers apart and mean nothing more."""
GATE = "gate"
"""The key in a scope's state under which another gate of ours says that it has passed a request on."""
_READING = frozenset({Effect.READ, Effect.SECRET})
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHOUT_CONTENT = frozenset({204, 304})


class ForeignCredentialError(FirewallError):
    """A request that brings a credential which we did not issue."""

    code = "credential_foreign"
    status = 403


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request of an agent, checked and not yet judged."""

    target: Target
    requester: Requester
    call: ToolCall
    signature: str = ""
    """Of requests to AWS: good for one change."""


class Shape(Protocol):
    """How refusals are written."""

    def of_error(self, error: FirewallError) -> problem.Answer:
        """Return status, headers and body for an error of ours."""
        ...

    def of_stop(self, target: str, stop: Stop) -> problem.Answer:
        """Return the same for a request that was not sent."""
        ...


class InfraGate:
    """Serves targets; one instance per process."""

    def __init__(
        self,
        *,
        targets: Mapping[str, Target],
        guard: Guard,
        approvals: Approvals,
        doorkeeper: Doorkeeper,
        upstream: Upstream,
        sequencer: Sequencer,
        clock: Clock,
        aws: AwsDoor,
        detector: Callable[[], Detector],
    ) -> None:
        """`detector`: what credentials look like, by the policies in force."""
        self._targets = targets
        self._aws = aws
        self._guard = guard
        self._approvals = approvals
        self._doorkeeper = doorkeeper
        self._upstream = upstream
        self._sequencer = sequencer
        self._clock = clock
        self._detector = detector
        self._running: set[Exchange] = set()
        self.revoked = revoking(self._running)
        """Ends what is under way for a token that was revoked, and for its children."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; refusals are problem documents, or what AWS programs read."""
        shape: Shape = problem
        try:
            name, path = place_of(scope["raw_path"])
            target = self._targets.get(name)
            if target is not None and target.spec.kind is TargetKind.AWS:
                shape = Refusals(scope["headers"])
                asked = await self._read_aws(scope, receive, target, path)
            else:
                asked = await self._read(scope, receive, name, path)
            await rates.draw(self._sequencer, asked.requester)
            answer = await self._judge(asked)
        except FirewallError as error:
            if error.detail:
                log.info("code=%s detail=%s", error.code, error.detail)
            await send_whole(send, *shape.of_error(error))
            return
        if isinstance(answer, Stop):
            await send_whole(send, *shape.of_stop(asked.target.spec.name, answer))
            return
        await self._send_on(asked, answer, send, shape)

    async def _read(self, scope: Scope, receive: Receive, name: str, path: bytes) -> _Asked:
        """Check token, target, path and fields, then read the body.

        Raises: FirewallError.
        """
        held: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in held}
        source = scope["client"][0] if scope.get("client") else ""
        requester = requester_of(
            await self._doorkeeper.bearer(headers, source), gate=_gate_of(scope), client="other"
        )
        target = self._targets.get(name)
        if target is None or not permits_target(requester.grant, target.spec):
            raise TargetError(f"there is no target `{name}` for this token")
        method = str(scope["method"])
        if method not in _METHODS:
            raise ProtocolError(f"`{method[:20]}` is not sent to targets", code="method_refused", status=405)
        await self._refuse_foreign(requester, target, fields.foreign_in(held, token_of(headers)))
        outgoing = Outgoing(
            method=method,
            path=checked(path, raw=target.raw_paths),
            query=_query(scope["query_string"]),
            headers=tuple(fields.outgoing(held, injected=target.header)),
            body=await read_body(receive, target.max_body_bytes),
        )
        if outgoing.body and method in _WITHOUT_BODY:
            raise ProtocolError(f"a body of {method} has no meaning that all servers share", code="body_refused")
        return _Asked(target, requester, _call(name, outgoing))

    async def _read_aws(self, scope: Scope, receive: Receive, target: Target, path: bytes) -> _Asked:
        """Verify the signature of a request to AWS, and what it comes with.

        Raises: FirewallError.
        """
        name = target.spec.name
        if scope["method"] not in _METHODS:
            raise ProtocolError("the method is not sent to targets", code="method_refused", status=405)
        entered = await self._aws.enter(scope, receive, target=target, path=path)
        requester = requester_of(entered.bearer, gate="infra", client="aws")
        if not permits_target(requester.grant, target.spec):
            raise TargetError(f"there is no target `{name}` for this token")
        beside = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
        await self._refuse_foreign(requester, target, fields.foreign_in(beside, requester.token_id))
        if entered.outgoing.body and entered.outgoing.method in _WITHOUT_BODY:
            raise ProtocolError("a body has no meaning that all servers share", code="body_refused")
        return _Asked(target, requester, _call(name, entered.outgoing), entered.signature)

    async def _judge(self, asked: _Asked) -> Go | Stop:
        """Judge, and hold as long as the target's clients bear."""
        answer = await self._guard.judge(asked.call, asked.requester)
        if isinstance(answer, Wait):
            until = self._clock.now_us() + asked.target.hold_s * 1_000_000
            await self._approvals.wait(answer.approval.id, until_us=until)
            answer = await self._guard.release(answer, asked.requester)
        if isinstance(answer, Wait):  # asked anew meanwhile: nobody has agreed to this yet
            return Stop(answer.entry, Deny(Reason.HOLD_ENDED), answer.approval.id, answer.judgement.first)
        return answer

    async def _send_on(self, asked: _Asked, go: Go, send: Send, shape: Shape) -> None:
        """Send what was judged, pass the answer on, and record how it ended."""
        target, started = asked.target, False
        outgoing = decode(asked.call.arguments)
        is_reading = set(go.effects) <= _READING
        facts: dict[str, Plain] = {"judged": go.entry, "gate": asked.requester.gate}
        try:
            with Exchange(self._running, asked.requester.lineage, may_end=is_reading) as exchange:
                endpoint, request = self._request(asked, outgoing, is_reading=is_reading)
                async with await self._upstream.open(endpoint, request) as response:
                    facts["status"] = response.status
                    exchange.answered()
                    masker = self._masker(asked, outgoing)
                    head = self._head(asked, response, request, is_masking=masker.hides)
                    head.append((b"x-stayhand-entry", b"%d" % go.entry))
                    pieces = _pieces(response, outgoing.method, masker)
                    whole = await _whole(response, pieces)
                    started = True
                    if whole is None:
                        await _relay(send, response.status, head, pieces)
                    else:
                        await send_whole(send, response.status, head, whole)
                    facts["masked"] = masker.masked
        except UpstreamError as error:
            log.warning("target=%s code=%s detail=%s", target.spec.name, error.code, error.detail)
            self._finished(asked, {**facts, "fault": error.fault.value}, is_known=is_reading or "status" in facts)
            if not started:
                await send_whole(send, *shape.of_error(error if is_reading else problem.indeterminate(error)))
            return
        except FirewallError as error:
            self._finished(asked, {**facts, "fault": error.code}, is_known=True)
            if not started:
                await send_whole(send, *shape.of_error(error))
            return
        self._finished(asked, facts, is_known=True)

    def _head(
        self, asked: _Asked, response: UpstreamResponse, request: UpstreamRequest, *, is_masking: bool
    ) -> list[tuple[bytes, bytes]]:
        """Return the header fields of an answer that go to the agent.

        Raises: RedirectError for a redirect that leaves the target.
        """
        return fields.returned(
            _pointing(asked, response, request.path),
            request.credential.secret.spellings if request.credential else (),
            is_head=request.method == "HEAD",
            detector=self._detector() if is_masking else None,
        )

    def _masker(self, asked: _Asked, outgoing: Outgoing) -> Masker:
        """Return what finds credentials in an answer, and hides them from agents that may not see any."""
        requester, words = asked.requester, f"answer of {asked.call.name}: {outgoing.method} {outgoing.path}"
        hides = Verb.SECRET not in requester.grant.verbs
        return Masker(self._detector(), hides=hides, found=lambda value: self._guard.note(requester, value, words))

    def _finished(self, asked: _Asked, facts: dict[str, Plain], *, is_known: bool) -> None:
        record = Record(
            kind="tool.finished" if is_known else "tool.indeterminate",
            data=facts,
            principal=asked.requester.principal,
        )
        post(self._sequencer, Unit(records=(record,)))

    async def _refuse_foreign(self, requester: Requester, target: Target, found: Foreign | None) -> None:
        """Record a credential that we did not issue. Raises: ForeignCredentialError where there is one."""
        if found is None:
            return
        await self._guard.found((found,), requester, name=f"infra/{target.spec.name}", is_used=True)
        where = found.where.partition(" ")[2]
        raise ForeignCredentialError(
            f"`{where}` holds a credential that is not ours: this gate adds the target's own, send none"
        )

    def _request(self, asked: _Asked, outgoing: Outgoing, *, is_reading: bool) -> tuple[Endpoint, UpstreamRequest]:
        """Add the credential to what was judged.

        Raises: FirewallError when there is none, or a signature was used before.
        """
        target = asked.target
        if target.spec.kind is not TargetKind.AWS:
            return target.endpoint, _request(target, outgoing)
        if not is_reading:
            self._aws.use(asked.signature)
        return self._aws.request(target, outgoing)


def _gate_of(scope: Scope) -> str:
    """Return the gate that a request came through: the forward proxy passes on what is a target's."""
    return str(scope.get("state", {}).get(GATE, "infra"))


def _call(name: str, outgoing: Outgoing) -> ToolCall:
    return ToolCall(f"req_{next(_NUMBERS)}", f"infra/{name}", outgoing.encode(), form=CallForm.REQUEST)


def _request(target: Target, outgoing: Outgoing) -> UpstreamRequest:
    return UpstreamRequest(
        method=outgoing.method,
        path=outgoing.path,
        query=outgoing.query,
        fields=[(name.encode("ascii"), value.encode("latin-1")) for name, value in outgoing.headers],
        body=outgoing.body,
        credential=target.credential(),
        verbatim=True,
        redirects=True,
    )


def _pointing(asked: _Asked, response: UpstreamResponse, path: str) -> list[tuple[bytes, bytes]]:
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


async def _whole(response: UpstreamResponse, pieces: AsyncIterator[bytes]) -> bytes | None:
    """Return the content of an answer that is short or here already; None: none, or it is sent as it arrives."""
    if response.comes_whole and response.status not in _WITHOUT_CONTENT:
        return b"".join([piece async for piece in pieces])
    return None


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


def _query(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise ProtocolError("the query has characters that must be escaped", code="query_refused") from error
