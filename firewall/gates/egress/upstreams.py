"""The carriers behind the forward proxy: one for the system's roots, one for each authority of an operator's own.

An authority of the configuration proves the hosts of its row and no others, so one that is known for an index of
your own says nothing about a public one; ours proves nothing here at all. Connections to ourselves are refused.
"""

import socket
from collections.abc import Iterable
from pathlib import Path

from firewall.core.errors import ConfigError, UpstreamError, UpstreamFault
from firewall.core.outgoing import Outgoing
from firewall.gates.egress.hosts import Permit
from firewall.routing.addresses import literal
from firewall.routing.port import Endpoint, Timeouts, UpstreamRequest, UpstreamResponse
from firewall.routing.resolver import AddressRefusedError, Lookup, system_lookup
from firewall.routing.roots import system_roots
from firewall.routing.upstream import HttpUpstream

TOTAL_S = 3600.0
"""Large files take their time."""


class Upstreams:
    """Carries requests to listed hosts; `close` it in the loop that used it."""

    def __init__(self, authorities: Iterable[str], *, own_ports: Iterable[int], timeout_s: float) -> None:
        """`own_ports`: where this firewall listens; no name may lead back there."""
        lookup = not_ourselves(frozenset(own_ports))
        self._carriers = {"": HttpUpstream(ca_file=system_roots(), lookup=lookup)}
        for path in authorities:
            self._carriers[path] = _carrier(path, lookup)
        self._timeouts = Timeouts(first_byte_s=timeout_s, total_s=TOTAL_S)

    async def open(self, outgoing: Outgoing, permit: Permit, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request to its host and return the head of the answer.

        Raises: UpstreamError; ProtocolError where its bytes cannot be sent as they are.
        """
        carrier = self._carriers.get(permit.ca)
        if carrier is None:
            raise UpstreamError("the host's authority is not known", fault=UpstreamFault.REJECTED)
        endpoint = Endpoint(
            name=outgoing.host,
            base_url=f"{outgoing.scope}://{outgoing.host}",
            private=permit.private,
            timeouts=self._timeouts,
            keyless=True,
        )
        return await carrier.open(endpoint, request)

    async def close(self) -> None:
        """Close every connection."""
        for carrier in self._carriers.values():
            await carrier.close()


def _carrier(path: str, lookup: Lookup) -> HttpUpstream:
    try:
        return HttpUpstream(ca_file=Path(path), lookup=lookup)
    except OSError as error:  # no such file, or nothing in it that is a certificate
        raise ConfigError(f"the authority `{path}` of [[egress.host]] cannot be used") from error


def not_ourselves(own_ports: frozenset[int], lookup: Lookup = system_lookup) -> Lookup:
    """Return a lookup that refuses names which lead to a port of ours on this machine."""

    async def checked(host: str, port: int) -> list[str]:
        found = await lookup(host, port)
        if port in own_ports:
            mine = await _own_addresses(lookup)
            for text in found:
                address = literal(text.partition("%")[0])
                if address is None or address.is_loopback or address.is_unspecified or text in mine:
                    raise AddressRefusedError(f"`{host}` leads to the firewall itself")
        return found

    return checked


async def _own_addresses(lookup: Lookup) -> frozenset[str]:
    try:
        return frozenset(await lookup(socket.gethostname(), 0))
    except OSError:  # a machine that does not know its own name: loopback is refused all the same
        return frozenset()
