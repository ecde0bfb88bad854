"""Values of the configuration."""

import pytest

from firewall.settings.values import seconds


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("30m", 1800), ("8h", 28_800), ("2d", 172_800), (7, 7)])
def test_durations(text: object, value: int) -> None:
    """Seconds, minutes, hours and days."""
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "m", "1w", "1.5h", "-1m", "1 m", None, "1m30s"])
def test_what_is_no_duration(text: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)
