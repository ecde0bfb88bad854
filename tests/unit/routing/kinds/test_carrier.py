"""Who has a manner is asked in it; everybody else as before, and an answer that cannot be read is let go of."""

import asyncio
from typing import cast

import pytest

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.routing.kinds.carrier import MannerlyUpstream
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse

REQUEST = UpstreamRequest("POST", "/chat")


class Answer:
    """Notes that it was closed."""

    status = 200
    is_closed = False

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


class Carrier:
    """Notes what it carries."""

    def __init__(self) -> None:
        self.carried: list[str] = []
        self.answer = Answer()

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        """Answer at once."""
        del endpoint
        self.carried.append(request.path)
        return cast("UpstreamResponse", self.answer)


class Odd:
    """A manner that asks elsewhere and cannot read what it hears."""

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Ask elsewhere."""
        del request, endpoint, upstream
        return UpstreamRequest("POST", "/elsewhere")

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Refuse."""
        assert (response.status, request) == (200, UpstreamRequest("POST", "/elsewhere"))
        raise UpstreamError("no", fault=UpstreamFault.MALFORMED)


def test_manners_are_found_by_the_providers_name() -> None:
    """The plain one gets the dialect's request; the odd one its own, and its answer does not stay open."""
    carrier = Carrier()
    upstream = MannerlyUpstream(carrier, {"odd": Odd()})

    async def play() -> None:
        await upstream.open(Endpoint("plain", "https://a.example.com"), REQUEST)
        with pytest.raises(UpstreamError):
            await upstream.open(Endpoint("odd", "https://a.example.com"), REQUEST)

    asyncio.run(play())
    assert carrier.carried == ["/chat", "/elsewhere"]
    assert carrier.answer.is_closed
