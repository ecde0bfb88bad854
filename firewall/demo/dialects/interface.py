"""What every wire format of the scripted provider offers."""

from collections.abc import Iterator
from typing import Protocol

from firewall.demo.conversation import Conversation, Frame, Reply, Violation
from firewall.demo.reading import Json
from firewall.demo.seal import Seal


class Dialect(Protocol):
    """A wire format, as a module of `firewall.demo.dialects`."""

    KEY_HEADER: str

    def read(self, value: Json, path: str, *, seal: Seal) -> Conversation:
        """Read a request and enforce the rules on its history; raises Violation."""
        ...

    def answer(self, reply: Reply) -> Json:
        """Return the whole answer."""
        ...

    def frames(self, reply: Reply) -> Iterator[Frame]:
        """Unfold the answer into a stream."""
        ...

    def error(self, violation: Violation) -> Json:
        """Return the error object."""
        ...

    def error_frame(self, violation: Violation, reply: Reply) -> bytes:
        """Return the error as an event of a stream."""
        ...

    def bad_key(self) -> Violation:
        """Return the refusal of a key that is not the provider's."""
        ...

    def count(self, conversation: Conversation) -> Json:
        """Answer a request that only counts tokens."""
        ...
