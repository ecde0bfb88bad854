"""No text of any kind makes classification raise, answer nothing, point outside, work long or take much memory."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firewall.classify.text import KINDS as READ
from firewall.classify.text import actions_of_input
from tests.fuzz.checks import MAX_BYTES, MAX_CALLS, calls_of, check, peak_of
from tests.fuzz.grammars import KINDS, PIECES
from tests.support.understanding import shipped_context

_settings = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
_LONG = 40_000


def test_every_kind_is_fuzzed() -> None:
    """A kind that gets a reader gets texts of its grammar."""
    assert set(KINDS) == set(READ)


@pytest.mark.parametrize("kind", sorted(KINDS))
@_settings
@given(data=st.data())
def test_pieces_of_a_grammar_get_an_answer(kind: str, data: st.DataObject) -> None:
    """Pieces in any order, cut and repeated: an answer with effects, its spans inside the text."""
    check(kind, data.draw(KINDS[kind]))


@pytest.mark.parametrize("kind", sorted(KINDS))
@_settings
@given(text=st.text(max_size=200))
def test_any_text_gets_an_answer(kind: str, text: str) -> None:
    """Whatever characters come, of any script, lone surrogates and controls included."""
    check(kind, text)


@pytest.mark.parametrize("kind", sorted(PIECES))
def test_repeated_pieces_take_bounded_work(kind: str) -> None:
    """Tens of thousands of characters of one piece: a bounded number of calls, and an answer."""
    heavy = {}
    for piece in PIECES[kind]:
        text = (piece * _LONG)[:_LONG]
        check(kind, text)
        calls = calls_of(lambda text=text: actions_of_input(kind, text, shipped_context()))  # type: ignore[misc]  # bound now
        if calls > MAX_CALLS:
            heavy[piece] = calls
    assert heavy == {}


@pytest.mark.parametrize("kind", sorted(PIECES))
def test_repeated_pieces_take_bounded_memory(kind: str) -> None:
    """The same within 64 MB, as Python counts them."""
    for piece in PIECES[kind][::4]:
        text = (piece * _LONG)[:_LONG]
        assert peak_of(lambda text=text: actions_of_input(kind, text, shipped_context())) < MAX_BYTES, piece  # type: ignore[misc]  # bound now


def test_no_pattern_takes_more_than_linear_time() -> None:
    """Every compiled pattern of the code and the catalogues ends soon on strings made to keep it busy."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.regexes"], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert int(done.stdout.split()[0]) > 1000
