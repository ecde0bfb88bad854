"""What a verification found, as values; rendered by `python -m audit`."""

from dataclasses import dataclass, field
from enum import StrEnum

MAX_FINDINGS = 100
"""After so many, a scan stops: the log is beyond naming each entry."""


class Fault(StrEnum):
    """What kind of thing is wrong; never reworded or reused."""

    UNREADABLE = "unreadable"
    SCHEMA = "schema"
    MISSING = "missing"
    BODY = "body"
    LEAF = "leaf"
    COLUMN = "column"
    NODE = "node"
    ROOT = "root"
    CHECKPOINT = "checkpoint"
    WITNESS = "witness"
    APPROVAL = "approval"
    UNSIGNED = "unsigned"
    UNWITNESSED = "unwitnessed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    fault: Fault
    text: str
    seq: int | None = None
    """The entry it is about, or the first of several."""

    def __str__(self) -> str:
        return self.text if self.seq is None else f"entry {self.seq}: {self.text}"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one verification."""

    size: int
    root: bytes
    """Of the entries as stored; meaningful when `ok`."""
    checkpoints: int
    findings: tuple[Finding, ...] = ()
    """In the order of entries; the first that names an entry names the first bad one."""
    notes: tuple[str, ...] = ()
    """What was not proven, though nothing is wrong."""
    unsigned_since: int | None = None
    """Entries from here on are under no checkpoint."""
    unwitnessed_since: int | None = None
    """Entries from here on were seen by no witness."""

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The first entry that a finding names."""
        return min((found.seq for found in self.findings if found.seq is not None), default=None)


@dataclass(slots=True)
class Findings:
    """Findings while they are collected."""

    items: list[Finding] = field(default_factory=list)

    def add(self, fault: Fault, text: str, seq: int | None = None) -> None:
        """Keep one."""
        self.items.append(Finding(fault, text, seq))

    @property
    def is_full(self) -> bool:
        """So many that going on names nothing new."""
        return len(self.items) >= MAX_FINDINGS

    def ordered(self) -> tuple[Finding, ...]:
        """Return them by entry; those about no entry last."""
        return tuple(sorted(self.items, key=lambda found: (found.seq is None, found.seq or 0)))
