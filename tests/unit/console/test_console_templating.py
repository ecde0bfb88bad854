"""How pages write instants and durations."""

import pytest

from firewall.console.templating import environment


def _shown(template: str, value: object) -> str:
    return environment().from_string(template).render(value=value)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (12.5, "12.5 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h"),
        (86_399, "23 h 59 min"),
        (1_166_485.3, "13 d 12 h"),
    ],
)
def test_a_duration_is_said_in_units_that_people_use(seconds: float, words: str) -> None:
    """Nobody reads a million seconds."""
    assert _shown("{{ value|lasting }}", seconds) == words


@pytest.mark.parametrize("text", ["2026-11-22T03:00:00Z", "2026-11-22T03:00:00+00:00"])
def test_an_instant_has_its_zone(text: str) -> None:
    """However it was written."""
    assert _shown("{{ value|moment }}", text) == "2026-11-22 03:00:00 UTC"
