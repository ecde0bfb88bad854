"""The infrastructure gate as an ASGI application: `/infra/{target}/{path}`, judged, then sent with our credential.

INVARIANT: what is sent is decoded from the bytes that were judged, after the entry that says so is durable. A
request whose outcome nobody knows is never repeated by us; the agent is told that it may have happened.
"""

import itertools
import logging
from collections.abc import Callable, Mapping

from starlette.types import Receive, Scope, Send

from firewall.approvals.service import Approvals
from firewall.classify.credentials.detector import Detector
from firewall.core.call import CallForm, ToolCall, tool_call
from firewall.core.errors import FirewallError, LimitError, ProtocolError
from firewall.core.grant import Verb, permits_target
from firewall.core.outgoing import Outgoing, outgoing_of
from firewall.core.ports import Clock, Sequencer
from firewall.core.target import TargetKind
from firewall.gates.edge.body import ClientGoneError, read_body
from firewall.gates.edge.doorkeeper import TOKEN_HEADERS, Doorkeeper, requester_of, token_of
from firewall.gates.edge.rates import Drawing
from firewall.gates.edge.send import send_whole
from firewall.gates.edge.upgrade import Upgrade
from firewall.gates.infra import fields, problem, sockets
from firewall.gates.infra.aws.answer import Refusals
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.paths import TargetError, checked, place_of
from firewall.gates.infra.sending import Asked, Courier, Shape, asked_of
from firewall.gates.infra.sockets import Socket
from firewall.gates.infra.targets import Target
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.foreign import Foreign
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.routing.switching import SwitchingUpstream

