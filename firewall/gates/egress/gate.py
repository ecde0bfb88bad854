"""The egress gate as an ASGI application: a program's request becomes its target's, or a judged read, or nothing.

A request to a target's host goes the infrastructure gate's way, credential and all. To listed hosts everything is
judged by the guard under the name `egress/HOST`, and sent without any credential. INVARIANT: the agent's token
stays here, and what is sent is decoded from the bytes that were judged, after the entry that says so is durable.
"""

import itertools
import logging
import ssl
from collections.abc import AsyncIterator

from starlette.types import ASGIApp, Receive, Scope, Send

from firewall.approvals.service import Approvals
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import AuthError, FirewallError, ProtocolError, UpstreamError
from firewall.core.outgoing import Outgoing, decode
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit
from firewall.gates.edge import rates
from firewall.gates.edge.body import read_body
from firewall.gates.edge.doorkeeper import Doorkeeper, requester_of
from firewall.gates.edge.send import send_end, send_head, send_piece, send_whole
from firewall.gates.egress import fields, refusals
from firewall.gates.egress.as_target import as_target
from firewall.gates.egress.authority import Authority
from firewall.gates.egress.hosts import Hosts, Permit
from firewall.gates.egress.passage import STATE, Passage
from firewall.gates.egress.places import Place
from firewall.gates.egress.upstreams import Upstreams
from firewall.gates.infra import fields as infra_fields
from firewall.gates.infra import problem, sockets
from firewall.gates.infra.gate import ForeignCredentialError
from firewall.gates.infra.paths import checked
from firewall.gates.infra.running import Exchange, revoking
from firewall.gates.infra.sending import begun, is_coded
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.foreign import Foreign
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.routing.body import Decoder
from firewall.routing.port import UpstreamRequest, UpstreamResponse
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.egress")
PREFIX = "egress/"
_NUMBERS = itertools.count(1)
_READING = frozenset({Effect.READ, Effect.SECRET})
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class EgressGate:
    """Lets connections in, and serves what comes through them; one instance per process."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        authority: Authority,
        infra: ASGIApp,
        guard: Guard,
        approvals: Approvals,
        doorkeeper: Doorkeeper,
        upstreams: Upstreams,
        sequencer: Sequencer,
        clock: Clock,
        hold_s: int,
        max_body_bytes: int,
    ) -> None:
        """`infra`: the infrastructure gate, which serves requests to targets."""
        self._hosts = hosts
        self._authority = authority
        self._infra = infra
        self._guard = guard
        self._approvals = approvals
        self._doorkeeper = doorkeeper
        self._upstreams = upstreams
        self._sequencer = sequencer
        self._clock = clock
        self._hold_s = hold_s
        self._max_body_bytes = max_body_bytes
        self._running: set[Exchange] = set()
        self.revoked = revoking(self._running)
        """Ends what is under way for a token, as `Tokens.on_revoked` wants it."""

    # -- the connection's side

    async def admit(self, passage: Passage, source: str) -> ssl.SSLContext:
        """Return what a connection to a place is served with.

        Raises: FirewallError.
        """
        requester = await self._requester(passage, source)
        place = passage.place
        if self._hosts.permit(place) is None and not self._hosts.has_target(place):
            await self._refused(requester, place, "egress_host_unlisted")
            raise refusals.unlisted(place.host)
        return self._authority.context(place.host)

    async def _requester(self, passage: Passage, source: str) -> Requester:
        """Return whose connection it is. Raises: AuthError; LimitError where a source guesses."""
        token = passage.token.reveal()
        if not token:  # programs ask once without, to learn what is wanted: no guess
            raise AuthError(detail="no token")
        bearer = await self._doorkeeper.bearer({"x-stayhand-token": token}, source)
        return requester_of(bearer, gate="egress", client="other")

    async def _refused(self, requester: Requester, place: Place, code: str) -> None:
        record = Record(
            kind="egress.refused",
            data={"gate": "egress", "token": requester.token_id, "code": code},
            person=requester.grant.owner,
            principal=requester.principal,
            private={"host": place.host, "port": place.port, "scheme": place.scheme},
        )
        await rates.draw(self._sequencer, requester, of="egress")
        await self._sequencer.submit(Unit(records=(record,)))

    # -- the request's side

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; refusals are problem documents."""
        passage: Passage = scope["state"][STATE]
        source = scope["client"][0] if scope.get("client") else ""
        try:
            requester = await self._requester(passage, source)
            place = passage.place
            behind = self._hosts.behind(place, scope["raw_path"], requester.grant)
            if len(behind) > 1:
                raise refusals.several(place.host, [one.target.spec.name for one in behind])
            if behind:
                await self._infra(as_target(scope, behind[0], passage.token), receive, send)
                return
            if sockets.upgrade_of(scope) is not None:
                raise sockets.refused("websockets are carried to targets alone")
            permit = await self._permit(place, requester)
            call = await self._read(scope, receive, requester, passage)
            await rates.draw(self._sequencer, requester, of="egress")
            answer = await self._judge(call, requester)
        except AuthError:
            raise  # the listener's own renderer asks for the token as a proxy does
        except FirewallError as error:
            if error.detail:
                log.info("code=%s detail=%s", error.code, error.detail)
            await send_whole(send, *problem.of_error(error))
            return
        if isinstance(answer, Stop):
            await send_whole(send, *problem.of_stop(call.name, answer))
            return
        await self._send_on(call, answer, requester, permit, send=send)

    async def _permit(self, place: Place, requester: Requester) -> Permit:
        """Return on which terms a place is read from.

        Raises: EgressRefusedError, recorded.
        """
        permit = self._hosts.permit(place)
        if permit is not None and (place.scheme == "https" or permit.plain):
            return permit
        if permit is not None:
            error = refusals.not_plain(place.host)
        elif self._hosts.has_target(place):
            error = refusals.no_target(place.host)
        else:
            error = refusals.unlisted(place.host)
        await self._refused(requester, place, error.code)
        raise error

    async def _read(self, scope: Scope, receive: Receive, requester: Requester, passage: Passage) -> ToolCall:
        """Check path and fields, read the body, and return the request as it is judged.

        Raises: FirewallError.
        """
        place, held = passage.place, scope["headers"]
        method = str(scope["method"])
        if method not in _METHODS:
            raise ProtocolError(f"`{method[:20]}` is not sent", code="method_refused", status=405)
        beside = [pair for pair in held if pair[0] != b"proxy-authorization"]
        await self._refuse_foreign(requester, place, infra_fields.foreign_in(beside, passage.token.reveal()))
        body = await read_body(receive, self._max_body_bytes)
        outgoing = Outgoing(
            method=method,
            path=checked(scope["raw_path"], raw=True),
            query=_query(scope["query_string"]),
            headers=fields.outgoing(held),
            body=_decoded(body, held, self._max_body_bytes),
            host=place.authority,
            scope=place.scheme,
        )
        if outgoing.body and method in _WITHOUT_BODY:
            raise ProtocolError(f"a body of {method} has no meaning that all servers share", code="body_refused")
        encoded = outgoing.encode()
        if passage.token.reveal().encode() in encoded:
            raise refusals.EgressRefusedError("the request holds the agent's own token", code="token_in_request")
        return ToolCall(f"egr_{next(_NUMBERS)}", PREFIX + place.host, encoded, form=CallForm.REQUEST)

    async def _refuse_foreign(self, requester: Requester, place: Place, found: Foreign | None) -> None:
        """Record a credential that we did not issue. Raises: ForeignCredentialError where there is one."""
        if found is None:
            return
        await self._guard.found((found,), requester, name=PREFIX + place.host, is_used=True)
        where = found.where.partition(" ")[2]
        raise ForeignCredentialError(
            f"`{where}` holds a credential that is not ours: hosts without a target are read without one"
        )

    async def _judge(self, call: ToolCall, requester: Requester) -> Go | Stop:
        """Judge, and hold as long as clients bear."""
        answer = await self._guard.judge(call, requester)
        if isinstance(answer, Wait):
            until = self._clock.now_us() + self._hold_s * 1_000_000
            await self._approvals.wait(answer.approval.id, until_us=until)
            answer = await self._guard.release(answer, requester)
        if isinstance(answer, Wait):  # asked anew meanwhile: nobody has agreed to this yet
            return answer.stopped
        return answer

    async def _send_on(self, call: ToolCall, go: Go, requester: Requester, permit: Permit, *, send: Send) -> None:
        """Send what was judged, pass the answer on, and record how it ended."""
        outgoing, started = decode(call.arguments), False
        is_reading = set(go.effects) <= _READING
        facts: dict[str, Plain] = {"judged": go.entry, "gate": "egress"}
        try:
            with Exchange(self._running, requester.lineage, may_end=is_reading) as exchange:
                async with await self._upstreams.open(outgoing, permit, _request(outgoing)) as response:
                    facts["status"] = response.status
                    exchange.answered()
                    is_head = outgoing.method == "HEAD"
                    head = infra_fields.returned(response.raw_fields, None, is_head=is_head)
                    head += [] if is_head else fields.length_of(response.raw_fields, response.status)
                    head.append((b"x-stayhand-entry", b"%d" % go.entry))
                    pieces = _pieces(response, is_head=is_head)
                    if is_coded(response.raw_fields):
                        pieces = await begun(pieces)
                    started = True
                    await send_head(send, response.status, head)
                    async for piece in pieces:
                        await send_piece(send, piece)
                    await send_end(send)
        except UpstreamError as error:
            log.warning("host=%s code=%s detail=%s", outgoing.host, error.code, error.detail)
            self._finished(
                requester, {**facts, "fault": error.fault.value}, is_known=is_reading or "status" in facts
            )
            if not started:
                await send_whole(send, *problem.of_error(error if is_reading else problem.indeterminate(error)))
            return
        except FirewallError as error:
            self._finished(requester, {**facts, "fault": error.code}, is_known=True)
            if not started:
                await send_whole(send, *problem.of_error(error))
            return
        self._finished(requester, facts, is_known=True)

    def _finished(self, requester: Requester, facts: dict[str, Plain], *, is_known: bool) -> None:
        kind = "tool.finished" if is_known else "tool.indeterminate"
        post(self._sequencer, Unit(records=(Record(kind=kind, data=facts, principal=requester.principal),)))


async def _pieces(response: UpstreamResponse, *, is_head: bool) -> AsyncIterator[bytes]:
    if not is_head:
        async for piece in response.chunks():
            yield piece


def _request(outgoing: Outgoing) -> UpstreamRequest:
    return UpstreamRequest(
        method=outgoing.method,
        path=outgoing.path,
        query=outgoing.query,
        fields=[(name.encode("ascii"), value.encode("latin-1")) for name, value in outgoing.headers],
        body=outgoing.body,
        verbatim=True,
        redirects=True,
    )


def _decoded(body: bytes, held: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """Return a body without its compression: what is judged is what is sent.

    Raises: ProtocolError for one that is broken or too large.
    """
    coding = dict(held).get(b"content-encoding", b"identity").strip().lower()
    if coding == b"identity" or not body:
        return body
    decoder = Decoder("gzip", limit=limit)
    try:
        found = decoder.feed(body)
        decoder.finish()
    except UpstreamError as error:
        raise ProtocolError(
            "the compressed body cannot be read, or is too large", code="body_malformed"
        ) from error
    return found


def _query(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise ProtocolError("the query has characters that must be escaped", code="query_refused") from error
