"""The order of effects."""

from firewall.core.effect import Effect, ordered, severity, strictest


def test_destructive_is_strictest_and_nothing_is_unknown() -> None:
    """The order is total; of no effect nothing is known."""
    assert strictest(Effect) is Effect.DESTRUCTIVE
    assert strictest(()) is Effect.UNKNOWN
    assert severity(Effect.UNKNOWN) > severity(Effect.WRITE)
    assert ordered([Effect.READ, Effect.EXEC, Effect.READ]) == (Effect.EXEC, Effect.READ)
