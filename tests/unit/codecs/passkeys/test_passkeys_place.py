"""Where passkeys work: by the configured address alone."""

import pytest

from firewall.codecs.passkeys.place import Party, party_of, why_not


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("https://stayhand.example.com", Party("stayhand.example.com", "https://stayhand.example.com")),
        ("https://Stayhand.Example.com:443/", Party("stayhand.example.com", "https://stayhand.example.com")),
        ("https://a.example.com:8443", Party("a.example.com", "https://a.example.com:8443")),
        ("http://localhost:8788", Party("localhost", "http://localhost:8788")),
        ("http://stayhand.localhost:8788", Party("stayhand.localhost", "http://stayhand.localhost:8788")),
        ("http://localhost:80", Party("localhost", "http://localhost")),
    ],
)
def test_an_address_with_a_name_has_a_party(url: str, party: Party) -> None:
    """The id is the name, the origin is spelled as browsers spell it."""
    assert why_not(url) == ""
    assert party_of(url) == party
    assert party.is_local is ("localhost" in url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://stayhand.example.com", "is not https"),
        ("https://10.0.0.7", "has an IP address in place of a name"),
        ("https://127.1", "has an IP address in place of a name"),
        ("https://2130706433", "has an IP address in place of a name"),
        ("http://127.0.0.1:8788", "has an IP address in place of a name"),
        ("https://[::1]:8788", "has an IP address in place of a name"),
        ("https://stayhand", "has a name without a domain"),
        ("https://stayhänd.example", "has no name that a browser could bind a passkey to"),
        ("https://stayhand.example.", "has no name that a browser could bind a passkey to"),
        ("https://", "has no name that a browser could bind a passkey to"),
        ("ftp://stayhand.example", "is no https address"),
        ("https://stayhand.example:99999", "cannot be read"),
        ("", "is no https address"),
    ],
)
def test_any_other_address_has_none_and_says_why(url: str, why: str) -> None:
    """A browser would refuse it, or bind the passkey to something that moves."""
    assert why_not(url).startswith(why)
    assert party_of(url) is None
