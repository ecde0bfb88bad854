"""What was agreed about failures: how hard a route tries, how a failing provider is treated; values only."""

from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.breaker import Rule
from firewall.core.fast_init import fast_init
from firewall.core.patience import Backoff

CACHE = "cache"
MESSAGE = "message"
"""Steps of `Terms.degrade` beside `provider/model`."""


class Share(StrEnum):
    """Who may be given an answer that somebody else paid for."""

    TOKEN = "token"  # noqa: S105 - a word of the configuration, no secret
    PRINCIPAL = "principal"
    """All tokens of one agent of one owner."""
    ENVIRONMENT = "environment"
    """All agents of one owner in one environment."""


@dataclass(frozen=True, slots=True)
class CacheTerms:
    """Keeping answers to give them again."""

    ttl_s: int = 3600
    max_bytes: int = 256 << 10
    """Larger answers are not kept."""
    share: Share = Share.TOKEN


@fast_init
@dataclass(frozen=True, slots=True)
class Terms:
    """How hard a route tries. As it stands here: once, each candidate in turn."""

    retries: int = 0
    """Repetitions per call, beside the first request to each candidate."""
    backoff: Backoff = field(default_factory=Backoff)
    retry_after_cap_s: float = 2.0
    """A provider that wants to be left alone for longer is not waited for."""
    filtered_falls_over: bool = False
    """What a provider's content filter refuses may be asked elsewhere."""
    restarts: bool = False
    """A streamed answer that breaks off after nothing but text begins again at the next candidate."""
    hedge_after_s: float = 0.0
    """Ask the next candidate as well when nothing came by then (calls without tools); 0: never."""
    cache: CacheTerms | None = None
    degrade: tuple[str, ...] = ()
    """What is given when nobody answers, in order: `provider/model` (of the plan's `smaller`), CACHE, MESSAGE."""
    message: str = ""
    """The text of MESSAGE."""
    priority: int = 0
    """In a provider's queue; higher goes first."""


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """How many requests a provider is given at once."""

    concurrent: int = 0
    """0: any number, and there is no queue."""
    waiting: int = 100
    """Requests beyond these are turned away."""
    wait_s: float = 10.0


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """Asking a provider by itself whether it is well, with a request that costs nothing."""

    path: str = ""
    """Appended to its base URL; empty: its list of models."""
    query: str = ""
    every_s: float = 30.0
    is_always: bool = False
    """Also while nobody is left alone."""
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Care:
    """How a provider is treated that fails or is full."""

    breaker: Rule = field(default_factory=Rule)
    queue: QueueTerms = field(default_factory=QueueTerms)
    health: HealthTerms | None = None
    """None: it is asked when somebody wants something."""
    is_shared: bool = True
    """Its circuits are told to other processes, where there is a way to them."""
