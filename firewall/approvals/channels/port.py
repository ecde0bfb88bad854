"""What a kind of channel is to the others: something that sends a message once, or says why it could not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from firewall.core.errors import FirewallError
from firewall.core.notice import Message
from firewall.core.secret import Secret

Read = Callable[[], Secret]
"""Reads a secret anew, so that a rotated one is used without a restart. Raises: FirewallError."""


class NotDeliveredError(Exception):
    """One try failed; `word` is short and stable (`http_500`, `ConnectError`), never an address or a secret."""

    def __init__(self, word: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(word)
        self.word = word
        self.retry_after_s = retry_after_s
        """How long the receiver wants to be left alone; 0: it did not say."""


def failure_of(error: Exception) -> NotDeliveredError:
    """Return what anything that a try raised counts as.

    What nobody expected is told by its type alone: its text may hold an address or a secret.
    """
    match error:
        case NotDeliveredError():
            return error
        case FirewallError():  # a secret that cannot be read now
            return NotDeliveredError(error.code)
        case _:
            return NotDeliveredError(type(error).__name__)


class Sender(Protocol):
    """One way to reach people."""

    async def send(self, message: Message) -> None:
        """Send once; what this kind has no form for is nothing to send.

        Raises: NotDeliveredError; whatever else is raised counts as that, see `failure_of`.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what is kept open."""
        ...


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Whom a channel writes to alone."""

    person: str
    """The name of his account."""
    address: str
    """His alone: settings refuse two approvers with one address."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A personal link as it is sent."""

    id: str
    address: Secret
    """It decides: nobody but its person may see it."""


class Inviter(Protocol):
    """Makes personal links for those who may decide by one."""

    async def invited(self, person: str, approval_id: str) -> Invitation | None:
        """Make a link by which somebody may decide an approval now; None where no link of his decides it.

        Raises: StoreError.
        """
        ...

    async def withdrawn(self, invitation: Invitation) -> None:
        """End a link that may not have reached its person. Raises: StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a channel could not tell of one approval, and when it tries again."""

    channel: str
    about: Literal["waits", "seen", "over"]
    """What it was to tell: that the approval waits, that somebody reads it, or how it ended."""
    failure: str
    """The word of the last try."""
    tries: int
    again_at: int = 0
    """When it is tried again, Unix microseconds; 0: it was given up."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel fares since the start, for metrics, the doctor and the console."""

    channel: str
    delivered: int = 0
    failed_attempts: int = 0
    given_up: int = 0
    last_failure: str = ""
    """The word of the last try; empty once one was delivered."""
