"""What `[[route]]` and `[[provider]]` say about failures (docs/routing.md): keys that their sections include."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from firewall.core.breaker import Rule
from firewall.core.patience import Backoff
from firewall.core.terms import CACHE, MESSAGE, CacheTerms, Care, HealthTerms, QueueTerms, Share, Terms
from firewall.settings.values import Duration, Section


def _step(text: str) -> str:
    provider, _, model = text.partition("/")
    if text not in {CACHE, MESSAGE} and not (provider and model):
        raise ValueError(f"`{text}` is none of `{CACHE}`, `{MESSAGE}` and `provider/model`")
    return text


_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,=-]+)+/?")
_QUERY = re.compile(r"[A-Za-z0-9._~:@!$'()*+,=&-]+")
DegradeStep = Annotated[str, AfterValidator(_step)]


class Retry(Section):
    """Asking the same candidate again."""

    attempts: int = Field(default=1, ge=0, le=5)
    """Repetitions per call, beside the first request to each candidate; providers' budgets may allow fewer."""
    backoff_ms: int = Field(default=100, ge=1, le=10_000)
    """Before the first repetition, at most; doubled with each; every wait is drawn evenly from nothing to that."""
    backoff_cap_ms: int = Field(default=400, ge=1, le=60_000)
    retry_after_cap_s: int = Field(default=2, ge=0, le=300)
    """A provider that wants to be left alone for longer is not waited for."""


class Cache(Section):
    """Giving the same answer to exactly the same question (temperature 0, no tools)."""

    ttl: Duration = 3600
    max_kib: int = Field(default=256, ge=1, le=65_536)
    """Larger answers are not kept."""
    share: Share = Share.TOKEN
    """Who may be given an answer that somebody else paid for."""


class RouteSurvival(Section):
    """A route's keys."""

    retry: Retry = Retry()
    on_content_filter: Literal["propagate", "fall_over"] = "propagate"
    """Whether what a provider's filter refuses may be asked elsewhere."""
    on_stream_failure: Literal["error", "restart"] = "error"
    """When an answer breaks off after its first word: one error of the client's dialect, or, where nothing but
    text was given, a notice and the answer of the next candidate, from its beginning."""
    hedge_after_ms: int = Field(default=0, ge=0, le=600_000)
    """Ask the next candidate as well when nothing came by then (calls without tools); 0: never."""
    cache: Cache | None = None
    degrade: tuple[DegradeStep, ...] = ()
    """When nobody answers, in this order: `provider/model`, `cache`, `message`."""
    degrade_message: str = Field(default="", max_length=4000)
    priority: int = Field(default=0, ge=-10, le=10)
    """In a provider's queue; higher goes first."""

    @model_validator(mode="after")
    def _whole(self) -> "RouteSurvival":
        if (MESSAGE in self.degrade) != bool(self.degrade_message):
            raise ValueError("`message` in `degrade` and `degrade_message` go together")
        if CACHE in self.degrade and self.cache is None:
            raise ValueError("`cache` in `degrade` needs a `cache`")
        if len(set(self.degrade)) != len(self.degrade):
            raise ValueError("`degrade` names a step twice")
        return self

    @property
    def terms(self) -> Terms:
        """These keys as routing reads them."""
        retry, cache = self.retry, self.cache
        return Terms(
            retries=retry.attempts,
            backoff=Backoff(retry.backoff_ms / 1000, retry.backoff_cap_ms / 1000),
            retry_after_cap_s=float(retry.retry_after_cap_s),
            filtered_falls_over=self.on_content_filter == "fall_over",
            restarts=self.on_stream_failure == "restart",
            hedge_after_s=self.hedge_after_ms / 1000,
            cache=None if cache is None else CacheTerms(cache.ttl, cache.max_kib << 10, cache.share),
            degrade=self.degrade,
            message=self.degrade_message,
            priority=self.priority,
        )


class Breaker(Section):
    """When a provider is not asked for a while."""

    error_percent: int = Field(default=50, ge=1, le=100)
    """Share of failures in the window that opens the circuit."""
    p95_ms: int = Field(default=0, ge=0, le=3_600_000)
    """Opens it when the 95th percentile of answers took longer (first word, or all of a whole one); 0: never."""
    window: Duration = 30
    least: int = Field(default=5, ge=1, le=1000)
    """Requests that a window must hold before it can open the circuit."""
    cooldown: Duration = 5
    """How long it stays open the first time; doubled by every probe that fails."""
    cooldown_cap: Duration = 120
    shared: bool | None = None
    """Whether other processes are told, and heard, through `storage.shared`; left out: where one is named."""


class Health(Section):
    """Asking a provider whether it is well, with a request of ours that holds nobody's words."""

    path: str = Field(default="", max_length=200)
    """What is asked for with GET, after `base_url`; empty: its list of models. It must cost nothing."""
    every: Duration = 30
    when: Literal["open", "always"] = "open"
    """While one of its circuits is not closed, or always."""
    timeout_s: int = Field(default=5, ge=1, le=60)

    @model_validator(mode="after")
    def _plain(self) -> "Health":
        path, _, query = self.path.partition("?")
        if self.path and not _PATH.fullmatch(path):
            raise ValueError("`path` of `health` begins with `/` and is a plain path")
        if query and not _QUERY.fullmatch(query):
            raise ValueError("the query of `health` has characters that none may have")
        if self.every < 5:
            raise ValueError("`every` of `health` is at least `5s`")
        return self

    @property
    def terms(self) -> HealthTerms:
        """These keys as routing reads them."""
        path, _, query = self.path.partition("?")
        return HealthTerms(path, query, float(self.every), self.when == "always", float(self.timeout_s))


class Queue(Section):
    """How many requests a provider is given at once."""

    concurrent: int = Field(default=0, ge=0, le=10_000)
    """0: any number."""
    waiting: int = Field(default=100, ge=0, le=100_000)
    """Requests beyond these are answered with 503 and Retry-After."""
    wait_ms: int = Field(default=10_000, ge=1, le=600_000)


class ProviderSurvival(Section):
    """A provider's keys."""

    breaker: Breaker = Breaker()
    health: Health | None = None
    """Left out: it is asked only when somebody wants something."""
    queue: Queue = Queue()
    connect_timeout_s: int = Field(default=10, ge=1, le=300)
    idle_timeout_s: int = Field(default=120, ge=1, le=3600)
    """The longest silence within an answer."""

    @property
    def care(self) -> Care:
        """These keys as routing reads them."""
        one, queue = self.breaker, self.queue
        rule = Rule(
            error_percent=one.error_percent,
            slow_ms=one.p95_ms,
            window_s=float(one.window),
            least=one.least,
            cooldown_s=float(one.cooldown),
            cooldown_cap_s=float(one.cooldown_cap),
        )
        terms = QueueTerms(queue.concurrent, queue.waiting, queue.wait_ms / 1000)
        return Care(rule, terms, self.health.terms if self.health else None, is_shared=one.shared is not False)
