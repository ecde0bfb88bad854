"""The authority of the forward proxy: short-lived, constrained, and never without both."""

import datetime as dt
import itertools
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from firewall.core.errors import ConfigError
from firewall.gates.egress.authority import AHEAD, SIGNS_S, Authority
from tests.support.approving import StillClock

DAY = dt.timedelta(hours=24)


def _certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def _handshake(server: ssl.SSLContext, bundle: str, name: str | None) -> str:
    """Do a handshake in memory; returns the protocol that was agreed on."""
    client = ssl.create_default_context(cadata=bundle)
    if name is None:
        client.check_hostname = False
    client.set_alpn_protocols(["h2", "http/1.1"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [theirs, ours]
    for _ in range(8):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    return theirs.selected_alpn_protocol() or ""


@pytest.fixture
def clock() -> StillClock:
    """A clock that stands at today."""
    return StillClock(int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000)


def test_every_authority_is_constrained_and_lives_less_than_a_day(clock: StillClock) -> None:
    """Hosts alone are permitted, addresses excluded, nothing below it may sign, and a day is never reached."""
    found = _certificates(Authority(["a.example", "*.b.example"], clock).bundle())
    assert len(found) == AHEAD + 1
    for one in found:
        limits = one.extensions.get_extension_for_class(x509.NameConstraints)
        assert limits.critical
        assert [name.value for name in limits.value.permitted_subtrees or []] == ["a.example", "b.example"]
        assert len(limits.value.excluded_subtrees or []) == 2
        basic = one.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
        assert one.not_valid_after_utc - one.not_valid_before_utc < DAY


def test_the_bundle_outlives_every_token(clock: StillClock) -> None:
    """At any moment the certificates of the bundle follow each other without a gap, for a day and more."""
    authority = Authority(["a.example"], clock)
    for later_s in (0, SIGNS_S - 1, SIGNS_S, 5 * SIGNS_S + 7):
        clock.now = clock.now + later_s * 1_000_000
        now = dt.datetime.fromtimestamp(clock.now / 1_000_000, dt.UTC)
        found = _certificates(authority.bundle())
        assert found[0].not_valid_before_utc <= now
        assert all(a.not_valid_after_utc >= b.not_valid_before_utc for a, b in itertools.pairwise(found))
        assert found[-1].not_valid_after_utc >= now + DAY
        assert authority.expires_at() >= now + DAY


def test_a_bundle_of_the_start_is_enough_a_day_later(clock: StillClock) -> None:
    """A client that keeps its file still verifies after authorities have taken turns."""
    authority = Authority(["a.example"], clock)
    first = {one.subject for one in _certificates(authority.bundle())}
    clock.now += 86_400 * 1_000_000
    assert _certificates(authority.bundle())[0].subject in first


def test_each_start_has_keys_of_its_own(clock: StillClock) -> None:
    """Two processes share nothing."""
    keys = {
        one.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        for _ in range(2)
        for one in _certificates(Authority(["a.example"], clock).bundle())
    }
    assert len(keys) == 2 * (AHEAD + 1)


def test_a_handshake_speaks_http1_with_the_named_host(clock: StillClock) -> None:
    """A client that verifies with the bundle alone is content, and h2 is never agreed on."""
    authority = Authority(["a.example", "*.b.example"], clock)
    for host in ("a.example", "x.b.example"):
        assert _handshake(authority.context(host), authority.bundle(), host) == "http/1.1"


@pytest.mark.parametrize("name", ["other.example", None])
def test_another_name_in_the_handshake_is_turned_away(clock: StillClock, name: str | None) -> None:
    """The server name must be the one of CONNECT, and must be there."""
    authority = Authority(["a.example", "other.example"], clock)
    with pytest.raises(ssl.SSLError):
        _handshake(authority.context("a.example"), authority.bundle(), name)


def test_hosts_beyond_the_constraints_have_no_certificate(clock: StillClock) -> None:
    """Neither another host nor one whose name merely ends alike."""
    authority = Authority(["a.example"], clock)
    for host in ("b.example", "nota.example"):
        with pytest.raises(ConfigError):
            authority.context(host)


def test_an_authority_without_constraints_is_not_made(clock: StillClock) -> None:
    """No host, no authority."""
    with pytest.raises(ConfigError):
        Authority([], clock)


def test_contexts_are_made_once_per_host(clock: StillClock) -> None:
    """The same host is served from the same context until the next authority takes over."""
    authority = Authority(["a.example"], clock)
    first = authority.context("a.example")
    assert authority.context("a.example") is first
    clock.now += SIGNS_S * 1_000_000
    assert authority.context("a.example") is not first
