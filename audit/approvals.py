"""What the entries about one approval must look like together (docs/audit-format.md, part 7).

Pure: fed the entries that name an approval, in order; answers with what is wrong.

    opened, then votes, then at most one of consumed | expired | cancelled ends it
    used and consumed are together no more than the vote that decides says in `uses` (1 where it says nothing)
    tool.released, approval.used and approval.consumed that name it come after a vote for it and none against it,
    and after votes of as many different voters as the entry that opened it asks for, and as the vote that decides
    says that it took (`asked`: several demands may take more people than the largest of them)
    a vote with `glass` suffices alone: it decides, permits one use, and follows glass.broken by the same principal
    for the same digest; glass.reviewed follows that, once, by another principal
"""

from dataclasses import dataclass, field

from audit.entry import Entry, Kind

FOR = frozenset({"approve", "approved"})
AGAINST = frozenset({"deny", "denied"})
"""What `decision` in an approval.voted entry may say, as the vote or as what it made of the approval."""

TELLING = frozenset(
    {
        Kind.APPROVAL_OPENED,
        Kind.APPROVAL_VOTED,
        Kind.APPROVAL_CONSUMED,
        Kind.APPROVAL_USED,
        Kind.APPROVAL_EXPIRED,
        Kind.APPROVAL_CANCELLED,
        Kind.TOOL_RELEASED,
        Kind.GLASS_BROKEN,
        Kind.GLASS_REVIEWED,
    }
)
"""The kinds that change or depend on an approval's story; others may name one and say nothing."""


@dataclass(slots=True)
class _Story:
    opened: bool = False
    people: int = 1
    voters: set[str] = field(default_factory=set)
    denied: bool = False
    ended: str = ""
    uses: int = 1
    used: int = 0
    broken_by: str = ""
    broken_for: object = None
    """The digest."""
    passes_alone: bool = False
    """Whoever broke the glass has voted."""
    reviewed: bool = False


class Approvals:
    """The stories of all approvals seen so far."""

    __slots__ = ("_stories",)

    def __init__(self) -> None:
        self._stories: dict[str, _Story] = {}

    def feed(self, entry: Entry) -> str:
        """Take the next entry that names an approval; return what contradicts its story, or an empty text."""
        story = self._stories.setdefault(entry.approval, _Story())
        match entry.kind:
            case Kind.APPROVAL_OPENED:
                wrong = "opened a second time" if story.opened else ""
                story.opened = True
                people = entry.data.get("people")
                story.people = max(story.people, people) if isinstance(people, int) else story.people
            case Kind.APPROVAL_VOTED:
                wrong = _vote(entry, story)
            case Kind.APPROVAL_CONSUMED | Kind.APPROVAL_EXPIRED | Kind.APPROVAL_CANCELLED:
                wrong = _end(entry.kind, story)
            case Kind.APPROVAL_USED:
                wrong = _use(story)
            case Kind.TOOL_RELEASED:
                wrong = _grounds("released", story)
            case Kind.GLASS_BROKEN:
                wrong = _break(entry, story)
            case Kind.GLASS_REVIEWED:
                wrong = _review(entry, story)
            case _:
                wrong = ""
        return f"approval `{entry.approval}` is {wrong}" if wrong else ""


def _vote(entry: Entry, story: _Story) -> str:
    decision = entry.data.get("decision")
    if not story.opened:
        return "voted on before it was opened"
    if decision not in FOR | AGAINST:
        return "voted on without a decision"
    if story.ended:
        return f"voted on after it was {story.ended}"
    if entry.data.get("glass") is True:
        return _alone(entry, story)
    if decision in FOR:
        story.voters.add(entry.principal)
        if entry.data.get("decides") is True:
            uses, asked = entry.data.get("uses"), entry.data.get("asked")
            story.uses = uses if isinstance(uses, int) else 1
            story.people = max(story.people, asked) if isinstance(asked, int) else story.people
    story.denied |= decision in AGAINST
    return ""


def _break(entry: Entry, story: _Story) -> str:
    if not story.opened:
        return "broken the glass for before it was opened"
    if story.ended or story.denied:
        return f"broken the glass for after it was {story.ended or 'denied'}"
    if story.broken_by:
        return "broken the glass for a second time"
    story.broken_by, story.broken_for = entry.principal, entry.data.get("digest")
    return ""


def _alone(entry: Entry, story: _Story) -> str:
    """Take the vote of whoever broke the glass."""
    whole = (entry.data.get("decision") in FOR, entry.data.get("decides"), entry.data.get("uses", 1))
    if whole != (True, True, 1):
        return "voted on by a broken glass that does more, or less, than approve once"
    known = story.broken_by, story.broken_for
    if not story.broken_by or known != (entry.principal, entry.data.get("digest")):
        return "voted on by a broken glass of which no entry tells"
    story.voters.add(entry.principal)
    story.passes_alone = True
    return ""


def _review(entry: Entry, story: _Story) -> str:
    if not story.broken_by:
        return "reviewed where no glass was broken"
    if story.reviewed:
        return "reviewed a second time"
    story.reviewed = True
    return "reviewed by whoever broke the glass" if entry.principal == story.broken_by else ""


def _end(kind: str, story: _Story) -> str:
    how = kind.partition(".")[2]
    before, story.ended = story.ended, story.ended or how
    if not story.opened:
        return f"{how} before it was opened"
    if before:
        return f"{how} after it was {before}"
    if kind != Kind.APPROVAL_CONSUMED:
        return ""
    story.used += 1
    return _grounds(how, story) or _too_often(story)


def _use(story: _Story) -> str:
    if story.ended:
        return f"used after it was {story.ended}"
    story.used += 1
    return _grounds("used", story) or _too_often(story, spare=1)


def _too_often(story: _Story, spare: int = 0) -> str:
    """Return whether it was used more often than its vote permits; `spare`: a use that still has to end it."""
    most = story.uses
    return f"used {story.used} times where {most} are permitted" if story.used + spare > most else ""


def _grounds(how: str, story: _Story) -> str:
    if not story.opened:
        return f"{how} without being opened"
    if story.denied:
        return f"{how} although a vote denied it"
    if not story.voters:
        return f"{how} without a vote for it"
    few = len(story.voters) < story.people and not story.passes_alone
    return f"{how} with votes of {len(story.voters)} where it asks for {story.people} people" if few else ""
