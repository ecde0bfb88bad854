"""Which parts of an answer may leave: calls by their ruling, reasoning with the calls that it led to.

A step is the reasoning that stands before something, with the calls that follow it directly. Shared by the
dialects whose reasoning stands beside the calls; knows no wire format.

INVARIANT: reasoning leaves when it turns out to belong to no call, or when the first call of its step is
released, with which it was generated; when that call is refused it is dropped, so that no orphan stays in the
history: providers demand that reasoning is followed by the very call it led to.
"""

from dataclasses import dataclass, field
from enum import Enum

from firewall.codecs.interface import Refused, Released, Ruling


class Role(Enum):
    """What a member of an answer is to the release."""

    FREE = "free"
    """Text, and what the provider ran itself."""
    REASONING = "reasoning"
    CALL = "call"
    """A call, or a kind that no table knows."""


class Fate(Enum):
    """What becomes of a member's bytes."""

    WAITS = "waits"
    LEAVES = "leaves"
    REPLACED = "replaced"
    DROPPED = "dropped"


@dataclass(slots=True)
class Step:
    """Reasoning and the calls that follow it directly."""

    calls: "list[Member]" = field(default_factory=list)
    freed: bool = False
    """It turned out to belong to no call."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One item or part of an answer."""

    role: Role
    step: Step | None = None
    ruling: Ruling | None = None
    gone: bool = False
    """The answer ended before it was complete."""

    @property
    def fate(self) -> Fate:
        """Whether its bytes may leave now."""
        if self.gone:
            return Fate.DROPPED
        if self.role is Role.FREE:
            return Fate.LEAVES
        if self.role is Role.REASONING:
            return _reasoning_fate(self.step)
        match self.ruling:
            case None:
                return Fate.WAITS
            case Released():
                return Fate.LEAVES
            case Refused():
                return Fate.REPLACED


def _reasoning_fate(step: Step | None) -> Fate:
    if step is None or step.freed:
        return Fate.LEAVES
    if not step.calls:
        return Fate.WAITS
    fate = step.calls[0].fate
    return Fate.DROPPED if fate is Fate.REPLACED else fate


class Steps:
    """Sorts members into steps as they come; one per sequence (an answer, a candidate)."""

    __slots__ = ("_step",)

    def __init__(self) -> None:
        self._step: Step | None = None

    def add(self, member: Member) -> None:
        """Take the next member."""
        if member.role is Role.FREE:
            self.end()
            return
        if self._step is not None and self._step.calls and member.role is Role.REASONING:
            self.end()
        if self._step is None:
            self._step = Step()
        member.step = self._step
        if member.role is Role.CALL:
            self._step.calls.append(member)

    def end(self) -> None:
        """Nothing more joins the step that is open."""
        if self._step is not None:
            self._step.freed = not self._step.calls
            self._step = None
