"""The parts of an approval's page, as the template is given them. Values only; `page` fills them.

Every string here that came from a call or an agent has been spelled out.
"""

from dataclasses import dataclass

from firewall.console.marked import Shown


@dataclass(frozen=True, slots=True)
class Item:
    """One action in the list of what the call does."""

    summary: str
    operation: str
    resource: str
    environment: str
    effects: tuple[str, ...]
    undo: str
    unseen: tuple[str, ...]
    scope: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Text:
    """An intercepted text that several actions may share."""

    title: str
    shown: Shown
    anchor: str
    part: int = 0
    """Its number where the whole is downloaded; 0: the arguments."""
    bytes: int = 0
    """Of the whole text."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a page has no room for, all texts together."""

    bytes: int
    """Of texts; 0: all is shown."""
    places: int
    """With deciding words of which something is not shown."""
    texts: tuple[tuple[int, int], ...]
    """Of which nothing is shown: number and bytes."""
    part: int
    """The number of the first text that is not shown whole."""
    others: str
    """Where the page leads to the next of these; empty: there is none."""


@dataclass(frozen=True, slots=True)
class FormLine:
    """One form of the call, and whether a button runs it."""

    number: int
    line: str
    before: bool
    can_run: bool


@dataclass(frozen=True, slots=True)
class RunLine:
    """What became of a form that was run."""

    line: str
    state: str
    words: str
    note: str
    """Status or code, and the approval that it waits for."""
    at: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the first screen says of the worst action: what, where, to what, whether it can be undone."""

    headline: str
    others: int
    resource: str
    operation: str
    """Named where no resource is."""
    scope: str
    undo: str
    can_undo: bool
    found: tuple[tuple[str, str, bool], ...]
    """What resolvers found out: label, words, and whether it is bad news."""
    moved: tuple[tuple[str, str, str], ...]
    """What is another way than when people were asked about the same call before."""
    forms: tuple[FormLine, ...]
    """What could be done first, or instead, so that it could be taken back."""
    confidence: str
    unseen: tuple[str, ...]
    hidden: int
    look_alikes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, from where, by which tool, and by which row people are asked."""

    tool: str
    agent: str
    owner: str
    session: str
    session_short: str
    """Its beginning, where that is enough to tell sessions apart."""
    run: str
    """Id of its token: what the console shows as its session, whatever the agent calls it."""
    workspace: str
    row: str
    also: tuple[str, ...]
    """The other rows that ask."""
    group: str
    said: str
    said_more: int


@dataclass(frozen=True, slots=True)
class Course:
    """Where an approval stands: its status, its times, its decision."""

    status: str
    title: str
    text: str
    is_pending: bool
    time_left: str
    opened_at: str
    expires_at: str
    until: str
    decided_at: str
    decided_by: str
    reason: str
    self_approved: bool
    glass: bool
    """One person approved it alone where more were asked."""
    runs: tuple[RunLine, ...]
    """What was run first, or instead, oldest first."""
    is_running: bool


@dataclass(frozen=True, slots=True)
class Given:
    """One vote."""

    name: str
    """Whose; empty where he is listed no more, or whoever looks is not told."""
    decision: str
    at: str
    auth: str
    """What he showed."""


@dataclass(frozen=True, slots=True)
class Votes:
    """How far people have come, and what whoever looks can do about it."""

    standing: str
    """`1 of 2, next: dba`; empty where one of anybody is asked."""
    given: tuple["Given", ...]
    """Oldest first."""
    not_approving: str
    """Why whoever looks cannot approve now, though he may answer."""
    not_approving_code: str
    typed: str
    """What whoever approves types; empty: nothing."""
    can_permit: bool = False
    """He may permit repeats."""
    is_of_one: bool = True
    """One vote approves it."""
    typed_of: int = 0
    """How many resources are as bad as the one whose name is typed, itself among them."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template shows of one approval."""

    id: str
    digest: str
    environment: str
    is_production: bool
    head: Head
    effects: tuple[tuple[str, str], ...]
    texts: tuple[Text, ...]
    raw: Text | None
    unseen: Unseen
    items: tuple[Item, ...]
    asker: Asker
    course: Course
    refusal: str
    refusal_code: str
    votes: Votes
