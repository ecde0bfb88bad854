"""What is asked of people, and the rules for their answers: plain values."""

from dataclasses import dataclass, field

from firewall.core.action import PRODUCTION
from firewall.core.approval import Approval, Subject
from firewall.core.conversation import Conversation
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations

MAX_SUBJECT_BYTES = 4_000_000
"""As it is stored. A larger call is refused instead of asked: nobody reads it, and every look would open it."""


class DeniedBeforeError(ApprovalError):
    """People said no to the very same call just now; its id and reason are the answer."""

    code = "denied_before"
    status = 403

    def __init__(self, approval: Approval) -> None:
        super().__init__("this was denied just now")
        self.approval = approval.id
        self.reason = approval.reason
        self.instead = approval.instead


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """How people's answers are kept; seconds."""

    ttl_s: int = 1800
    """From opening to decision, unless the row says otherwise."""
    use_within_s: int = 600
    """From decision to use."""
    solo: bool = False
    """The owner may decide for his own agent outside production; recorded as self_approved."""
    production: frozenset[str] = PRODUCTION
    """Environments in which `solo` never holds."""
    max_pending: int = 20
    """Per requester's principal."""
    max_of_session: int = 10
    """Per session of his that the client names."""
    cool_down_s: int = 300
    """How long a denial answers an identical repeat; 0: people are asked anew at once."""
    public_url: str = "http://localhost:8788"
    """Links are built from this alone."""

    def address(self, approval_id: str) -> str:
        """Return the address of an approval's page."""
        return f"{self.public_url.rstrip('/')}/approve/{approval_id}"

    def batch_address(self, approval_id: str) -> str:
        """Return the address where what waits of an approval's kind is answered at once."""
        return f"{self.public_url.rstrip('/')}/console/batch/{approval_id}"

    @property
    def reviews_address(self) -> str:
        """The address where uses of break-glass are reviewed."""
        return f"{self.public_url.rstrip('/')}/console/reviews"

    def status_address(self, approval_id: str) -> str:
        """Return the address where the requester's own user sees how an approval stands."""
        return f"{self.public_url.rstrip('/')}/status/{approval_id}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the guard knows of a call that needs people's answer."""

    digest: str
    principal: str
    """`owner/agent`; stored as a pseudonym."""
    token: str
    """Id of the requester's token."""
    session: str
    environment: str
    effects: tuple[str, ...]
    subject: Subject
    obligations: Obligations = field(default_factory=Obligations)
    heeds_denial: bool = False
    """A denial of exactly this call answers it as long as its approval could have been decided, also after the
    cool-down: its requester comes back for the answer, and may not know it yet."""
    led: Conversation | None = None
    """The end of the conversation that led to it, as far as one is known."""


def size_of(subject: Subject | None) -> int:
    """Return how many characters of a call people are shown; texts that actions share count once."""
    if subject is None:
        return 0
    texts = {view.text for view in subject.actions} | {subject.arguments, subject.said}
    return sum(map(len, texts)) + sum(len(view.summary) + len(view.resource) for view in subject.actions)
