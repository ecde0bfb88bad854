"""A model call as a gate hands it to routing, who could answer it, and what comes of it; values only.

The gate judges in the dialect that its client speaks and knows no other: whatever provider answers, what routing
returns is in the client's dialect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from firewall.codecs.interface import ModelRequest, Usage
from firewall.codecs.traits import Trait, Traits, holds
from firewall.core.attribution import Attribution
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init, maker
from firewall.core.grant import Grant
from firewall.core.terms import Terms
from firewall.routing.checks import Checks
from firewall.routing.port import Fields, UpstreamResponse
from firewall.routing.providers import OwnLogin, Provider
from firewall.spend.prices import Sold, sold_by


class Surface(StrEnum):
    """What is asked for; only what is generated is translated between dialects."""

    GENERATE = "generate"
    COUNT = "count"
    EMBED = "embed"
    IMAGE = "image"


@fast_init
@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as routing and money must know."""

    principal: str
    """`owner/agent`."""
    lineage: tuple[str, ...]
    """Ids of the token and its ancestors, itself first."""
    grant: Grant
    session: str = ""
    """The client's session id; a claim."""

    @property
    def token_id(self) -> str:
        """The token itself."""
        return self.lineage[0]


@fast_init
@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request for an answer of a model."""

    dialect: Dialect
    """What the client speaks, and reads."""
    request: ModelRequest
    value: Mapping[str, object]
    """The body, parsed strictly."""
    path: str
    query: str
    fields: Fields
    """The client's header fields; the carrier's table decides which go along."""
    headers: Mapping[str, str]
    """The same by lower-case name."""
    own_login: OwnLogin | None
    caller: Caller
    attribution: Attribution = field(default_factory=Attribution)
    surface: Surface = Surface.GENERATE
    is_step: bool = False
    """Its newest turn reports what calls gave that were released to its caller: it is within a tool loop."""
    issuers: frozenset[str] = frozenset()
    """Names of the providers that keep what the request refers to; empty: it refers to nothing."""
    traits: Traits | None = None
    """What is known of the body as it came; None: nothing."""

    def may_hold(self, trait: Trait) -> bool:
        """Tell whether the request's body may hold something at all."""
        body = self.request.body
        return holds(body, trait) if self.traits is None else self.traits.may_hold(trait, body)


caller_of = maker(Caller)
call_of = maker(ModelCall)


@fast_init
@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider, and the model's name there."""

    provider: Provider
    model: str
    max_output_tokens: int = field(default=0, compare=False)
    """What models.toml says that it writes at most; 0: nothing."""
    approved_by: str = field(default="", compare=False)
    """Who approved the model, as models.toml says; empty: nobody."""
    name: str = field(init=False, repr=False, compare=False)
    """`provider/model`."""
    sold: Sold = field(init=False, repr=False, compare=False)
    """As prices know it."""

    def __post_init__(self) -> None:
        """Spell the names once: they are asked for many times in each call."""
        provider = self.provider
        object.__setattr__(self, "name", f"{provider.name}/{self.model}")
        sold = sold_by(provider.name, self.model, provider.endpoint.base_url, provider.seller)
        object.__setattr__(self, "sold", sold)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate that may not or cannot answer this call."""

    name: str
    """`provider/model`."""
    why: str
    """A stable word, e.g. `context_window`, `region`, `unpriced`."""


@dataclass(frozen=True, slots=True)
class Grading:
    """Who says how hard a conversation is, before anybody answers it."""

    grader: Candidate
    places: tuple[tuple[int, tuple[Candidate, ...]], ...]
    """The chain's places with those who may answer, from simple to hard."""
    levels: tuple[float, ...]
    """From which grade on the next place is asked first."""


@fast_init
@dataclass(frozen=True, slots=True)
class Plan:
    """Who is asked, in order of preference."""

    route: str
    """The route's name; of a call that no route fits, the provider's."""
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...] = ()
    terms: Terms = field(default_factory=Terms)
    """How hard to try."""
    smaller: tuple[Candidate, ...] = ()
    """Of `terms.degrade`, those that may and can answer this call."""
    tiers: "tuple[tuple[Candidate, ...], ...]" = ()
    """The same candidates in steps: the next step is asked when an answer of the one before fails `checks`."""
    checks: Checks | None = None
    judge: tuple[Candidate, ...] = ()
    """Who says whether an answer is good enough; asked beside the candidates."""
    grade: float | None = None
    """How hard the conversation looks, where the route goes by that."""
    grading: Grading | None = None
    """The order of the candidates waits for a grade."""
    mask: frozenset[str] = frozenset()
    """What is hidden in what leaves: `credentials`."""
    sold: tuple[Sold, ...] = field(init=False, repr=False, compare=False)
    """What may answer, as prices know it, none twice: the candidates and those that are smaller."""
    approved: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Who approved models of these, by `provider/model`."""

    def __post_init__(self) -> None:
        """Look once at what holds for every call: most plans hold for many."""
        answering = (*self.candidates, *self.smaller)
        object.__setattr__(self, "sold", tuple(dict.fromkeys([one.sold for one in answering])))
        approved = {one.name: one.approved_by for one in answering if one.approved_by}
        object.__setattr__(self, "approved", approved)

    @property
    def asked(self) -> tuple[Candidate, ...]:
        """Who is asked beside those who answer: the judge and the grader."""
        return (*self.judge, *((self.grading.grader,) if self.grading else ()))


planned = maker(Plan)
ANSWERED = "ok"
"""The outcome of a request that was answered."""


@fast_init
@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a provider, and what came of it."""

    candidate: Candidate
    outcome: str
    """`ok`, or the fault's word (`firewall.routing.trying.faults`)."""
    status: int = 0
    """The provider's; 0: none came."""
    took_ms: int = 0
    """Until the first word, until a whole answer was there, or until it failed."""
    usage: Usage | None = None
    """What the provider says it used; None: it did not say, or not yet."""
    at_ms: int = 0
    """When it began, after the first of its call."""
    may_cost: bool = False
    """It failed, and the provider may charge for it all the same."""


@fast_init
@dataclass(frozen=True, slots=True)
class Heard:
    """What the client is told about who answered it."""

    candidate: Candidate
    route: str
    attempts: int = 1
    """Requests that were sent to providers, this one included."""
    dropped: tuple[str, ...] = ()
    """Advisory fields of the request that the provider's dialect cannot carry."""
    tried: tuple[Attempt, ...] = ()
    """All that were sent, in order; the last is this answer's."""
    cache: str = ""
    """`hit`, `miss` or `bypass` on a route with a cache."""
    degraded: str = ""
    """`smaller`, `cache` or `message` where nobody of the chain answered."""


attempt_of = maker(Attempt)
heard_of = maker(Heard)


class UnansweredError(UpstreamError):
    """Nobody answered."""

    def __init__(self, cause: FirewallError, heard: Heard | None) -> None:
        """`cause`: what went wrong first; `heard`: what was tried, None where nothing was sent."""
        fault = cause.fault if isinstance(cause, UpstreamError) else UpstreamFault.MALFORMED
        super().__init__(cause.public, fault=fault, status=cause.status, detail=cause.detail, code=cause.code)
        self.retry_after_s = cause.retry_after_s
        self.heard = heard


class Routed(UpstreamResponse, Protocol):
    """An answer in the dialect of the call."""

    @property
    def heard(self) -> Heard:
        """Who answered."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the provider has counted so far, in its own dialect; None: the answer says it itself."""
        ...
