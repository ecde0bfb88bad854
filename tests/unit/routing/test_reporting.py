"""How providers fared, by the log: downtime, incidents, recovery and who stood in."""

from firewall.routing.reporting import Seen, Tried, report

SECOND = 1_000_000
NAMES = {"prn_a": "acme", "prn_b": "backup"}


def entry(at_s: int, kind: str, provider: str, candidate: str = "c1", **data: object) -> Seen:
    """Return an entry."""
    return Seen(at_s * SECOND, kind, {"provider": provider, "candidate": candidate, **data})


def rows(*seen: Seen, until_s: int = 1000) -> dict[str, dict[str, object]]:
    """Return the report's rows by provider."""
    found = report(seen, (), NAMES, since_us=0, now_us=until_s * SECOND)
    each = found["providers"]
    assert isinstance(each, list)
    return {row["provider"]: row for row in each}


def test_a_provider_is_down_while_one_of_its_circuits_is_open() -> None:
    """Two circuits that overlap are one incident; its end is when the last of them closes."""
    found = rows(
        entry(100, "breaker.opened", "prn_a"),
        entry(110, "breaker.opened", "prn_a", "c2"),
        entry(120, "breaker.closed", "prn_a"),
        entry(150, "breaker.closed", "prn_a", "c2"),
        entry(500, "breaker.opened", "prn_a"),
        entry(550, "breaker.closed", "prn_a"),
    )
    acme = found["acme"]
    assert (acme["uptime_percent"], acme["incidents"], acme["recovery_s"]) == (90.0, 2, 50.0)
    assert (found["backup"]["uptime_percent"], found["backup"]["recovery_s"]) == (100.0, None)


def test_a_probe_that_fails_is_the_same_incident() -> None:
    """A circuit that opens again without having closed has not recovered."""
    found = rows(
        entry(0, "breaker.opened", "prn_a"),
        entry(10, "breaker.opened", "prn_a"),
        entry(40, "breaker.closed", "prn_a"),
    )
    assert (found["acme"]["incidents"], found["acme"]["recovery_s"]) == (1, 40.0)


def test_what_is_open_at_the_end_or_at_a_restart_counts_until_then() -> None:
    """A new process has no open circuits; a reload of routes changes none."""
    reload = Seen(20 * SECOND, "config.loaded", {"routes": "x"})
    restart = Seen(30 * SECOND, "config.loaded", {"pid": 5})
    assert rows(entry(10, "breaker.opened", "prn_a"), reload, restart)["acme"]["recovery_s"] == 20.0
    assert rows(entry(900, "breaker.opened", "prn_a"))["acme"]["uptime_percent"] == 90.0


def test_what_came_of_attempts_stands_beside_it() -> None:
    """Failed attempts, and who answered then; a provider that is configured no more keeps its pseudonym."""
    tried = [Tried("prn_a", 3, 0, 0), Tried("prn_b", 0, 2, 1), Tried("prn_gone", 1, 1, 1)]
    found = report((), tried, NAMES, since_us=0, now_us=10 * SECOND)
    assert found["saved"] == 2
    each = found["providers"]
    assert isinstance(each, list)
    assert [(row["provider"], row["failed_attempts"], row["stood_in"]) for row in each] == [
        ("acme", 3, 0), ("backup", 0, 2), ("prn_gone", 1, 1),
    ]  # fmt: skip
