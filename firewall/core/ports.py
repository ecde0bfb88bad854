"""Ports: what the inside asks of the outside, as Protocols. Adapters live in storage, sequencer and app."""

from collections.abc import Sequence
from typing import Protocol

from firewall.core.approval import Approval, ApprovalStatus, Subject
from firewall.core.conversation import Kept
from firewall.core.notice import Notice
from firewall.core.work import OpenApproval, Outcome, Unit


class Clock(Protocol):
    """Time, as an argument instead of a global."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        ...


class Timer(Clock, Protocol):
    """Time, and how much of it passed."""

    def elapsed_us(self) -> int:
        """Return microseconds since some instant, by a clock that nobody sets."""
        ...


class Sequencer(Protocol):
    """The sole owner of the log and of every transaction that appends, consumes, reserves or limits."""

    async def submit(self, unit: Unit) -> Outcome:
        """Commit a unit durably.

        Raises: StoreError when it could not be made durable; then nothing of it was kept.
        """
        ...

    @property
    def is_open(self) -> bool:
        """The last commit succeeded, so the gates may be open."""
        ...

    def pseudonym(self, name: str) -> str:
        """Return the stable pseudonymous id of a person or principal."""
        ...


class ApprovalStore(Protocol):
    """Reading approvals; writing goes through the sequencer."""

    def get(self, approval_id: str) -> Approval | None:
        """Return one approval with its opened subject and what was run for it, or None."""
        ...

    def bare(self, approval_id: str) -> Approval | None:
        """Return one approval without its subject, which is not opened, or None."""
        ...

    def begun(self) -> list[str]:
        """Return the ids of approvals whose form is under way."""
        ...

    def usable(self, principal: str, digest: str, now_us: int) -> Approval | None:
        """Return an approved, unused, unexpired approval of exactly this call."""
        ...

    def would_open(self, step: OpenApproval) -> bool:
        """Tell whether an approval would be opened as things stand, and neither joined nor refused.

        The commit alone decides it: this is for what is done for a new one only.
        """
        ...

    def listing(self, status: str | None, limit: int) -> list[Approval]:
        """Return approvals, newest first, subjects opened."""
        ...

    def newest(self, status: str | None, limit: int, after: str = "") -> tuple[list[Approval], str]:
        """Return a page of approvals, newest first, and the id of its last where more stand behind it.

        `after`: only what stands behind this one. It ends sooner where subjects are long.
        """
        ...

    def waiting(self, now_us: int, limit: int, after: str = "") -> tuple[list[Approval], bool]:
        """Return a page of what waits, the one whose time ends first on top, and whether more stands behind it.

        `after`: only what stands behind this one. It ends sooner where subjects are long.
        """
        ...

    def settled(self, limit: int) -> list[Approval]:
        """Return what waits no more, opened last first; fewer where subjects are long."""
        ...

    def waits(self, now_us: int, limit: int, since_us: int = 0) -> tuple[int, list[str]]:
        """Return how many wait, and the ids of those that were opened last, none before `since_us`."""
        ...

    def glance(self, approval_id: str) -> tuple[ApprovalStatus, int] | None:
        """Return where an approval stands and how many bytes its subject is, as stored; nothing is opened."""
        ...

    def alike(self, approval: Approval, now_us: int, most_bytes: int) -> tuple[list[Approval], int]:
        """Return what waits of an approval's token with its environment and effects, oldest first.

        Subjects are opened, but of more than `most_bytes` each, or too many together: how many these are is said.
        """
        ...

    def open_of(self, token: str) -> list[str]:
        """Return the ids of what a token has pending or approved and unused."""
        ...

    def earlier(self, approval: Approval, limit: int) -> list[Approval]:
        """Return what the same requester asked before, newest first, subjects opened; very large ones left out."""
        ...

    def due(self, now_us: int) -> list[str]:
        """Return the ids of those whose time is over but whose status does not say so yet; nothing is opened."""
        ...

    def has_conversation(self, approval_id: str) -> bool:
        """Tell whether what led to an approval was kept; nothing is opened for that."""
        ...

    def conversation(self, approval_id: str) -> Kept | None:
        """Return what led to an approval, opened, or None where nothing was kept.

        Raises: StoreError when it cannot be read.
        """
        ...


class Notifier(Protocol):
    """Tells people that something waits for them; carries ids and addresses, never arguments."""

    def opened(self, notice: Notice, *, is_resumed: bool = False) -> None:
        """Tell that an approval waits; `is_resumed`: since before this process began.

        Returns at once: failures are the channels' own business to retry.
        """
        ...

    async def room(self) -> bool:
        """Return as soon as one more that waits can be told of; False: nobody is ever told."""
        ...

    def seen(self, approval_id: str) -> None:
        """Tell that somebody who may decide has read it."""
        ...

    def settled(self, approval_id: str, status: ApprovalStatus) -> None:
        """Tell that it waits no more."""
        ...

    def standing(self) -> Sequence[str]:
        """Return the ids of approvals of which messages of an earlier process stand."""
        ...

    async def ended(self, notice: Notice, status: ApprovalStatus) -> None:
        """Replace the messages of an approval that was settled before this process began; it may take long."""
        ...


__all__ = ["ApprovalStore", "Clock", "Notifier", "Sequencer", "Subject"]
