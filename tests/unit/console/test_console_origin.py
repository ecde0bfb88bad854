"""Hosts and origins that are ours."""

import pytest

from firewall.console.auth import agent_token_present
from firewall.console.origin import places
from firewall.console.throttle import source_of


def test_a_loopback_listener_is_reached_by_its_loopback_names() -> None:
    """Names without the port, other ports and other names are strangers."""
    known = places("http://localhost:8788", "127.0.0.1:8788")
    for host in ("localhost:8788", "LOCALHOST:8788", "127.0.0.1:8788", "[::1]:8788"):
        assert known.knows_host(host)
    for host in ("localhost", "localhost:8787", "evil.test:8788", "127.0.0.1", "", "localhost:8788@evil.test"):
        assert not known.knows_host(host)
    assert not known.is_https


def test_a_public_name_is_https_with_and_without_its_port() -> None:
    """A phone reaches the name, the machine itself the listener; plain http of the name is no origin of ours."""
    known = places("https://stayhand.example", "0.0.0.0:8788")
    assert known.is_https
    assert known.knows_host("stayhand.example")
    assert known.knows_host("stayhand.example:443")
    assert known.knows_host("127.0.0.1:8788")
    assert known.is_same_origin("https://stayhand.example", "same-origin")
    assert known.is_same_origin("https://stayhand.example", None)
    assert not known.is_same_origin("http://stayhand.example", None)


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://evil.test", "http://localhost", "http://localhost:87880"]
)
def test_other_origins_are_never_the_same(origin: str | None) -> None:
    """No Origin, `null` and look-alikes fail, whatever Sec-Fetch-Site claims."""
    known = places("http://localhost:8788", "127.0.0.1:8788")
    assert not known.is_same_origin(origin, "same-origin")
    assert not known.is_same_origin(origin, None)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_our_origin_from_another_site_is_refused(site: str) -> None:
    """The browser's own word can only make it stricter."""
    assert not places("http://localhost:8788", "127.0.0.1:8788").is_same_origin("http://localhost:8788", site)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_source_is_an_address_or_a_64(host: str, source: str) -> None:
    """Somebody with a /64 is one source, not 2**64."""
    assert source_of(host) == source


def test_control_tokens_are_no_agents_tokens() -> None:
    """Only kind agent is refused by its form; other headers are not looked at."""
    assert agent_token_present([(b"Authorization", b"bearer shd_my_env_agent_x")])
    assert not agent_token_present(
        [(b"authorization", b"Bearer shd_control_admin_x"), (b"user-agent", b"shd_a_agent_")]
    )
