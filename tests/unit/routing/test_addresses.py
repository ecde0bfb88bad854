"""Which addresses providers may have."""

import ipaddress

import pytest

from firewall.routing.addresses import literal, refusal

_NEVER = (
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9fe:a9:fe00:0:1",
    "fe80::1",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "0.1.2.3",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "0.0.0.1",
)
_PRIVATE = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fc00::1",
    "::ffff:10.0.0.1",
    "fec0::1",
    "192.0.0.8",
    "64:ff9b:1::808:808",
)
_PUBLIC = (
    "8.8.8.8",
    "104.18.7.192",
    "2606:4700::6812:7c0",
    "64:ff9b::808:808",
)


@pytest.mark.parametrize("text", _NEVER)
@pytest.mark.parametrize("private_ok", [True, False])
def test_metadata_and_nowhere_are_always_refused(text: str, *, private_ok: bool) -> None:
    """Whatever is configured, nobody is sent to a metadata service, however its address is wrapped."""
    assert refusal(ipaddress.ip_address(text), private_ok=private_ok) is not None


@pytest.mark.parametrize("text", _PRIVATE)
def test_private_addresses_need_permission(text: str) -> None:
    """Private addresses are reached only where the configuration says so."""
    assert refusal(ipaddress.ip_address(text), private_ok=False) == "a private address"
    assert refusal(ipaddress.ip_address(text), private_ok=True) is None


@pytest.mark.parametrize("text", _PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    """Ordinary servers are ordinary."""
    assert refusal(ipaddress.ip_address(text), private_ok=False) is None


@pytest.mark.parametrize(
    "text", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "127.0.0.1.nip.io"]
)
def test_odd_forms_are_names(text: str) -> None:
    """A form that only some readers take for an address is no literal: it is resolved and judged by its answer."""
    assert literal(text) is None
