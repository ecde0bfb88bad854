"""What people were asked while the world looked one way, to show them that it looks another way now."""

from collections import OrderedDict
from dataclasses import dataclass

from firewall.core.world import Finding

MAX_ASKED = 5_000


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval, and the state that it is bound to."""

    approval: str
    findings: tuple[Finding, ...]


class AskedBefore:
    """The newest approval of each call, by principal and the digest of the call without the world's state."""

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[str, str], Asked] = OrderedDict()

    def note(self, principal: str, base: str, asked: Asked) -> None:
        """Remember; the oldest are forgotten first, and then their calls are merely asked anew."""
        self._asked[(principal, base)] = asked
        self._asked.move_to_end((principal, base))
        if len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)

    def find(self, principal: str, base: str) -> Asked | None:
        """Return what was asked about the same call."""
        return self._asked.get((principal, base))
