"""Which network addresses a provider may have. Pure: text in, reason out.

INVARIANT: addresses that hand out cloud credentials are refused whatever the configuration says.
Sources: IANA special-purpose address registries; the vendors' metadata services.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "169.254.169.254",  # nearly everybody; link-local, listed for its name
        "192.0.0.192",  # Oracle Cloud, old
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
    )
)
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), _LOCAL_NAT64)
_NOT_GLOBAL = (
    _LOCAL_NAT64,  # RFC 8215
    ipaddress.IPv6Network("fec0::/10"),  # site-local, RFC 3879
    ipaddress.IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    ipaddress.IPv6Network("3fff::/20"),  # documentation, RFC 9637
    ipaddress.IPv4Network("192.0.0.0/24"),  # RFC 6890
)
"""In the registries, but called global by `ipaddress` as it was before CVE-2024-4032 was mended."""
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")


def literal(host: str) -> Address | None:
    """Return the address that `host` is written as, or None where it is a name (or an odd form: 127.1, 0x7f…)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def refusal(address: Address, *, private_ok: bool) -> str | None:
    """Return why `address` may not be spoken to, as words after "is"; None: it may."""
    for one in (address, *_embedded(address)):
        if one in _METADATA:
            return "a cloud metadata address"
        if one.is_link_local or one.is_multicast or one.is_unspecified or _is_nowhere(one):
            return "no address of a server"
        if not _is_global(one) and not (private_ok and _is_private(one)):
            return "a private address"
    return None


def _is_global(address: Address) -> bool:
    return address.is_global and not any(address in network for network in _NOT_GLOBAL)


def _is_private(address: Address) -> bool:
    return address.is_private or address.is_loopback or address in _CGNAT or not _is_global(address)


_CGNAT = ipaddress.IPv4Network("100.64.0.0/10")


def _is_nowhere(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in _THIS_NETWORK or address.is_reserved
    return False


def _embedded(address: Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses that an IPv6 address leads to through mapping, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo is not None:
        found += address.teredo
    if any(address in network for network in _NAT64):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address in _LOCAL_NAT64 and int(address) >> 64 & 0xFFFF:  # behind a prefix of 48 bits: RFC 6052, 2.2
            found.append(ipaddress.IPv4Address(int(address) >> 48 & 0xFFFF0000 | int(address) >> 40 & 0xFFFF))
    elif address in _COMPATIBLE and int(address) > 1:
        found.append(ipaddress.IPv4Address(int(address)))
    return tuple(found)
