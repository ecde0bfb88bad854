"""A secret never shows itself by accident."""

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.secret import Secret

_VALUE = "sk-live-0123456789"


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r}".format, "%s".__mod__, "{:>40}".format])
def test_no_formatting_shows_the_value(shown: object) -> None:
    """Whatever prints a secret prints its fingerprint."""
    assert callable(shown)
    text = shown(Secret(_VALUE))
    assert "sk-live" not in text
    assert Secret(_VALUE).fingerprint in text


@given(st.text())
def test_a_secret_never_equals_its_text(value: str) -> None:
    """A comparison with plain text is always false, and with another secret tells whether the values agree."""
    assert Secret(value) != value
    assert Secret(value) == Secret(value)
    assert Secret(value) != Secret(value + "x")
    assert hash(Secret(value)) == hash(Secret(value))
    assert Secret(value).reveal() == value
    assert bool(Secret(value)) == bool(value)


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_cannot_be_carried_away(leak: object) -> None:
    """Pickling, copying and serialising raise instead of leaking."""
    assert callable(leak)
    with pytest.raises(TypeError):
        leak(Secret(_VALUE))


def test_a_secret_has_no_other_door() -> None:
    """There is no attribute dictionary that a debugger or serialiser would walk."""
    assert not hasattr(Secret(_VALUE), "__dict__")


@pytest.mark.parametrize(
    "value", ["sk-live-0123456789abcdefghij", "short/key", "p4ss w0rd with blanks", "a/b+c=d/e+f=g"]
)
def test_a_secret_is_found_in_each_of_its_forms(value: str) -> None:
    """What is searched is searched for every spelling, whether or not the value holds a long run of letters."""
    secret = Secret(value)
    for form in secret.spellings:
        assert secret.stands_in(b"x: " + form + b"\n")
    assert not secret.stands_in(b"content-type: application/json, 0123456789abcdefghijklmnop")
    assert not Secret("").stands_in(b"")
