"""Where a stream of events stands, so that a server of sessions can go on with it (2025-11-25, transports). Pure.

A server may end the events of a request before the answer and give the rest to a GET that names the last event
(SEP-1699). INVARIANT: that sends no request anew: it only asks for what was said already.
"""

import re

from firewall.codecs.mcp.headers import VERSION, Field

_FIRST_WAIT_S = 1.0
_LEAST_WAIT_S = 0.5
"""How long a server is left alone at least, whatever it wants."""
_MOST_ROUNDS = 32
"""How often the rest of one answer is asked for."""
_MAX_ID_BYTES = 1024
_LINE = re.compile(rb"(?:^|(?<=[\r\n]))(id|retry)(?::[ ]?([^\r\n]*))?(?=[\r\n])")
_PLAIN = re.compile(rb"[\x21-\x7e]?|[\x21-\x7e][\x20-\x7e]*[\x21-\x7e]")
"""What stands in a header field as it is."""
LAST_EVENT = b"last-event-id"


class Place:
    """How far one answer came, over all streams that carry it."""

    def __init__(self) -> None:
        self.event = b""
        """The id of the last event that had one; empty: nothing can be gone on with."""
        self.wait_s = _FIRST_WAIT_S
        """How long the server wants to be left alone before."""
        self.has_moved = False
        """Another id came since it was gone on with last: otherwise it leads nowhere."""
        self._rounds = 0

    def note(self, frame: bytes) -> None:
        """Take an event as it came."""
        for name, value in _LINE.findall(frame):
            if name == b"retry" and value.isdigit() and len(value) < 10:
                self.wait_s = max(int(value) / 1000, _LEAST_WAIT_S)
            elif name == b"id" and len(value) <= _MAX_ID_BYTES and _PLAIN.fullmatch(value):
                self.has_moved = self.has_moved or value != self.event
                self.event = value

    @property
    def may_go_on(self) -> bool:
        """The rest may be asked for: there is an id, another one than before, and not too many rounds are over."""
        return bool(self.event) and self.has_moved and self._rounds < _MOST_ROUNDS

    def fields(self, version: str) -> list[Field]:
        """Return the fields of the request that goes on from here."""
        self.has_moved = False
        self._rounds += 1
        return [(VERSION, version.encode()), (LAST_EVENT, self.event)]