log = logging.getLogger("stayhand.infra")
_NUMBERS = itertools.count(1)
"""Names of requests within this process: they tell answers apart and mean nothing more."""
GATE = "gate"
"""The key in a scope's state under which another gate of ours says that it has passed a request on."""
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_OF_TOKENS = frozenset(name.encode("ascii") for name in (*TOKEN_HEADERS, "authorization"))
"""Header fields in which a token, or a provider's key in its place, may come."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignCredentialError(FirewallError):
    """A request that brings a credential which we did not issue."""

    code = "credential_foreign"
    status = 403


class InfraGate:
    """Serves targets; one instance per process."""

    def __init__(
        self,
        *,
        targets: Mapping[str, Target],
        guard: Guard,
        approvals: Approvals,
        doorkeeper: Doorkeeper,
        upstream: SwitchingUpstream,
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
        self._sequencer = sequencer
        self._clock = clock
        self._said = sockets.Said()
        self._drawing = Drawing(sequencer)
        self.courier = Courier(
            guard=guard, upstream=upstream, sequencer=sequencer, clock=clock, aws=aws, detector=detector
        )
        """Sends what was judged."""
        self.revoked = self.courier.revoked
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
            answer = await self._judge(asked)
        except FirewallError as error:
            if error.detail:
                log.info("code=%s detail=%s", error.code, error.detail)
            await send_whole(send, *shape.of_error(error))
            return
        if isinstance(answer, Stop):
            if asked.socket is not None:
                self._said.note(asked.requester.token_id, name, scope, answer)
            await send_whole(send, *shape.of_stop(asked.target.spec.name, answer))
            return
        await self.courier.send_on(asked, answer, send, shape)

    async def _read(self, scope: Scope, receive: Receive, name: str, path: bytes) -> Asked:
        """Check token, target, path and fields, then read the body.

        Raises: FirewallError.
        """
        held: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {key.decode("ascii"): value.decode("latin-1") for key, value in held if key in _OF_TOKENS}
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
        token = token_of(headers)
        if (foreign := fields.foreign_in(held, token)) is not None:
            await self._refuse_foreign(requester, target, foreign)
        upgrade = sockets.upgrade_of(scope)
        socket = await self._socket(scope, upgrade, requester, target, token) if upgrade is not None else None
        outgoing = outgoing_of(
            method=method,
            path=checked(path, raw=target.raw_paths),
            query=_query(scope["query_string"]),
            headers=(*self._fields(held, requester, target), *(socket.fields() if socket else ())),
            body=await read_body(receive, target.max_body_bytes),
        )
        if outgoing.body and method in _WITHOUT_BODY:
            raise ProtocolError(f"a body of {method} has no meaning that all servers share", code="body_refused")
        return asked_of(target, requester, _call(name, outgoing), socket=socket)

    def _fields(
        self, held: list[tuple[bytes, bytes]], requester: Requester, target: Target
    ) -> list[tuple[str, str]]:
        """Return the header fields that go to a target."""
        return fields.outgoing(held, injected=target.header, is_masked=Verb.SECRET not in requester.grant.verbs)

    async def _socket(
        self, scope: Scope, upgrade: Upgrade, requester: Requester, target: Target, token: str
    ) -> Socket:
        """Return the handshake of a request that asks to leave HTTP.

        Raises: FirewallError; ClientGoneError where the client did not wait.
        """
        if not upgrade.is_open:
            raise ClientGoneError
        said = self._said.take(requester.token_id, target.spec.name, scope, upgrade.wish)
        if said is not None:
            words = refusal_text(target.spec.name, said)
            raise FirewallError(words, code=said.verdict.reason.value, status=403)
        is_masked = Verb.SECRET not in requester.grant.verbs
        socket = sockets.socket_of(upgrade, target, token, is_masked=is_masked)
        await self._refuse_foreign(requester, target, sockets.foreign_in(socket))
        if self.courier.is_full:
            raise sockets.too_many()
        return socket

    async def _read_aws(self, scope: Scope, receive: Receive, target: Target, path: bytes) -> Asked:
        """Verify the signature of a request to AWS, and what it comes with.

        Raises: FirewallError.
        """
        name = target.spec.name
        if scope["method"] not in _METHODS:
            raise ProtocolError("the method is not sent to targets", code="method_refused", status=405)
        if sockets.upgrade_of(scope) is not None:
            raise sockets.refused("AWS is not spoken to by websockets")
        entered = await self._aws.enter(scope, receive, target=target, path=path)
        requester = requester_of(entered.bearer, gate="infra", client="aws")
        if not permits_target(requester.grant, target.spec):
            raise TargetError(f"there is no target `{name}` for this token")
        if Verb.SECRET not in requester.grant.verbs and any(pair[0] in fields.RANGES for pair in scope["headers"]):
            # Clients of AWS put parts together without looking at what came: a whole answer would spoil the file.
            raise ProtocolError(
                "an agent that may not see secrets reads whole answers: ask without Range (for the AWS CLI: "
                "s3.multipart_threshold above the size of the file)",
                code="range_refused",
            )
        beside = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
        await self._refuse_foreign(requester, target, fields.foreign_in(beside, requester.token_id))
        if entered.outgoing.body and entered.outgoing.method in _WITHOUT_BODY:
            raise ProtocolError("a body has no meaning that all servers share", code="body_refused")
        return Asked(target, requester, _call(name, entered.outgoing), entered.signature)

    async def _judge(self, asked: Asked) -> Go | Stop:
        """Judge, and hold as long as the target's clients bear."""
        takes = await self._drawing.takes(asked.requester)
        try:
            answer = await self._guard.judge(asked.call, asked.requester, takes=takes)
        except LimitError:
            self._drawing.overdrew(asked.requester)
            raise
        if isinstance(answer, Wait):
            until = self._clock.now_us() + asked.target.hold_s * 1_000_000
            await self._approvals.wait(answer.approval.id, until_us=until)
            if asked.socket is not None and not asked.socket.upgrade.is_open:
                raise ClientGoneError  # nobody is left to talk to: the approval is kept for the repeat
            answer = await self._guard.release(answer, asked.requester)
        if isinstance(answer, Wait):  # asked anew meanwhile: nobody has agreed to this yet
            return answer.stopped
        return answer

    async def _refuse_foreign(self, requester: Requester, target: Target, found: Foreign | None) -> None:
        """Record a credential that we did not issue. Raises: ForeignCredentialError where there is one."""
        if found is None:
            return
        await self._guard.found((found,), requester, name=f"infra/{target.spec.name}", is_used=True)
        where = found.where.partition(" ")[2]
        raise ForeignCredentialError(
            f"`{where}` holds a credential that is not ours: this gate adds the target's own, send none"
        )


def _gate_of(scope: Scope) -> str:
    """Return the gate that a request came through: the forward proxy passes on what is a target's."""
    return str(scope.get("state", {}).get(GATE, "infra"))


def _call(name: str, outgoing: Outgoing) -> ToolCall:
    return tool_call(f"req_{next(_NUMBERS)}", f"infra/{name}", outgoing.encode(), form=CallForm.REQUEST)


def _query(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise ProtocolError("the query has characters that must be escaped", code="query_refused") from error
