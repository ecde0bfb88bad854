"""The `when` language: what it means, what it refuses, how much it costs at most."""

import pytest

from firewall.policy import when
from firewall.policy.facts import KNOWN

_TRUE = [
    "count == 3",
    "count >= 3 and count <= 3",
    "count != 4",
    "count > -1",
    "host == 'a.b'",
    'host == "a.b"',
    "force",
    "force == true",
    "not network",
    "not not force",
    "network or force",
    "force and not network or network",
    "(network or force) and count < 10",
    "not (network and force)",
    "network and nested > 1 or force",
    "nested > 1 or force",
]
_UNKNOWN = [
    "nested > 1",
    "not nested > 1",
    "nested > 1 and force",
    "nested > 1 or network",
    "machine == 'x'",
    "hosts == 1",
]
_FALSE = [
    "count > 3",
    "network",
    "not force",
    "host == 'A.B'",
    "nested > 1 and network",
    "not (nested > 1 or force)",
]
_VALUES = {"count": 3, "host": "a.b", "force": True, "network": False, "hosts": "1"}

_REFUSED = [
    "",
    " ",
    "count",
    "count >",
    "> 3",
    "count == 'x'",
    "host < 'b'",
    "force > network",
    "count and force",
    "not count",
    "nothing_known",
    "count.real == 3",
    "count == 3; force",
    "__import__('os').system('true')",
    "open('x')",
    "(lambda: force)()",
    "[force]",
    "force if network else force",
    "1 < count < 5",
    "count = 3",
    "force force",
    "force and",
    "and force",
    "(force",
    "force)",
    "()",
    "host == 'a",
    "host == 'a\\'b'",
    "true",
    "1 == 1",
    "host == `x`",
    "count == 3.5",
    "count == 99999999999999999999",
    "count == 3a",
    "FORCE",
    "force AND network",
    "force && network",
    "!force",
    "host in ('a', 'b')",
]


@pytest.mark.parametrize("text", _TRUE)
def test_true(text: str) -> None:
    """These hold over the values above."""
    assert when.parse(text, known=KNOWN).holds(_VALUES) is True


@pytest.mark.parametrize("text", _FALSE)
def test_false(text: str) -> None:
    """These do not hold."""
    assert when.parse(text, known=KNOWN).holds(_VALUES) is False


@pytest.mark.parametrize("text", _UNKNOWN)
def test_cannot_be_told(text: str) -> None:
    """A value that is missing or of another type is neither true nor false, and spreads as Kleene says."""
    assert when.parse(text, known=KNOWN).holds(_VALUES) is None


@pytest.mark.parametrize("text", _REFUSED)
def test_refused(text: str) -> None:
    """What is not of this language is refused at load, never evaluated."""
    with pytest.raises(when.WhenError):
        when.parse(text, known=KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "force" + ")" * 5000,
        "not " * 5000 + "force",
        "force and " * 5000 + "force",
        "host == '" + "a" * 100_000 + "'",
        " " * 100_000 + "force",
        "(" * 30 + "force" + ")" * 30,
        "not " * 30 + "force",
        "force or " * 101 + "force",
    ],
)
def test_size_is_bounded(text: str) -> None:
    """An expression cannot be so large or so deep that reading it costs anything."""
    with pytest.raises(when.WhenError):
        when.parse(text, known=KNOWN)


def test_names_are_collected() -> None:
    """An expression says which attributes it asks for."""
    assert when.parse("count > 3 and not force", known=KNOWN).names == {"count", "force"}
