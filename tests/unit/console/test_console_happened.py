"""What entries say in words."""

from audit import Kind
from firewall.console.happened import HAPPENED, happened


def test_every_kind_says_what_happened() -> None:
    """A kind that is added later says its name until somebody gives it words; those of today all have some."""
    assert set(HAPPENED) == set(Kind)
    assert all(words[0].isupper() and not words.endswith(".") for words in HAPPENED.values())
    assert happened("later.added", {}) == "later.added"


def test_what_was_read_is_named() -> None:
    """A look says at what; a number of an entry is told."""
    assert happened("audit.read", {"what": "policy_simulate"}) == "Somebody read the log: policy simulate"
    assert happened("audit.read", {"read": 0}) == "Somebody read the log: entry 0"
    assert happened("token.minted", {"token": "tok_1"}) == "Token minted"
