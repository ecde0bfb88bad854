"""Ids of calls are the same on every way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.neutral import ids

ALPHABETS = [ids.ANTHROPIC, ids.OPENAI_CHAT, ids.OPENAI_RESPONSES, ids.GEMINI]


@pytest.mark.parametrize("identity", ["toolu_01AbC", "call_9xYz", "a-b_c"])
def test_an_id_that_fits_is_left_alone(identity: str) -> None:
    """What every dialect accepts goes as it is, out and in."""
    assert {ids.outward(identity, alphabet) for alphabet in ALPHABETS} == {identity}
    assert ids.inward(identity) == identity


def test_an_odd_id_is_wrapped_and_unwrapped() -> None:
    """Kimi's `functions.Bash:0` is no id for Anthropic; it is when it comes back."""
    wrapped = ids.outward("functions.Bash:0", ids.ANTHROPIC)
    assert wrapped == "shx_ZnVuY3Rpb25zLkJhc2g6MA"
    assert ids.inward(wrapped) == "functions.Bash:0"
    assert ids.outward("functions.Bash:0", ids.OPENAI_CHAT) == "functions.Bash:0"


def test_an_id_that_is_too_long_is_hashed_the_same_each_time() -> None:
    """The call and its result still match, and no two ids become one."""
    first, again, other = (ids.outward(one * 90, ids.OPENAI_CHAT) for one in "aab")
    assert first == again != other
    assert len(first) <= 40


@given(st.text(min_size=1, max_size=80), st.sampled_from(ALPHABETS))
def test_every_id_fits_and_comes_back_or_stays(identity: str, alphabet: ids.Alphabet) -> None:
    """What goes out is accepted there; what was wrapped is told again; what was hashed stays what it is."""
    out = ids.outward(identity, alphabet)
    assert alphabet.fits(out)
    assert ids.inward(out) in {identity, out} if out.startswith("shh_") else ids.inward(out) == identity
    assert ids.outward(ids.inward(out), alphabet) == out


@pytest.mark.parametrize("odd", ["shx_", "shx_!", "shx_A", "shx__w", "shx_7aCA"])
def test_what_only_looks_wrapped_is_an_id(odd: str) -> None:
    """A client's own id that begins like ours is no error, and no way to write what is no text."""
    assert ids.inward(odd).isascii()


def test_a_missing_id_is_derived_from_the_exchange() -> None:
    """The same exchange gives the same id, another call or exchange another one."""
    found = {ids.derived(seed, key=key) for seed in ("a", "b") for key in (0, 1)}
    assert len(found) == 4
    assert ids.derived("a", key=0) in found
    assert all(alphabet.fits(one) for alphabet in ALPHABETS for one in found)
