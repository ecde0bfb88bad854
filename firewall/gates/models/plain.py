"""Calls whose answers hold nothing that could be run: embeddings, pictures, counts and lists of models.

They need the same token, draw from the same buckets and stand in the same log; only nothing is held.
INVARIANT: nothing leaves for a provider before its `model.requested` entry is durable.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from starlette.types import Receive, Send

from firewall.codecs import embeddings, images, model_lists
from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import ModelRequest, Usage
from firewall.codecs.model_names import check_name
from firewall.codecs.multipart import is_form
from firewall.core.dialect import Dialect
from firewall.core.errors import AuthError, FirewallError, ProtocolError, UpstreamError, UpstreamFault
from firewall.core.grant import any_matches
from firewall.core.ports import Sequencer
from firewall.core.strict_json import loads_object
from firewall.core.work import Plain, Record, Take, Unit
from firewall.gates.edge.body import ClientGoneError, read_body, while_connected
from firewall.gates.edge.doorkeeper import requester_of
from firewall.gates.edge.send import Headers, send_whole
from firewall.gates.models import admit
from firewall.gates.models.asked import Asked
from firewall.gates.models.fields import JSON_TYPE, NO_STORE, content_type, passed
from firewall.gates.models.naming import told
from firewall.gates.models.paying import Entry, Till
from firewall.gates.models.routes import Purpose
from firewall.guard.requester import Requester
from firewall.routing.call import Caller, Heard, ModelCall, Plan, Surface
from firewall.routing.catalogue import Catalogue
from firewall.routing.estimating import estimated
from firewall.routing.passing import speaker, speaks
from firewall.routing.port import UpstreamResponse
from firewall.routing.router import Router
from firewall.routing.speaking import own_login
from firewall.routing.trying.faults import conduct, fault_of_error
from firewall.sequencer.posting import post
from firewall.spend.attribution import attributed
from firewall.spend.meter import Meter
from firewall.tokens.service import Bearer

_SURFACES = {Purpose.COUNT: Surface.COUNT, Purpose.EMBED: Surface.EMBED, Purpose.IMAGE: Surface.IMAGE}
_ESTIMATED = (b"x-stayhand-estimated", b"true")
_UNCOUNTED = frozenset({401, 403, 404, 405, 408, 429, 501})
"""Answers to a count that say nothing about the request: it is estimated then, as it is after 5xx."""


@dataclass(slots=True, eq=False)
class _Running:
    """A call under way, which a revoked token ends."""

    requester: Requester
    task: "asyncio.Task[object] | None"
    is_revoked: bool = False


class PlainCalls:
    """Serves what is not generated, for the models gate."""

    def __init__(
        self,
        *,
        router: Router,
        till: Till,
        catalogue: Catalogue,
        sequencer: Sequencer,
        issuer_of: Callable[[str, str], str],
        answered: Callable[[str, str], None],
        max_body_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        self._router = router
        self._till = till
        self._catalogue = catalogue
        self._sequencer = sequencer
        self._issuer_of = issuer_of
        self._count_answer = answered
        self._max_body_bytes = max_body_bytes
        self._max_answer_bytes = max_answer_bytes
        self._running: set[_Running] = set()

    async def serve(self, asked: Asked, bearer: Bearer, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises: FirewallError before anything was sent; ClientGoneError.
        """
        requester = requester_of(bearer, gate="models", client=asked.client.name)
        if asked.place.purpose is Purpose.MODELS:
            await self._list(asked, requester, send)
            return
        body = await read_body(receive, self._max_body_bytes)
        request, value = _read(asked, body)
        check_name(request.model)
        admit.check_beside(requester, request)
        issuers = admit.issuers(request, self._issuer_of, self._sequencer.pseudonym(requester.principal))
        call = replace(_call(asked, request, value, requester), issuers=issuers)
        plan = self._router.plan(call)
        if asked.place.purpose is Purpose.COUNT:
            takes = self._till.takes(requester, call.attribution, plan.candidates[0])
            entry = await self._enter(asked, requester, request.model, body=body, takes=takes)
            await self._while_here(requester, receive, lambda: self._counted(call, plan, entry, send))
            return
        candidate = speaker(call, plan)  # first: a call that nobody can be asked is refused like an unknown model
        weighed = replace(call, request=images.weighed(request, asked.headers.get("content-type", "")))
        said = _said(asked, requester, request.model, body)
        meter, _ = await self._till.enter(
            call if call.surface is Surface.EMBED else weighed,
            replace(plan, candidates=(candidate,), smaller=()),
            requester,
            said,
        )
        await self._while_here(requester, receive, lambda: self._passed(call, plan, meter, send))

    async def _while_here(
        self, requester: Requester, receive: Receive, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do the work until the client is gone or the token is revoked.

        Raises: ClientGoneError; AuthError.
        """
        running = _Running(requester, asyncio.current_task())
        self._running.add(running)
        try:
            async with while_connected(receive):
                await work()
        except asyncio.CancelledError:
            if not running.is_revoked or running.task is None:
                raise
            running.task.uncancel()
            raise AuthError(detail="token_revoked") from None
        finally:
            self._running.discard(running)

    def revoked(self, token_id: str) -> None:
        """End what is under way for a token and its children."""
        for one in list(self._running):
            if token_id in one.requester.lineage and one.task is not None and not one.is_revoked:
                one.is_revoked = True
                one.task.cancel()

    async def _passed(self, call: ModelCall, plan: Plan, meter: Meter, send: Send) -> None:
        """Pass an embedding or a picture on, as it is."""
        outcome, usage = "ok", Usage()
        try:
            async with await self._router.carry(call, plan) as response:
                heard = response.heard
                meter.answered_by(heard.candidate.provider.name, heard.candidate.model)
                body = await read_plain(response, self._max_answer_bytes)
                headers = [*_entry(meter.entry), *told(heard, attempts=heard.attempts)]
                if response.status >= 300:
                    outcome, meter.was_refused = f"provider_{response.status}", True
                else:
                    usage = (images if call.surface is Surface.IMAGE else embeddings).usage_of(body)
                    micros = meter.cost_of(usage) if usage.is_reported else None
                    headers += [] if micros is None else [(b"x-stayhand-cost-micros", b"%d" % micros)]
                await send_whole(send, response.status, [*headers, *passed(response), JSON_TYPE, NO_STORE], body)
        except UpstreamError as error:  # one that is silent may be working, and charge for it
            outcome, meter.was_asked = error.code, conduct(fault_of_error(error)).may_cost
            raise
        except FirewallError as error:
            outcome = error.code
            raise
        except (asyncio.CancelledError, ClientGoneError):
            outcome, meter.was_asked = "interrupted", True
            raise
        finally:
            self._count_answer(call.dialect.value, outcome)
            data: dict[str, Plain] = {"request": meter.entry, "outcome": outcome}
            self._till.settle(meter, usage, "model.answered", data, principal=call.caller.principal)

    async def _counted(self, call: ModelCall, plan: Plan, entry: int, send: Send) -> None:
        """Answer a count: the provider does where it can, otherwise it is estimated."""
        candidate = plan.candidates[0]
        attempts = 0
        if call.dialect in _COUNTING and candidate.provider.counts and speaks(candidate, call.dialect):
            attempts = 1
            try:
                async with await self._router.carry(call, plan) as response:
                    if not _says_nothing(response):
                        await self._forwarded(call, entry, response, response.heard, send)
                        return
            except UpstreamError:
                pass  # nobody there who counts
        tokens = await estimated(call.value, candidate.provider.dialect)
        key = b"totalTokens" if call.dialect is Dialect.GEMINI else b"input_tokens"
        heard = Heard(candidate, plan.route, attempts)
        headers = [*_entry(entry), *told(heard, attempts=heard.attempts), _ESTIMATED, JSON_TYPE, NO_STORE]
        await send_whole(send, 200, headers, b'{"%s":%d}' % (key, tokens))
        self._answered(call, entry, "estimated", Usage())

    async def _forwarded(
        self, call: ModelCall, entry: int, response: UpstreamResponse, heard: Heard, send: Send
    ) -> None:
        body = await read_plain(response, self._max_answer_bytes)
        headers = [*_entry(entry), *told(heard, attempts=heard.attempts), *passed(response), JSON_TYPE, NO_STORE]
        await send_whole(send, response.status, headers, body)
        outcome = "ok" if response.status < 300 else f"provider_{response.status}"
        self._answered(call, entry, outcome, Usage())

    async def _list(self, asked: Asked, requester: Requester, send: Send) -> None:
        """Answer a list of models, or one, with those that the grant permits."""
        dialect = asked.place.dialect
        name = asked.path.partition("/models")[2].removeprefix("/")
        if name:
            admit.check_model(requester, name)
        about = attributed(requester.grant.team, requester.grant.tags, asked.headers, {})
        takes = self._till.takes(requester, about, None)
        entry = await self._enter(asked, requester, name, body=b"", takes=takes)
        known = await self._catalogue.models(own_login(asked.headers), dialect)
        models = [one for one in known if any_matches(requester.grant.models, one.name)]
        if not name:
            body = model_lists.write_list(models, dialect, asked.query)
        else:
            found = next((one for one in models if one.name == name), None)
            if found is None:
                raise admit.ModelError(f"the model `{name[:80]}` is not available to this token")
            body = model_lists.write_one(found, dialect)
        await send_whole(send, 200, [*_entry(entry), JSON_TYPE, NO_STORE], body)

    async def _enter(
        self, asked: Asked, requester: Requester, model: str, *, body: bytes, takes: tuple[Take, ...]
    ) -> int:
        said = _said(asked, requester, model, body)
        return await admit.enter(self._sequencer, requester, said, takes=takes)

    def _answered(self, call: ModelCall, entry: int, outcome: str, usage: Usage) -> None:
        self._count_answer(call.dialect.value, outcome)
        data: dict[str, Plain] = {
            "request": entry,
            "outcome": outcome,
            "input_tokens": usage.input_tokens,
            "cached_input_tokens": usage.cached_input_tokens,
            "output_tokens": usage.output_tokens,
        }
        record = Record(kind="model.answered", data=data, principal=call.caller.principal)
        post(self._sequencer, Unit(records=(record,)))


_COUNTING = frozenset({Dialect.ANTHROPIC, Dialect.GEMINI})
"""Dialects with a request of their own for counts."""


def _said(asked: Asked, requester: Requester, model: str, body: bytes) -> Entry:
    return admit.entry_of(
        requester,
        dialect=asked.place.dialect.value,
        purpose=asked.place.purpose.value,
        model=model,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
    )


def _says_nothing(response: UpstreamResponse) -> bool:
    return response.status in _UNCOUNTED or response.status >= 500


def _entry(entry: int) -> Headers:
    return [(b"x-stayhand-entry", b"%d" % entry)]


def _read(asked: Asked, body: bytes) -> tuple[ModelRequest, Mapping[str, object]]:
    """Read a request by its place.

    Raises: ProtocolError (400) with a stable code.
    """
    place = asked.place
    content_type = asked.headers.get("content-type", "")
    if is_form(content_type):
        if not asked.path.endswith("/edits"):
            raise ProtocolError("this place takes JSON", code="content_type_unsupported", status=415)
        form = images.read_form(body, content_type)
        return form, form.identity
    value = loads_object(body)
    match place.purpose:
        case Purpose.IMAGE:
            return images.read_json(body, value), value
        case Purpose.EMBED if place.dialect is Dialect.GEMINI:
            return embeddings.read_gemini(body, value, asked.path), value
        case Purpose.EMBED:
            return embeddings.read_openai(body, value), value
        case _:
            return CODECS[place.dialect].read_request(body, value, asked.headers, asked.target), value


def _call(asked: Asked, request: ModelRequest, value: Mapping[str, object], requester: Requester) -> ModelCall:
    return ModelCall(
        dialect=asked.place.dialect,
        request=request,
        value=value,
        path=asked.path,
        query=asked.query,
        fields=asked.fields,
        headers=asked.headers,
        own_login=own_login(asked.headers),
        caller=Caller(requester.principal, requester.lineage, requester.grant, requester.session),
        attribution=attributed(requester.grant.team, requester.grant.tags, asked.headers, value),
        surface=_SURFACES[asked.place.purpose],
    )


async def read_plain(response: UpstreamResponse, limit: int) -> bytes:
    """Return the JSON body of an answer that can hold no calls (counts, listings, errors).

    Raises: UpstreamError when it is anything else.
    """
    if content_type(response) != "application/json" or not (response.status < 300 or 400 <= response.status < 600):
        raise UpstreamError(
            "the provider answered with something that is no answer", fault=UpstreamFault.MALFORMED
        )
    return await response.read(limit)
