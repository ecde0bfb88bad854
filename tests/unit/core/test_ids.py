"""Ids: their shape, and that nobody guesses one."""

import pytest

from firewall.core.ids import is_id, spell_id


def test_no_bit_of_an_ids_entropy_is_lost() -> None:
    """57: 128 bits go in and 128 come out: ids of entropies that differ in one bit differ."""
    plain = spell_id("apr", bytes(16))
    others = {spell_id("apr", (1 << bit).to_bytes(16, "big")) for bit in range(128)}
    assert len(others | {plain}) == 129
    assert all(is_id(one, "apr") for one in others)


@pytest.mark.parametrize(
    "text", ["", "apr_", "apr_" + "a" * 21, "apr_" + "a" * 23, "apr_" + "a" * 21 + "\u00e9", "ap"]
)
def test_what_has_not_the_shape_is_no_id(text: str) -> None:
    """Length, alphabet and prefix are exact; one of another kind is none of this."""
    assert not is_id(text, "apr")
    assert not is_id("tok_" + "a" * 22, "apr")
