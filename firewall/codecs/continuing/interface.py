"""What a dialect needs so that a refused call does not end an answer (`on_refusal = "continue"`).

The refusal becomes the result of the tool in a further request, and what the model says then is joined to what
the client already has. INVARIANT: it sees one answer of the dialect; no frame of a refused call is ever in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from firewall.codecs.interface import Pending
from firewall.codecs.sse import Frame


@dataclass(frozen=True, slots=True)
class Told:
    """A refused call, and what the model is told of it."""

    pending: Pending
    text: str


class Follower(Protocol):
    """Rewrites the frames of an answer that goes on where another one stopped; one instance per answer."""

    def frame(self, frame: Frame) -> bytes:
        """Return what takes the place of one frame; empty where it would say a second time what was said."""
        ...

    def waiting(self, frame: Frame) -> bytes:
        """Return a frame that only keeps the client waiting, as it fits into the joined answer."""
        ...


class Continuer(Protocol):
    """A dialect, as a module of `firewall.codecs.continuing`."""

    def again(
        self, value: Mapping[str, object], answer: bytes, told: Sequence[Told]
    ) -> Mapping[str, object] | None:
        """Return the request that tells the model of its refused calls; None where this is not possible.

        `value`: the request; `answer`: the provider's whole answer to it, of which every call is in `told`. Not
        possible: another tool choice than auto, several candidates, calls of unknown kinds, a prefilled answer.

        Raises: ProtocolError (upstream) when the answer cannot be read.
        """
        ...

    def follower(self, sent: bytes, written: int) -> Follower:
        """Start joining: `sent` is the stream that the client has, `written` the tokens that its answers took."""
        ...
