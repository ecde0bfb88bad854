"""How a server's era is found out: what it refuses, and what it says it speaks."""

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import MODERN
from firewall.core.errors import UpstreamError
from firewall.gates.mcp.upstream.greeting import Wanted, greet

WANTED = Wanted(MODERN, {}, {})


class Picky:
    """A server that refuses some times, each time in the same words."""

    def __init__(self, times: int, data: object, number: int = -32022) -> None:
        self.left = times
        self.refusal = (number, data)
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, message: Message, version: str) -> Message:
        """Answer a greeting."""
        self.heard.append((message.method, version))
        id_ = message.id or 0
        if self.left:
            self.left -= 1
            number, data = self.refusal
            return messages.failure(id_, number, "no", data)
        if message.method == "server/discover":
            return messages.result(id_, {"supportedVersions": [MODERN], "capabilities": {}})
        return messages.result(id_, {"protocolVersion": "2025-11-25", "capabilities": {}})


async def test_a_server_that_names_our_version_is_asked_again_at_once() -> None:
    """It refused what it says it speaks: nothing of an earlier revision is sent to it."""
    server = Picky(1, {"supported": [MODERN]})
    assert (await greet(server, WANTED, name="shop")).version == MODERN
    assert server.heard == [("server/discover", MODERN)] * 2


@pytest.mark.parametrize(
    ("data", "number"),
    [({"supported": ["2030-01-01"]}, -32022), ({"supported": MODERN}, -32022), (None, -32022), ({}, -32601)],
)
async def test_a_server_that_does_not_is_greeted_in_the_earlier_way(data: object, number: int) -> None:
    """Another version, no list, another error: it may be of an earlier era."""
    server = Picky(1, data, number)
    assert (await greet(server, WANTED, name="shop")).version == "2025-11-25"
    assert server.heard == [("server/discover", MODERN), ("initialize", "")]


async def test_nobody_is_asked_for_ever() -> None:
    """A server that refuses for ever in words that promise something is given up."""
    server = Picky(99, {"supported": [MODERN]})
    with pytest.raises(UpstreamError):
        await greet(server, WANTED, name="shop")
    assert len(server.heard) == 5
