"""The models gate as an ASGI application on the agents' listener.

INVARIANT: nothing leaves for a provider before its `model.requested` entry is durable; our token never goes along.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson
from starlette.types import Receive, Scope, Send

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import ModelRequest, Usage
from firewall.codecs.model_names import check_name
from firewall.codecs.sightings import first_sighting
from firewall.codecs.traits import Histories, Traits
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.core.fast_init import maker
from firewall.core.ports import Clock, Sequencer
from firewall.core.running import Digests
from firewall.core.strict_json import loads_object
from firewall.gates.edge.body import read_body
from firewall.gates.edge.doorkeeper import Doorkeeper, requester_of
from firewall.gates.edge.send import has_begun, noting, send_whole
from firewall.gates.models import admit
from firewall.gates.models.accounts import Accounts
from firewall.gates.models.asked import Asked, asked_of
from firewall.gates.models.clients import client_of
from firewall.gates.models.continuing import Continuing, narrowed
from firewall.gates.models.errors import error_answer
from firewall.gates.models.exchange import Exchange, Means
from firewall.gates.models.naming import told
from firewall.gates.models.origin import Origin
from firewall.gates.models.paying import Entry, Till, again_of
from firewall.gates.models.plain import PlainCalls
from firewall.gates.models.restarting import AskAnew, Restarting, restarter_of
from firewall.gates.models.routes import Purpose, claimed, place_of, spoken_at
from firewall.gates.models.seeing import Seeing
from firewall.gates.models.status import approval_status
from firewall.gates.models.streams import StatusStreams, wants_events
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.lineage import Told
from firewall.guard.requester import Requester
from firewall.routing.call import Heard, ModelCall, Plan, Routed, call_of, caller_of
from firewall.routing.router import Router
from firewall.routing.speaking import own_login
from firewall.spend.attribution import attributed

_NONE: frozenset[str] = frozenset()
_exchange_of, _accounts_of = maker(Exchange), maker(Accounts)
log = logging.getLogger("stayhand.models")


class NotServedError(FirewallError):
    """A path that we do not serve."""

    code = "endpoint_unsupported"
    status = 404


class ModelsGate:
    """Serves the model routes of DESIGN 6.4 and the requester's view of an approval."""

    def __init__(
        self,
        *,
        means: Means,
        doorkeeper: Doorkeeper,
        router: Router,
        plain: PlainCalls,
        till: Till,
        sequencer: Sequencer,
        clock: Clock,
        issuer_of: Callable[[str, str], str],
        seeing: Seeing,
        max_body_bytes: int,
    ) -> None:
        self._means = means
        self._doorkeeper = doorkeeper
        self._router = router
        self._plain = plain
        self._till = till
        self._sequencer = sequencer
        self._clock = clock
        self._issuer_of = issuer_of
        self._seeing = seeing
        self._max_body_bytes = max_body_bytes
        self._histories = Histories()
        self._streams = StatusStreams(means.approvals, clock)
        self._running: set[Exchange] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; errors take the shape of the dialect that was spoken."""
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        client = client_of(headers)
        path: str = scope["path"]
        noted = noting(send)
        try:
            source = scope["client"][0] if scope.get("client") else ""
            if path.startswith("/v1/approvals/") and scope["method"] == "GET":
                bearer = await self._doorkeeper.bearer(headers, source)
                if wants_events(headers.get("accept", "")):
                    await self._streams.serve(bearer, path=path, receive=receive, send=noted)
                    return
                query = scope["query_string"].decode("latin-1")
                body = await approval_status(self._means.approvals, self._clock, bearer, path=path, query=query)
                await send_whole(send, 200, [(b"content-type", b"application/json")], body)
                return
            place = place_of(scope["method"], path, headers)
            if place is None:
                raise NotServedError(f"`{scope['method']} {path[:120]}` is not served here")
            query = scope["query_string"].decode("latin-1")
            asked = asked_of(place, path, query, fields, headers, client, source)
            await self._serve(asked, receive, noted)
        except FirewallError as error:
            if error.detail:
                log.info("code=%s detail=%s", error.code, error.detail)
            if has_begun(noted):
                raise
            place = place_of(scope["method"], path, headers)
            dialect = place.dialect if place else spoken_at(path, claims=claimed(headers))
            await send_whole(send, *error_answer(error, dialect, client))

    def revoked(self, token_id: str) -> None:
        """End running answers and holds of a token and its children at once."""
        for exchange in list(self._running):
            if token_id in exchange.requester.lineage:
                exchange.interrupt("token_revoked")
        self._plain.revoked(token_id)
        self._streams.revoked(token_id)
        self._means.holds.revoked(token_id)

    def drain(self) -> None:
        """The server is stopping: connections that only wait for people are told so now."""
        self._means.holds.drain()

    async def _serve(self, asked: Asked, receive: Receive, send: Send) -> None:
        bearer = await self._doorkeeper.bearer(asked.headers, asked.source)
        if asked.place.purpose is not Purpose.GENERATE:
            await self._plain.serve(asked, bearer, receive, send)
            return
        started_us = self._clock.now_us()
        body = await read_body(receive, self._max_body_bytes)
        value = loads_object(body)
        codec = CODECS[asked.place.dialect]
        request = codec.read_request(body, value, asked.headers, asked.target)
        requester = requester_of(bearer, gate="models", client=asked.client.name, session=request.session)
        check_name(request.model)
        admit.check_beside(requester, request)
        issuers = _NONE
        if request.references:
            principal = self._sequencer.pseudonym(requester.principal)
            issuers = admit.issuers(request, self._issuer_of, principal)
        digests = Digests(body)
        guard, results = self._means.guard, codec.results(value)
        reported = [(one.call_id, one.is_error) for one in results] if results else ()
        call = _call(asked, request, value, requester, traits=self._histories.traits(digests), issuers=issuers)
        if results and guard.were_released(requester, [one.call_id for one in results]):
            call = replace(call, is_step=True)
        plan = self._router.plan(call)
        said = _said(asked, requester, request, len(body), sha256=digests.whole.hex())
        meter, plan = await self._till.enter(call, plan, requester, said)
        exchange = _exchange_of(  # in the order of its fields: so many names would cost as much as the rest
            self._means, request, requester, asked.client, asked.place.dialect, codec,
            [(b"x-stayhand-entry", b"%d" % meter.entry)], receive, send, meter,
        )  # fmt: skip
        exchange.traceparent = asked.headers.get("traceparent", "")
        self._running.add(exchange)
        accounts = _accounts_of(exchange, meter, self._till, self._clock, call, self._seeing, started_us)
        if self._means.continues and value.get("tools"):
            exchange.continuing = self._continuing(asked, exchange, call, plan, accounts=accounts)
        restarter = restarter_of(call, plan) if plan.terms.restarts else None
        if restarter is not None:
            exchange.restarting = Restarting(call.dialect, restarter, self._asking_anew(call, plan))
        identity = request.identity
        try:  # whatever happens from here on, what is held is given back
            if reported:
                guard.finished(requester, reported)
            await guard.read(requester, Told(digests, lambda value: first_sighting(identity, value)))
            guard.leading.heard(requester, asked.place.dialect, body)
            await self._exchange(exchange, call, plan, meter.entry)
        except FirewallError as error:
            exchange.outcome = error.code
            raise
        finally:
            self._running.discard(exchange)
            accounts.close(exchange.outcome, exchange.usage)

    async def _exchange(self, exchange: Exchange, call: ModelCall, plan: Plan, entry: int) -> None:
        holds = self._means.holds
        if holds.has_any(exchange.requester.principal):
            hold = holds.find(exchange.requester, admit.request_digest(exchange.dialect, exchange.request))
            if hold is not None:
                await exchange.join(hold)
                return
        refused = ""
        if exchange.request.hosted:
            refused = await self._judge_hosted(exchange.request, exchange.requester, exchange.dialect)
        if refused:
            exchange.outcome = "hosted_tool_refused"
            exchange.headers = [*exchange.headers, *told(Heard(plan.candidates[0], plan.route, 0), attempts=0)]
            await exchange.say(refused)
            return
        pays = again_of(exchange.meter) if exchange.meter is not None else None
        await exchange.ask(lambda trail: self._router.open(call, plan, entry=entry, trail=trail, again=pays))

    def _continuing(
        self, asked: Asked, exchange: Exchange, call: ModelCall, plan: Plan, *, accounts: Accounts
    ) -> Continuing:
        """Return how the model is told of refusals: each time a request of its own, to whoever answered."""

        async def ask(value: Mapping[str, object], usage: Usage) -> Routed:
            body = orjson.dumps(value)
            request = exchange.codec.read_request(body, value, asked.headers, asked.target)
            again = replace(call, request=request, value=value)
            left = narrowed(plan, exchange.heard)
            said = _said(asked, exchange.requester, request, len(body), sha256=hashlib.sha256(body).hexdigest())
            meter, left = await self._till.enter(again, left, exchange.requester, said)
            accounts.open(meter, usage)
            entry, pays = meter.entry, again_of(meter)
            return await accounts.asked(
                lambda trail: self._router.open(again, left, entry=entry, trail=trail, again=pays)
            )

        return Continuing(
            dialect=exchange.dialect,
            codec=exchange.codec,
            value=call.value,
            ask=ask,
            max_bytes=self._means.max_answer_bytes,
            ended=lambda usage: accounts.close(exchange.outcome, usage),
        )

    def _asking_anew(self, call: ModelCall, plan: Plan) -> AskAnew:
        async def ask(broken: Routed, *, ending: bytes, usage: Usage) -> Routed | None:
            return await self._router.again(call, plan, broken, ending=ending, usage=usage)

        return ask

    async def _judge_hosted(self, request: ModelRequest, requester: Requester, dialect: Dialect) -> str:
        """Judge tools that the provider would run itself; returns why the request may not be sent, or nothing."""
        led = Origin(dialect, request.identity).led(None)
        for call in request.hosted:
            answer = await self._means.guard.judge(replace(call, led=led), requester)
            if isinstance(answer, Wait):
                answer = await self._wait_for(answer, requester)
            if isinstance(answer, Wait):  # FAIL-CLOSED: asked anew meanwhile, so nobody has agreed to this yet
                answer = answer.stopped
            if isinstance(answer, Stop):
                return refusal_text(call.name, answer)
        return ""

    async def _wait_for(self, held: Wait, requester: Requester) -> Go | Wait | Stop:
        """Hold the request before its headers, as long as the client's patience allows."""
        until = self._clock.now_us() + min(self._means.hold_s, 50) * 1_000_000
        await self._means.approvals.wait(held.approval.id, until_us=until)
        return await self._means.guard.release(held, requester)


def _said(asked: Asked, requester: Requester, request: ModelRequest, size: int, *, sha256: str) -> Entry:
    return admit.entry_of(
        requester,
        dialect=asked.place.dialect._value_,
        purpose=asked.place.purpose._value_,
        model=request.model,
        size=size,
        sha256=sha256,
        streamed=request.stream,
    )


def _call(
    asked: Asked,
    request: ModelRequest,
    value: Mapping[str, object],
    requester: Requester,
    *,
    traits: Traits,
    issuers: frozenset[str],
) -> ModelCall:
    headers, grant = asked.headers, requester.grant
    return call_of(
        asked.place.dialect,
        request,
        value,
        asked.path,
        asked.query,
        asked.fields,
        headers,
        own_login(headers),
        caller_of(requester.principal, requester.lineage, grant, requester.session),
        attributed(grant.team, grant.tags, headers, value),
        traits=traits,
        issuers=issuers,
    )
