"""What a token's calls may cost is typed in dollars and kept in whole micro-USD."""

import click
import pytest

from firewall.cli.token import _micros


@pytest.mark.parametrize(
    ("text", "micros"), [("2.50", 2_500_000), ("$5", 5_000_000), ("0.000001", 1), ("1e2", 100_000_000)]
)
def test_dollars_are_read_exactly(text: str, micros: int) -> None:
    """No amount is rounded on its way in."""
    assert _micros(text) == micros


@pytest.mark.parametrize("text", ["", "much", "-1", "0", "0.0000001", "nan", "inf", "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """With a word about it, before anything is sent."""
    with pytest.raises(click.UsageError):
        _micros(text)
