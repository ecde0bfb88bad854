"""What a dialect needs so that an answer that broke off may begin again in the same stream.

Another model is asked the same question anew; what it says is joined behind what the client already has
(`firewall.codecs.continuing` numbers and names it on). INVARIANT: only after text for people: not after a thought,
a call, a hosted tool or anything that no table knows, and not where a program must read the text as a whole.
"""

from collections.abc import Mapping
from typing import Protocol

from firewall.codecs.sse import Frame

WORDS = "[stayhand] The answer above broke off. Another model begins again from here:"
"""What the client reads between what was said and what is said instead."""


class Restarter(Protocol):
    """A dialect, as a module of `firewall.codecs.restarting`."""

    def may_restart(self, value: Mapping[str, object]) -> bool:
        """Tell whether the answer to a request may begin again.

        Not one that must fit a form, comes in several versions, goes on from a prefilled beginning, or is kept at
        the provider under an id.
        """
        ...

    def bridge(self, sent: bytes) -> bytes | None:
        """Return the frames that close the answer so far and say WORDS; no words where nothing was said.

        `sent`: the stream that the client has. None: more than text was said, or the answer is over.
        """
        ...

    def is_error(self, frame: Frame) -> bool:
        """Tell whether a frame is the terminal event of an answer that broke off."""
        ...
