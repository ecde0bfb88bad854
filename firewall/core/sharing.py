"""What processes tell each other of circuits that are open; values, and the port of whoever keeps them between."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from firewall.core.errors import FirewallError


class Why(StrEnum):
    """Why what is shared cannot be had."""

    REFUSED = "refused"
    """Nobody listens there, or the connection broke."""
    TIMEOUT = "timeout"
    LOGIN = "login"
    """The password is wrong, cannot be read, or may not do this."""
    ANSWER = "answer"
    """What came back is no answer."""


class AwayError(FirewallError):
    """What is shared cannot be had now: each process decides for itself."""

    code = "shared_away"
    status = 503

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"what processes share cannot be had: {why.value}", detail=detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class Named:
    """Whose circuit it is."""

    provider: str
    model: str
    key: str
    """Fingerprint of the key, or `client`; never a key."""


@dataclass(frozen=True, slots=True)
class Told:
    """A circuit as processes tell it. Whoever reads it trusts nothing in it: anybody may have written it."""

    mark: str
    """Names the circuit: 32 hexadecimal digits."""
    named: Named
    epoch: str
    """Names the time that it opened: what was asked before decides nothing any more."""
    trips: int = 1
    """How often it opened since it was closed."""
    wait_ms: int = 0
    """How long nobody may ask; 0: one may probe."""
    is_closed: bool = False
    """The probe of this epoch was answered."""


class CircuitStore(Protocol):
    """Keeps what is told between processes. Every method raises AwayError, soon, when it cannot be had."""

    async def look(self) -> tuple[Told, ...]:
        """Return what is told of circuits: bounded, none older than it may get."""
        ...

    async def open(self, told: Told) -> None:
        """Tell that a circuit opened; nobody's wait becomes shorter by it, and it has a new epoch."""
        ...

    async def close(self, told: Told) -> None:
        """Tell that the probe of an epoch was answered; changes nothing where another epoch has begun."""
        ...

    async def take(self, mark: str, owner: str) -> bool:
        """Take the right to probe a circuit; False: somebody else has it. It ends by itself unless it is kept."""
        ...

    async def keep(self, mark: str, owner: str) -> bool:
        """Keep the right a while longer; False: it is lost."""
        ...

    async def release(self, mark: str, owner: str) -> None:
        """Give the right back, if it is still this owner's."""
        ...
