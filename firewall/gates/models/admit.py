"""Admission: who asks, for which model, within which limits; recorded before anything leaves (DESIGN 5)."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import orjson

from firewall.codecs.interface import ModelRequest
from firewall.core.bucket import per_minute
from firewall.core.dialect import Dialect
from firewall.core.errors import AuthError, FirewallError, LimitError, ProtocolError
from firewall.core.grant import any_matches
from firewall.core.ports import Clock, Sequencer
from firewall.core.token import TokenKind
from firewall.core.work import Committed, Plain, Record, Step, Take, Unit
from firewall.gates.models.clients import Client
from firewall.guard.requester import Requester
from firewall.tokens.service import Bearer, Draw, Tokens

TOKEN_HEADERS = ("x-stayhand-token", "x-api-key", "x-goog-api-key")
_BAD_PER_MINUTE = 10
_MINUTE_US = 60_000_000
MAX_MODEL = 200


class ModelError(FirewallError):
    """The grant does not permit the model, or nobody serves it: the two look alike from outside."""

    code = "model_not_found"
    status = 404


@dataclass(slots=True)
class _Failures:
    minute: int = 0
    count: int = 0


class Doorkeeper:
    """Checks tokens, slows down those who guess, and counts them into one entry per source and minute."""

    def __init__(self, *, tokens: Tokens, sequencer: Sequencer, clock: Clock) -> None:
        self._tokens = tokens
        self._sequencer = sequencer
        self._clock = clock
        self._failures: dict[str, _Failures] = {}

    async def bearer(self, headers: Mapping[str, str], source: str) -> Bearer:
        """Return the agent that a request's token stands for.

        Raises: AuthError for a bad token or one of another kind; LimitError where a source guesses.
        """
        try:
            bearer = self._tokens.check(token_of(headers))
        except AuthError:
            await self._refused(source)
            raise
        if bearer.kind is TokenKind.AGENT and bearer.grant is not None:
            return bearer
        await self._refused(source)
        raise AuthError(detail="not an agent's token")

    async def _refused(self, source: str) -> None:
        now = self._clock.now_us()
        minute = now // _MINUTE_US
        failures = self._failures.setdefault(source, _Failures())
        if failures.minute != minute:
            finished = failures.count
            failures.minute, failures.count = minute, 0
            if finished:
                await self._record(source, finished)
        failures.count += 1
        if failures.count == 1:
            await self._record(source, 1)
        if failures.count > _BAD_PER_MINUTE:
            left_s = ((minute + 1) * _MINUTE_US - now) // 1_000_000 + 1
            raise LimitError(
                "too many bad tokens from this address", retry_after_s=left_s, code="too_many_bad_tokens"
            )
        if len(self._failures) > 10_000:
            self._failures.clear()

    async def _record(self, source: str, count: int) -> None:
        record = Record(kind="token.refused", data={"count": count}, private={"source": source})
        await self._sequencer.submit(Unit(records=(record,)))


def token_of(headers: Mapping[str, str]) -> str:
    """Return the token that a request presents, ours in whichever header it comes; empty where there is none."""
    for name in TOKEN_HEADERS:
        value = headers.get(name, "").strip()
        if value and (name == "x-stayhand-token" or value.startswith("shd_")):
            return value
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def requester_of(bearer: Bearer, client: Client, session: str) -> Requester:
    """Return who asks.

    Raises: AuthError when the bearer has no grant.
    """
    if bearer.grant is None:
        raise AuthError(detail="no grant")
    return Requester(
        token_id=bearer.token_id,
        lineage=bearer.lineage,
        draws=bearer.draws,
        grant=bearer.grant,
        principal=bearer.principal,
        session=bearer.grant.session or session,
        gate="models",
        client=client.name,
    )


def check_model(requester: Requester, model: str) -> None:
    """Refuse a model outside the grant.

    Raises: ModelError.
    """
    if not model.isprintable() or len(model) > MAX_MODEL:
        raise ProtocolError("a model's name is printable and short", code="model_invalid")
    if not any_matches(requester.grant.models, model):
        raise ModelError(f"the model `{model[:80]}` is not available to this token")


def request_digest(dialect: Dialect, request: ModelRequest) -> str:
    """Return the digest under which an identical request joins a hold: dialect, model and everything asked."""
    document = [dialect.value, request.model, request.identity]
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


@lru_cache(maxsize=1024)
def _takes(draws: tuple[Draw, ...]) -> tuple[Step, ...]:
    return tuple(
        Take(f"requests:{draw.key}", per_minute(draw.requests_per_minute))
        for draw in draws
        if draw.requests_per_minute
    )


async def enter(
    sequencer: Sequencer,
    requester: Requester,
    *,
    dialect: str,
    purpose: str,
    model: str,
    body: bytes,
    streamed: bool,
) -> int:
    """Take from every bucket and record the request in one commit; returns the entry's number.

    Raises: LimitError (429) when a bucket is full; StoreError when nothing can be recorded.
    """
    steps = _takes(requester.draws)
    facts: dict[str, Plain] = {
        "dialect": dialect,
        "purpose": purpose,
        "bytes": len(body),
        "token": requester.token_id,
    }
    record = Record(
        kind="model.requested",
        data={**facts, "streamed": streamed, "sha256": hashlib.sha256(body).hexdigest()},
        person=requester.grant.owner,
        principal=requester.principal,
        private={"model": model, "session": requester.session, "client": requester.client},
    )
    limited = Record(kind="limit.hit", data={**facts, "limit": "requests"}, principal=requester.principal)
    outcome = await sequencer.submit(Unit(records=(record,), steps=steps, otherwise=(limited,)))
    if isinstance(outcome, Committed):
        return outcome.seqs[0]
    raise LimitError("too many requests for this token", retry_after_s=outcome.retry_after_us // 1_000_000 + 1)


def check_references(request: ModelRequest, is_ours: Callable[[str, str], bool], principal: str) -> None:
    """Refuse provider-side ids that we did not hand to this principal.

    Raises: ProtocolError `reference_unknown`.
    """
    for reference in request.references:
        if not is_ours(principal, reference):
            raise ProtocolError(f"`{reference[:80]}` was not issued to this agent", code="reference_unknown")
