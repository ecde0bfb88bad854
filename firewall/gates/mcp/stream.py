"""One open stream: what its client listens to, what is to be told on it, and its entry in the log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from firewall.codecs.mcp.changes import Filter
from firewall.codecs.mcp.messages import Message
from firewall.core.work import Record
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.upstream.lines import Line


class Listening:
    """What one client hears of one server."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.changed = asyncio.Event()
        """Something is to be told."""
        self.refiltered = asyncio.Event()
        """Something else is listened to than a stateless server was asked for."""
        self.acknowledged: asyncio.Future[Filter] = asyncio.get_running_loop().create_future()
        """What of it the server tells."""
        self.over = asyncio.Event()
        """A newer stream of the same session has taken its place, or it has ended."""
        self.judged: dict[str, object] = {}
        """By address: the policies by which it was judged last."""
        self.held: set[str] = set()
        """Resources that a server of sessions was asked to tell of, for a stateless client."""
        self.told = 0
        self._pending: dict[tuple[str, str], None] = {}

    def heard(self, message: Message) -> None:
        """Take what a server says by itself, as far as it is listened to; none of its words are kept."""
        subject = self.wanted.subject(message)
        if subject is not None:
            self._pending[subject] = None
            self.changed.set()

    def taken(self) -> list[tuple[str, str]]:
        """Return the subjects that are to be told of, each once: a method and an address, or none."""
        found, self._pending = self._pending, {}
        self.changed.clear()
        return list(found)

    def widen(self, resources: frozenset[str]) -> None:
        """Listen to these resources, and to the lists as before."""
        self.wanted = Filter(self.wanted.lists, resources)

    def refilter(self, wanted: Filter) -> None:
        """Listen to something else from now on."""
        self.wanted = wanted
        self.acknowledged = asyncio.get_running_loop().create_future()
        self.refiltered.set()


@dataclass(frozen=True, slots=True)
class Stream:
    """One open stream, and where it leads."""

    server: Server
    caller: Caller
    line: Line
    listening: Listening
    talk: Talk
    told: Callable[[str, dict[str, object]], Message]
    """Writes a notification as its client hears it."""


def record(stream: Stream, state: str, *, unsubscribed: int = 0) -> Record:
    """Return the entry of a stream that has `begun` or `ended`; then so many resources are unsubscribed."""
    wanted = stream.listening.wanted
    data: dict[str, str | int] = {"gate": "mcp", "state": state, "lists": len(wanted.lists)}
    data["resources"] = len(wanted.resources)
    if state == "ended":
        data["told"] = stream.listening.told
        data["unsubscribed"] = unsubscribed
    return Record(
        kind="mcp.listened",
        data=data,
        person=stream.caller.grant.owner,
        principal=stream.caller.requester.principal,
        private={"server": stream.server.name, "resources": sorted(wanted.resources)},
    )
