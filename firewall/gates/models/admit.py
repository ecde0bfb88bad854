"""Admission: who asks, for which model, within which limits; recorded before anything leaves (DESIGN 5)."""

import hashlib
from collections.abc import Callable

import orjson

from firewall.codecs.interface import ModelRequest
from firewall.codecs.model_names import check_name
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.grant import any_matches
from firewall.core.ports import Sequencer
from firewall.core.work import Committed, Record, Take, Unit
from firewall.gates.models.paying import Entry, full
from firewall.gates.models.paying import entry_of as said_of
from firewall.guard.requester import Requester


class ModelError(FirewallError):
    """The grant does not permit the model, or nobody serves it: the two look alike from outside."""

    code = "model_not_found"
    status = 404


def check_model(requester: Requester, model: str) -> None:
    """Refuse a model outside the grant, for what no route serves (counts).

    Raises: ModelError; ProtocolError `model_invalid`.
    """
    check_name(model)
    if not any_matches(requester.grant.models, model):
        raise ModelError(f"the model `{model[:80]}` is not available to this token")


def request_digest(dialect: Dialect, request: ModelRequest) -> str:
    """Return the digest under which an identical request joins a hold: dialect, model and everything asked."""
    document = [dialect.value, request.model, request.identity]
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def entry_of(
    requester: Requester, *, dialect: str, purpose: str, model: str, size: int, sha256: str, streamed: bool = False
) -> Entry:
    """Return what the entry of a request says; `size` and `sha256`: of the body, in bytes and hex."""
    return said_of(
        facts={"dialect": dialect, "purpose": purpose, "bytes": size, "token": requester.token_id},
        more={"streamed": streamed, "sha256": sha256},
        private={"model": model, "session": requester.session, "client": requester.client},
    )


async def enter(sequencer: Sequencer, requester: Requester, said: Entry, *, takes: tuple[Take, ...]) -> int:
    """Take from buckets and record a request that costs nothing in one commit; returns the entry's number.

    `takes`: what it draws.

    Raises: LimitError (429) when a bucket is full; StoreError when nothing can be recorded.
    """
    record = Record(
        kind="model.requested",
        data={**said.facts, **said.more},
        person=requester.grant.owner,
        principal=requester.principal,
        private=said.private,
    )
    limited = Record(kind="limit.hit", data={**said.facts, "limit": "requests"}, principal=requester.principal)
    outcome = await sequencer.submit(Unit(records=(record,), steps=takes, otherwise=(limited,)))
    if isinstance(outcome, Committed):
        return outcome.seqs[0]
    raise full(outcome)


def check_beside(requester: Requester, request: ModelRequest) -> None:
    """Refuse a request that lets the provider ask a model which the grant does not name.

    Raises: ModelError; ProtocolError `model_invalid`.
    """
    for model in request.beside:
        check_model(requester, model)


def issuers(request: ModelRequest, issuer_of: Callable[[str, str], str], principal: str) -> frozenset[str]:
    """Return the providers that keep what a request refers to; only they can answer it.

    `issuer_of`: principal (a pseudonym) and id to the provider that gave it out to that principal, or nothing.

    Raises: ProtocolError `reference_unknown` for an id that we did not hand to this principal.
    """
    found: set[str] = set()
    for reference in request.references:
        issuer = issuer_of(principal, reference)
        if not issuer:
            raise ProtocolError(f"`{reference[:80]}` was not issued to this agent", code="reference_unknown")
        found.add(issuer)
    return frozenset(found)
