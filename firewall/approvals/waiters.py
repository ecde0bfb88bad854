"""Who waits for an approval: woken when it is decided, and when the server stops."""

import asyncio


class Waiters:
    """Waits under way, by the id of what they wait for."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}
        self._is_draining = False

    def __contains__(self, approval_id: str) -> bool:
        return approval_id in self._events

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_draining(self) -> bool:
        """The server stops: nothing is waited for any more."""
        return self._is_draining

    def join(self, approval_id: str) -> asyncio.Event:
        """Return what is set when an approval is looked at again; `leave` ends it."""
        event = asyncio.Event()
        self._events.setdefault(approval_id, set()).add(event)
        return event

    def leave(self, approval_id: str, event: asyncio.Event) -> None:
        """End a wait that `join` began."""
        waiting = self._events[approval_id]
        waiting.discard(event)
        if not waiting:
            del self._events[approval_id]

    def wake(self, approval_id: str) -> None:
        """Let whoever waits for an approval look again."""
        for event in self._events.get(approval_id, ()):
            event.set()

    def drain(self) -> None:
        """Every wait ends now, and one that begins later at once."""
        self._is_draining = True
        for waiting in self._events.values():
            for event in waiting:
                event.set()


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Return when an event is set, or when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
