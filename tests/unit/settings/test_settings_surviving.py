"""What routes and providers say about failures: defaults, and what is refused when it is read."""

import pytest
from pydantic import ValidationError

from firewall.core.breaker import Rule
from firewall.core.terms import CacheTerms, HealthTerms, QueueTerms, Share
from firewall.settings.providers import Provider
from firewall.settings.surviving import ProviderSurvival, RouteSurvival


def test_a_route_that_says_nothing_asks_once_more() -> None:
    """One repetition, no cache, no hedging."""
    terms = RouteSurvival().terms
    assert (terms.retries, terms.backoff.first_s, terms.backoff.cap_s, terms.retry_after_cap_s) == (
        1,
        0.1,
        0.4,
        2.0,
    )
    assert (terms.cache, terms.hedge_after_s) == (None, 0.0)
    assert (terms.filtered_falls_over, terms.restarts) == (False, False)


def test_what_a_route_says_is_what_routing_reads() -> None:
    """Every key arrives in its unit."""
    terms = RouteSurvival.model_validate(
        {
            "retry": {"attempts": 3, "backoff_ms": 50, "retry_after_cap_s": 5},
            "on_content_filter": "fall_over",
            "on_stream_failure": "restart",
            "hedge_after_ms": 1500,
            "cache": {"ttl": "10m", "max_kib": 4, "share": "principal"},
            "degrade": ["openai/gpt-mini", "cache", "message"],
            "degrade_message": "come back later",
            "priority": 2,
        }
    ).terms
    assert (terms.retries, terms.backoff.first_s, terms.retry_after_cap_s) == (3, 0.05, 5.0)
    assert (terms.filtered_falls_over, terms.restarts) == (True, True)
    assert (terms.hedge_after_s, terms.cache) == (1.5, CacheTerms(600, 4096, Share.PRINCIPAL))
    assert (terms.degrade, terms.message) == (("openai/gpt-mini", "cache", "message"), "come back later")
    assert terms.priority == 2


@pytest.mark.parametrize(
    "keys",
    [
        {"degrade": ["smaller"]},
        {"degrade": ["openai/"]},
        {"degrade": ["message"]},
        {"degrade_message": "sorry"},
        {"degrade": ["cache"]},
        {"degrade": ["a/b", "a/b"]},
        {"retry": {"attempts": 6}},
        {"retry": {"tries": 1}},
        {"hedge_after_ms": -1},
        {"cache": {"ttl": "0s"}},
        {"cache": {"share": "everybody"}},
        {"on_stream_failure": "pretend"},
    ],
)
def test_what_makes_no_sense_is_refused_at_load(keys: dict[str, object]) -> None:
    """A step that is none, a message without words, words without a step, a bound that is none."""
    with pytest.raises(ValidationError):
        RouteSurvival.model_validate(keys)


def test_a_provider_has_a_breaker_and_no_queue() -> None:
    """Unless it says otherwise."""
    care = ProviderSurvival().care
    assert care.breaker == Rule(
        error_percent=50, slow_ms=0, window_s=30, least=5, cooldown_s=5, cooldown_cap_s=120
    )
    assert care.queue == QueueTerms(0, 100, 10.0)
    said = ProviderSurvival.model_validate(
        {
            "breaker": {"error_percent": 20, "p95_ms": 9000, "window": "1m", "cooldown": "30s"},
            "queue": {"concurrent": 4, "waiting": 2, "wait_ms": 500},
        }
    ).care
    assert (said.breaker.error_percent, said.breaker.slow_ms, said.breaker.window_s) == (20, 9000, 60.0)
    assert (said.breaker.cooldown_s, said.queue) == (30.0, QueueTerms(4, 2, 0.5))


@pytest.mark.parametrize(("keys", "is_shared"), [({}, True), ({"shared": True}, True), ({"shared": False}, False)])
def test_circuits_are_shared_where_there_is_a_place_unless_one_says_no(
    keys: dict[str, bool], *, is_shared: bool
) -> None:
    """`shared = false` keeps a provider's circuits to this process."""
    care = ProviderSurvival.model_validate({"breaker": keys}).care
    assert care.is_shared is is_shared


def test_health_is_asked_for_only_where_it_is_configured() -> None:
    """Off by default; path and query apart, in their units."""
    assert ProviderSurvival().care.health is None
    health = {"path": "/models?limit=1", "every": "1m", "when": "always", "timeout_s": 3}
    care = ProviderSurvival.model_validate({"health": health}).care
    assert care.health == HealthTerms("/models", "limit=1", 60.0, is_always=True, timeout_s=3.0)
    assert ProviderSurvival.model_validate({"health": {}}).care.health == HealthTerms()


@pytest.mark.parametrize(
    "keys",
    [
        {"path": "models"},
        {"path": "//elsewhere.example.com"},
        {"path": "/a/../b"},
        {"path": "/a b"},
        {"path": "/a?b c"},
        {"path": "/%2e%2e"},
        {"path": "/a#b"},
        {"every": "4s"},
        {"when": "sometimes"},
        {"timeout_s": 0},
        {"body": "words"},
    ],
)
def test_what_health_cannot_mean_is_refused(keys: dict[str, object]) -> None:
    """A plain path, seldom, and nothing that could carry words."""
    with pytest.raises(ValidationError):
        ProviderSurvival.model_validate({"health": keys})


@pytest.mark.parametrize(
    "keys",
    [
        {"api_key": "client"},
        {"kind": "bedrock", "region": "us-east-1", "api_key": {"env": "X"}},
        {"kind": "vertex", "region": "us-east1", "project": "p", "api_key": {"env": "X"}},
    ],
)
def test_nobodys_login_is_used_to_ask_for_health(keys: dict[str, object]) -> None:
    """A key of ours, at a provider that has such a question."""
    plain = {"name": "p", "dialect": "anthropic", "base_url": "https://p.example.com", "api_key": {"env": "X"}}
    assert Provider.model_validate({**plain, "health": {}}).care.health is not None
    with pytest.raises(ValidationError, match="health"):
        Provider.model_validate({**plain, **keys, "health": {}})
