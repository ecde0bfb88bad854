"""What is kept of findings, and the resolver's own limit."""

from firewall.core.thing import Thing
from firewall.core.world import Finding, Standing
from firewall.gates.infra.resolving.kept import MAX_KEPT, UNKNOWN_US, Allowance, Kept

THING = Thing("railway", "volume", "v1")
NOW = 1_795_262_400_000_000
MINUTE = 60_000_000


def test_a_finding_is_kept_for_its_time_and_no_longer() -> None:
    """Known as long as configured, unknown for a moment, unseen not at all; a clock set back adds nothing."""
    kept = Kept(MINUTE)
    kept.put(Finding(THING, Standing.KNOWN), NOW)
    assert kept.get(THING, NOW + MINUTE - 1) is not None
    assert kept.get(THING, NOW + MINUTE) is None
    assert kept.get(THING, NOW - 10 * MINUTE) is None
    kept.put(Finding(THING, Standing.UNKNOWN), NOW)
    assert kept.get(THING, NOW + UNKNOWN_US) is None
    kept.put(Finding(THING, Standing.UNSEEN), NOW)
    assert kept.get(THING, NOW) is None


def test_memory_is_bounded() -> None:
    """The oldest are forgotten first."""
    kept = Kept(MINUTE)
    for number in range(MAX_KEPT + 1):
        kept.put(Finding(Thing("railway", "volume", str(number)), Standing.KNOWN), NOW)
    assert kept.get(Thing("railway", "volume", "0"), NOW) is None
    assert kept.get(Thing("railway", "volume", str(MAX_KEPT)), NOW) is not None


def test_the_limit_is_the_resolvers_own() -> None:
    """So many a minute, a sixth of them at once, and again after a while."""
    allowance = Allowance(60)
    assert [allowance.take(NOW) for _ in range(12)].count(True) == 10
    assert allowance.take(NOW + MINUTE)
