"""Who hears over a line what of its server changed, and how long a line is listened to.

INVARIANT: a change of what a server offers goes to the ears of its line alone, never along with the answer to a
request: whoever passes it on lists the server anew before.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine

from firewall.codecs.mcp.changes import CHANGES
from firewall.codecs.mcp.messages import Message

Ear = Callable[[Message], None]


class Ears:
    """Those who listen to one line."""

    def __init__(self) -> None:
        self._all: set[Ear] = set()
        self.one = asyncio.Lock()
        """One who subscribes for stateless clients, or ends that, at a time."""
        self.held: Counter[str] = Counter()
        """How many stateless clients listen to a resource that was subscribed for them."""

    def add(self, ear: Ear) -> None:
        """Tell somebody of changes from now on."""
        self._all.add(ear)

    def discard(self, ear: Ear) -> None:
        """Tell him no more."""
        self._all.discard(ear)

    def took(self, message: Message) -> bool:
        """Take what the server says by itself; False: it tells of no change, and belongs to a request."""
        if message.id is not None or message.method not in CHANGES:
            return False
        for ear in list(self._all):
            ear(message)
        return True


async def until(over: asyncio.Event, doing: Coroutine[None, None, Message | None]) -> Message | None:
    """Return what listening comes to, None where its line ends before. Raises: what listening raises."""
    listening, ending = asyncio.create_task(doing), asyncio.create_task(over.wait())
    both = (listening, ending)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return listening.result() if listening.done() else None
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
