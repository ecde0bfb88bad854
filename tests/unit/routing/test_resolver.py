"""Pins hold while the name server is away, and no longer than they should."""

import asyncio

import pytest

from firewall.routing import resolver
from firewall.routing.resolver import PinningResolver


class Names:
    """A name server that answers once, and then falls silent or refuses."""

    def __init__(self, *, is_silent: bool) -> None:
        self.asked = 0
        self._is_silent = is_silent

    async def lookup(self, host: str, port: int) -> list[str]:
        """Answer the first question only."""
        del host, port
        self.asked += 1
        if self.asked == 1:
            return ["93.184.215.14"]
        if self._is_silent:
            await asyncio.Event().wait()
        raise OSError("try again")


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_pin_serves_while_no_name_server_answers(
    monkeypatch: pytest.MonkeyPatch, *, is_silent: bool
) -> None:
    """Silence is no answer either: the pin goes on, asks again now and then, and ends when it is stale."""
    monkeypatch.setattr(resolver, "_PATIENCE_S", 0.01)
    names = Names(is_silent=is_silent)
    now = 0.0
    pins = PinningResolver(private_ok=False, lookup=names.lookup, clock=lambda: now)
    first = await pins.resolve("api.example.com", 443)
    for at, asked in [(61.0, 2), (62.0, 2), (75.0, 3), (655.0, 4), (659.0, 4)]:
        now = at
        assert await pins.resolve("api.example.com", 443) == first
        assert names.asked == asked
    now = 660.5
    with pytest.raises((OSError, TimeoutError)):
        async with asyncio.timeout(0.1):
            await pins.resolve("api.example.com", 443)
