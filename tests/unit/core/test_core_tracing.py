"""The place in somebody's trace, as W3C Trace Context writes it."""

import pytest

from firewall.core.tracing import Trace, trace_of

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_good_header_is_read() -> None:
    """Ids and the flag; a later version may say more at its end."""
    expected = Trace(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, is_sampled=True)
    assert trace_of(GOOD) == expected
    assert trace_of(f" {GOOD} ") == expected
    assert trace_of(f"cc{GOOD[2:]}-what-comes") == expected
    assert trace_of(f"{GOOD[:-2]}00") == Trace(expected.trace_id, expected.span_id, is_sampled=False)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        GOOD.upper(),
        f"{GOOD}-more",
        f"ff{GOOD[2:]}",
        GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        GOOD.replace("00f067aa0ba902b7", "0" * 16),
        GOOD.replace("-01", "-1"),
        GOOD[:-3],
        f"{GOOD}\n{GOOD}",
    ],
)
def test_a_malformed_header_is_none(header: str) -> None:
    """It counts as if it were not there."""
    assert trace_of(header) is None
