"""Where connections of the forward proxy may lead."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError, UpstreamError
from firewall.core.outgoing import Outgoing
from firewall.gates.egress.hosts import Permit
from firewall.gates.egress.upstreams import Upstreams, not_ourselves
from firewall.routing.port import UpstreamRequest
from firewall.routing.resolver import AddressRefusedError


async def _lookup(host: str, port: int) -> list[str]:
    assert port >= 0
    known = {
        "loop.example": "127.0.0.1",
        "any.example": "0.0.0.0",  # noqa: S104 - compared with
        "six.example": "::1",
        "far.example": "203.0.113.7",
    }
    return [known.get(host, "198.51.100.4")]


@pytest.mark.parametrize("host", ["loop.example", "any.example", "six.example", "this.machine.example"])
async def test_no_name_leads_back_to_our_own_ports(host: str) -> None:
    """A name that means this machine is refused at a port where the firewall listens."""
    lookup = not_ourselves(frozenset({8788}), _lookup)
    with pytest.raises(AddressRefusedError):
        await lookup(host, 8788)


async def test_other_ports_and_other_machines_are_looked_up() -> None:
    """What is not ours is left to the resolver's own checks."""
    lookup = not_ourselves(frozenset({8788}), _lookup)
    assert await lookup("loop.example", 9000) == ["127.0.0.1"]
    assert await lookup("far.example", 8788) == ["203.0.113.7"]


def test_an_authority_that_cannot_be_read_is_refused_at_start(tmp_path: Path) -> None:
    """A missing file and one without a certificate end the start."""
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path in (tmp_path / "none.pem", empty):
        with pytest.raises(ConfigError):
            Upstreams([str(path)], own_ports=[], timeout_s=1)


async def test_an_unknown_authority_carries_nothing() -> None:
    """FAIL-CLOSED: a permit whose authority was not loaded is no reason to use another one."""
    upstreams = Upstreams([], own_ports=[], timeout_s=1)
    with pytest.raises(UpstreamError):
        await upstreams.open(
            Outgoing("GET", "/", host="a.example", scope="https"), Permit(ca="/x"), UpstreamRequest("GET", "/")
        )
    await upstreams.close()
