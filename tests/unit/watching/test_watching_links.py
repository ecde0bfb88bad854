"""How circuits stand and whether processes hear each other, in words and as Prometheus reads it."""

from prometheus_client import CollectorRegistry, generate_latest

from firewall.core.breaker import State
from firewall.routing.trying.circuits import Circuit, Standing
from firewall.routing.trying.sharing import Link
from firewall.watching.links import Circuitry

OPEN = Standing(Circuit("primary", "m-1", "k"), State.OPEN, 3.0)
CLOSED = Standing(Circuit("primary", "m-2", "k"), State.CLOSED, 0.0)


def test_circuits_are_counted_by_provider_and_state() -> None:
    """As they stand when somebody looks; a provider that is gone leaves no figure behind."""
    registry = CollectorRegistry()
    circuitry = Circuitry(registry)
    circuitry.standing = lambda: (OPEN, CLOSED, CLOSED)
    assert circuitry.words() == "1 of 3 open"
    text = generate_latest(registry).decode()
    assert 'stayhand_circuits{provider="primary",state="open"} 1.0' in text
    assert 'stayhand_circuits{provider="primary",state="closed"} 2.0' in text
    circuitry.standing = tuple
    assert "primary" not in generate_latest(registry).decode()
    assert "shared" not in text
    assert circuitry.shared() == ""


def test_the_link_is_shown_as_it_is_now() -> None:
    """Up or not, and every kind of failure from the start, so that alerts can be written."""
    registry = CollectorRegistry()
    circuitry = Circuitry(registry)
    circuitry.link = lambda: Link(is_up=True, told=2, why="")
    text = generate_latest(registry).decode()
    assert "stayhand_shared_up 1.0" in text
    assert 'stayhand_shared_failures_total{why="timeout"} 0.0' in text
    assert circuitry.shared() == "shared, 2 told of"
    circuitry.link = lambda: Link(is_up=False, why="timeout", failures={"timeout": 3})
    text = generate_latest(registry).decode()
    assert "stayhand_shared_up 0.0" in text
    assert 'stayhand_shared_failures_total{why="timeout"} 3.0' in text
    assert 'stayhand_shared_failures_total{why="login"} 0.0' in text
    assert circuitry.shared().startswith("away (timeout)")


def test_requests_of_our_own_are_counted() -> None:
    """By provider and what came of them."""
    registry = CollectorRegistry()
    circuitry = Circuitry(registry)
    for _ in range(2):
        circuitry.probed("primary", "ok")
    assert (
        'stayhand_health_probes_total{outcome="ok",provider="primary"} 2.0' in generate_latest(registry).decode()
    )
