"""What a rule asks of a call: what is not said holds, what is said must hold."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from firewall.core.attribution import Attribution
from firewall.routing.choosing.conditions import Conditions, Times
from firewall.routing.choosing.facts import Facts

ABOUT = Attribution("search", "gold", "core", (("region", "EU, us"), ("sensitivity", "internal")))
FACTS = Facts(
    "m",
    environment="staging",
    owner="olga",
    about=ABOUT,
    has_tools=True,
    input_tokens=1000,
    scan=lambda: frozenset({"personal", "personal:iban"}),
)


def at(text: str) -> int:
    """Return an instant of UTC in microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("conditions", "unmet"),
    [
        (Conditions(), ""),
        (Conditions(feature=("sea*",), user_tier=("gold",), team=("core",), owner=("o*",)), ""),
        (Conditions(feature=("chat",)), "feature"),
        (Conditions(user_tier=("free",)), "user_tier"),
        (Conditions(team=("web",)), "team"),
        (Conditions(owner=("paul",)), "owner"),
        (Conditions(environment=("production",)), "environment"),
        (Conditions(region=("eu",)), ""),
        (Conditions(region=("asia*",)), "region"),
        (Conditions(sensitivity=("personal:iban",)), ""),
        (Conditions(sensitivity=("internal",)), ""),
        (Conditions(sensitivity=("credentials",)), "sensitivity"),
        (Conditions(over_tokens=999, up_to_tokens=1000), ""),
        (Conditions(over_tokens=1000), "input_tokens"),
        (Conditions(up_to_tokens=999), "input_tokens"),
        (Conditions(tools=True, images=False), ""),
        (Conditions(tools=False), "tools"),
        (Conditions(images=True), "images"),
        (Conditions(times=Times(UTC, 60, 120)), "hours"),
    ],
)
def test_every_condition_holds_or_is_named(conditions: Conditions, unmet: str) -> None:
    """The first condition that does not hold is named; with all held, nothing is."""
    assert conditions.unmet(FACTS) == unmet


@pytest.mark.parametrize(
    ("times", "instant", "holds"),
    [
        (Times(UTC, 8 * 60, 18 * 60), "2026-11-20 08:00", True),
        (Times(UTC, 8 * 60, 18 * 60), "2026-11-20 17:59", True),
        (Times(UTC, 8 * 60, 18 * 60), "2026-11-20 18:00", False),
        (Times(UTC, 22 * 60, 6 * 60), "2026-11-20 23:00", True),
        (Times(UTC, 22 * 60, 6 * 60), "2026-11-20 05:59", True),
        (Times(UTC, 22 * 60, 6 * 60), "2026-11-20 06:00", False),
        (Times(UTC, days=frozenset({4})), "2026-11-20 12:00", True),
        (Times(UTC, days=frozenset({4})), "2026-11-21 12:00", False),
        # The night from Friday to Saturday belongs to Friday, also behind midnight.
        (Times(UTC, 22 * 60, 6 * 60, frozenset({4})), "2026-11-21 03:00", True),
        (Times(UTC, 22 * 60, 6 * 60, frozenset({5})), "2026-11-21 03:00", False),
        (Times(ZoneInfo("Europe/Berlin"), 8 * 60, 9 * 60), "2026-11-20 07:30", True),
        (Times(ZoneInfo("Europe/Berlin"), 8 * 60, 9 * 60), "2026-07-20 06:30", True),
    ],
)
def test_hours_are_those_of_the_place(times: Times, instant: str, holds: bool) -> None:  # noqa: FBT001 - a row
    """The begin belongs to the hours, the end does not; nights end on the next day; zones have summers."""
    assert times.hold(at(instant)) is holds


def test_nothing_is_searched_that_no_rule_asks_for() -> None:
    """The text is searched when sensitivity is asked for, once, and given labels count beside what is found."""
    count = 0

    def scan() -> frozenset[str]:
        nonlocal count
        count += 1
        return frozenset({"credentials"})

    facts = Facts("m", about=ABOUT, scan=scan)
    assert Conditions(feature=("search",), tools=False).unmet(facts) == ""
    assert count == 0
    assert facts.sensitivity == facts.sensitivity == {"credentials", "internal"}
    assert count == 1
