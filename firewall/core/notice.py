"""What channels are told: of an approval nothing but what a bystander may know, and of everything else one line.

INVARIANT: no argument, no resource and no person's name is in any of these values, but for that of whoever broke
the glass: a channel is not a place where approvers are known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.approval import ApprovalStatus


@dataclass(frozen=True, slots=True)
class Notice:
    """An approval that waits; times are unix microseconds."""

    id: str
    address: str
    """Where it is decided; no authority by itself."""
    environment: str
    effects: tuple[str, ...]
    operations: tuple[str, ...]
    """What would be done, as operations are named (`graphql:volumeDelete`); partly foreign words."""
    groups: tuple[str, ...]
    """Groups that its row asks for; empty: any approver."""
    opened_at: int
    expires_at: int
    may_be_answered_outside: bool = False
    """Its row lets it be approved without our own session."""


@dataclass(frozen=True, slots=True)
class Opened:
    """People are asked."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Reminded:
    """It still waits."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody who may decide it has read it."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Settled:
    """It waits no more."""

    notice: Notice
    status: ApprovalStatus


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people should know and need not decide."""

    kind: str
    """A short stable word, e.g. `budget`."""
    text: str
    """One line."""
    facts: Mapping[str, str | int]
    groups: tuple[str, ...] = ()
    """With `is_for_all`: whose members are written to as well; empty: every approver."""
    is_for_all: bool = False
    """Told on every channel, also on those that take no alerts."""


Message = Opened | Reminded | Seen | Settled | Alert
