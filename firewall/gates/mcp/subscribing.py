"""How servers of both eras are asked to tell what changes, and how it is known what of it they tell."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from firewall.codecs.mcp import changes, messages
from firewall.codecs.mcp.changes import Filter
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.gates.mcp.hearing import Still
from firewall.gates.mcp.port import Server
from firewall.gates.mcp.stream import Listening
from firewall.gates.mcp.upstream.lines import Line

ACKNOWLEDGE_S = 20.0
"""How long a server may take to say what it tells."""
UNSUBSCRIBE_S = 5.0
"""How long it is tried to end what nobody listens to any more."""
_UNTOLD = "the server does not tell when this resource changes"


class OverError(Exception):
    """The stream has ended, or a newer one has taken its place, before its server said what it tells."""


class Ear(Still):
    """Hears what a stateless server acknowledges; what changes comes another way."""

    def __init__(self, listening: Listening) -> None:
        """`listening` as it is now: what is asked for later is acknowledged to another ear."""
        self._wanted = listening.wanted
        self._acknowledged = listening.acknowledged

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends: what it acknowledges, or a ping."""
        if message.method == changes.ACKNOWLEDGED:
            self.acknowledge(changes.acknowledged_of(message))
            return None
        return await Still.__call__(self, message)

    def acknowledge(self, served: Filter) -> None:
        """Note what of what is listened to the server tells."""
        if not self._acknowledged.done():
            self._acknowledged.set_result(served.within(self._wanted))


async def subscribed(line: Line, listening: Listening, ear: Ear, *, is_session: bool) -> Filter:
    """Return what a server of sessions tells, subscribed for a stateless client. Raises: UpstreamError."""
    found = changes.offered(line.capabilities, listening.wanted)
    if is_session:  # its client does that itself, one by one
        return found
    resources = set[str]()
    async with line.ears.one:
        for number, address in enumerate(sorted(found.resources)):
            listening.held.add(address)  # before: nobody knows then whether the server has heard it
            line.ears.held[address] += 1
            asked = messages.request(f"stayhand-subscribe-{number}", changes.SUBSCRIBE, {"uri": address})
            if (await line.ask(asked, seen=ear)).kind is Kind.RESULT:
                resources.add(address)
    return Filter(found.lists, frozenset(resources))


def let_go(line: Line, listening: Listening) -> frozenset[str]:
    """Note that a stateless client listens no more; return what nobody does any more over this line."""
    for address in listening.held:
        line.ears.held[address] -= 1
    left = frozenset(address for address in listening.held if line.ears.held[address] <= 0)
    for address in left:
        del line.ears.held[address]
    listening.held.clear()
    return left


async def unsubscribe(line: Line, left: frozenset[str]) -> None:
    """Have a server of sessions tell no more of what nobody listens to, within `UNSUBSCRIBE_S`.

    What it answers changes nothing: what it tells all the same, nobody is told. A line that ends ends that too.
    """
    with suppress(FirewallError, TimeoutError):
        async with asyncio.timeout(UNSUBSCRIBE_S), line.ears.one:
            for number, address in enumerate(sorted(left)):
                if address in line.ears.held or not line.is_alive:  # somebody listens to it anew
                    continue
                asked = messages.request(f"stayhand-unsubscribe-{number}", changes.UNSUBSCRIBE, {"uri": address})
                await line.ask(asked, seen=Still())


async def asked(
    server: Server, message: Message, line: Line, listening: Listening, after: frozenset[str]
) -> Message:
    """Have a server tell of these resources from now on; return what its client hears of that.

    Raises: UpstreamError; OverError where the stream is over before: nothing is known then.
    """
    before = listening.wanted
    wanted = Filter(before.lists, after)
    answer = messages.result(message.id or 0, {})
    try:
        if is_modern(line.version):
            listening.refilter(wanted)
            served = await _before_over(listening, acknowledged(listening, server))
            if not (after - before.resources) <= served.resources:
                answer = messages.failed(
                    message.id, McpError(_UNTOLD, number=INVALID_PARAMS, code="not_subscribed", of=message.id)
                )
        else:
            listening.wanted = wanted
            answer = await line.ask(message, seen=Still())
    except BaseException:
        listening.wanted = before
        raise
    if answer.kind is Kind.ERROR:
        listening.wanted = before
    return answer


async def _before_over(listening: Listening, waiting: Coroutine[None, None, Filter]) -> Filter:
    """Return what is waited for, unless the stream is over before. Raises: OverError; UpstreamError."""
    found, over = asyncio.create_task(waiting), asyncio.create_task(listening.over.wait())
    both: tuple[asyncio.Task[Any], ...] = (found, over)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            raise OverError
        return found.result()
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def acknowledged(listening: Listening, server: Server) -> Filter:
    """Wait until a server says what it tells. Raises: UpstreamError."""
    try:
        async with asyncio.timeout(ACKNOWLEDGE_S):
            return await asyncio.shield(listening.acknowledged)
    except TimeoutError:
        raise UpstreamError(
            f"the MCP server `{server.name}` does not say what it tells", fault=UpstreamFault.TIMEOUT, status=504
        ) from None
