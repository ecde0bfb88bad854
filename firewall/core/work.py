"""Units of work: what the sequencer commits together, as plain values that could cross a socket.

A unit is all or nothing: when one step finds its condition unmet, none of its steps and records are kept, and
`otherwise` is recorded instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.core.approval import Approval, ApprovalStatus, FormState, Vote
from firewall.core.bucket import Rate
from firewall.core.erasure import EraseSubject
from firewall.core.fast_init import fast_init, maker
from firewall.core.glass import Glass
from firewall.core.pins import Pin
from firewall.core.proofs import Link, Passkey
from firewall.core.push import PushBrowser
from firewall.core.spending import Spending, Spent

Plain = str | int | bool | tuple[str, ...]


@fast_init
@dataclass(frozen=True, slots=True)
class Record:
    """One entry for the log before it has a number."""

    kind: str
    """A member of `audit.Kind`."""
    data: Mapping[str, Plain] = field(default_factory=dict)
    """Unsealed: enums, numbers, digests and pseudonymous ids only."""
    person: str = ""
    """Whose key seals `private` and whose pseudonym stands in the entry: an owner's or approver's name."""
    principal: str = ""
    """Agent and owner as `owner/agent`; stored as a pseudonym."""
    approval: str = ""
    private: Mapping[str, object] | None = None
    """Sealed: names, resources, reasons, evidence, arguments."""


record_of = maker(Record)
"""Makes a record."""


@dataclass(frozen=True, slots=True)
class Take:
    """Take cells from a bucket, or find it full."""

    key: str
    rate: Rate
    cells: int = 1


@dataclass(frozen=True, slots=True)
class OpenApproval:
    """Open an approval, unless an equal one is open or was denied just now, or too many are pending."""

    approval: Approval
    max_pending: int
    """Per requester's principal."""
    max_of_session: int = 0
    """Per session of his, where the approval names one; 0: no such limit."""
    denied_since: int = 0
    """An equal one that was denied after this instant is found instead; 0: none is looked for."""
    heeds_denial: bool = False
    """So is the newest equal one where it was denied and its time still runs, whenever that was."""
    conversation: bytes = b""
    """What led to the call (`core.conversation.written`), sealed like its subject; empty: nothing is known."""


@dataclass(frozen=True, slots=True)
class MoveApproval:
    """Move an approval along its state machine, if it still stands where the caller saw it."""

    id: str
    expect: ApprovalStatus
    become: ApprovalStatus
    at: int
    digest: str = ""
    """When given, must equal the stored one (consumption)."""
    by: str = ""
    reason: str = ""
    self_approved: bool = False
    use_before: int = 0
    rebind: str = ""
    """When given, the digest that it is bound to from now on: the same call in the state that its form left."""

    uses: int = 1
    """How often the approved call may pass."""
    instead: str = ""
    """As `Approval.instead`, where a denial says another form."""
    authors: tuple[str, ...] = ()
    """As `Approval.authors`: whom the approval `instead`, which is open already, gets in addition."""
    used: int = -1
    """When given, how often it was used before this (consumption)."""


@dataclass(frozen=True, slots=True)
class UseApproval:
    """Use a repeat permit, but for its last use, if it was used so often and its time still runs."""

    id: str
    digest: str
    at: int
    used: int
    """How often the caller saw it used."""


@dataclass(frozen=True, slots=True)
class HeedApproval:
    """Go on only if what was approved was not taken back: not by people, nor with a token, nor with a right."""

    id: str
    token: str
    """Of whoever uses it; the approval's own and those above both must stand as well."""
    roster: int
    """As in `CastVote`."""


@dataclass(frozen=True, slots=True)
class CastVote:
    """Note a vote, if its approval is pending and unexpired, and nobody voted and no right changed meanwhile."""

    approval: str
    digest: str
    """Of the approval."""
    vote: Vote
    """Its number is one more than the votes that the caller saw."""
    roster: int
    """The number of changes among those who may decide, when the caller looked at them; -1: it looked at nobody,
    so that no other vote was counted with this one."""


@dataclass(frozen=True, slots=True)
class SeeApproval:
    """Note when somebody was first shown an approval; later looks change nothing."""

    approval: str
    viewer: str
    """Pseudonymous id."""
    at: int


@dataclass(frozen=True, slots=True)
class BeginForm:
    """Note that a form is about to be sent, if its approval waits as in `CastVote` and has none under way."""

    approval: str
    digest: str
    """Of the approval."""
    form: int
    by: str
    at: int
    votes: int
    """Those that the caller saw."""
    roster: int
    """As in `CastVote`."""


@dataclass(frozen=True, slots=True)
class EndForm:
    """Note what became of the form that is under way."""

    approval: str
    state: FormState
    at: int
    status: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class PutToken:
    """Store a minted token, unless one above it is gone or revoked, or its owner was erased meanwhile."""

    id: str
    fingerprint: bytes
    kind: str
    holder: str
    """The person of an admin or approver token; empty for agents."""
    parent: str
    grant: str
    """The grant as JSON; empty for other kinds."""
    created_at: int
    expires_at: int
    owner: str = ""
    """Whom a subject of an issuer acts for; of other tokens the grant says it."""
    erasures: int = -1
    """How often somebody had been erased when it was made out; -1: it does not matter."""


@dataclass(frozen=True, slots=True)
class EndToken:
    """Revoke a token that is not yet revoked."""

    id: str
    at: int


@dataclass(frozen=True, slots=True)
class PutPerson:
    """Store or replace an approver or admin."""

    name: str
    role: str
    """`approver` or `admin`."""
    groups: tuple[str, ...]
    passphrase_hash: str
    """argon2id in its own encoding."""
    created_at: int


@dataclass(frozen=True, slots=True)
class EndPerson:
    """Remove a person's right to sign in."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class PutAbsence:
    """Note that somebody is away, or that another may speak for him, until an end; replaces what was noted."""

    person: str
    delegate: str
    """Who may speak for his groups meanwhile; empty: nobody."""
    is_away: bool
    """He is not to be told of what waits."""
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class EndAbsence:
    """Forget what was noted of somebody."""

    person: str


@dataclass(frozen=True, slots=True)
class PutIssued:
    """Remember provider-side ids that a principal was given, and whose they are."""

    principal: str
    ids: tuple[str, ...]
    at: int
    provider: str
    """The name of the provider that keeps what they name."""


@dataclass(frozen=True, slots=True)
class PutPin:
    """Store how a tool's definition was seen, in place of what was stored of it in the same state."""

    pin: Pin


@dataclass(frozen=True, slots=True)
class ForgetPin:
    """Forget a definition that waits, if there is one."""

    server: str
    tool: str


@dataclass(frozen=True, slots=True)
class ApprovePin:
    """Make a definition that waits the approved one, if it is still the one that was read."""

    server: str
    tool: str
    digest: str
    by: str
    at: int


Pinning = PutPin | ForgetPin | ApprovePin


@dataclass(frozen=True, slots=True)
class PutPasskey:
    """Store a person's new passkey, unless its credential was ever stored or the person has too many."""

    passkey: Passkey
    most: int
    """Live passkeys that one person may have, this one included."""


@dataclass(frozen=True, slots=True)
class UsePasskey:
    """Note that a live passkey signed, if its counter still stands where the caller saw it."""

    id: str
    expect: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class EndPasskey:
    """Revoke a live passkey."""

    id: str
    at: int


@dataclass(frozen=True, slots=True)
class PutLink:
    """Store a personal link."""

    link: Link


@dataclass(frozen=True, slots=True)
class UseLink:
    """Spend a personal link that is unused, unrevoked and in its time."""

    id: str
    at: int


@dataclass(frozen=True, slots=True)
class EndLink:
    """Revoke a personal link that is unused and unrevoked."""

    id: str
    at: int


Proving = PutPasskey | UsePasskey | EndPasskey | PutLink | UseLink | EndLink


@dataclass(frozen=True, slots=True)
class PutPush:
    """Store a browser that wants to be told, unless its endpoint is stored or the person has too many.

    INVARIANT: it is stored only where what its session stands on is still there, whatever was queued before it:
    the person, added and given a passphrase no later than `since`, and the passkey that began it, if one did.
    """

    browser: PushBrowser
    most: int
    """Browsers that one person may have, this one included."""
    since: int
    """`Session.stands_since` of the session in which it was added, Unix microseconds."""


@dataclass(frozen=True, slots=True)
class EndPush:
    """Forget a browser that wanted to be told."""

    id: str


Pushing = PutPush | EndPush


@dataclass(frozen=True, slots=True)
class Sweep:
    """Forget rows that say nothing any more: buckets that are empty again, and provider-side ids of long ago."""

    issued_before: int
    """Unix microseconds; providers have forgotten what they issued before then."""


@dataclass(frozen=True, slots=True)
class NoteUses:
    """Remember when tokens were used last."""

    uses: tuple[tuple[str, int], ...]
    """Token ids with unix microseconds; one that is older than what is known changes nothing."""


Step = (
    Take
    | OpenApproval
    | MoveApproval
    | UseApproval
    | HeedApproval
    | CastVote
    | SeeApproval
    | BeginForm
    | EndForm
    | Glass
    | PutToken
    | EndToken
    | PutPerson
    | EndPerson
    | EraseSubject
    | PutAbsence
    | EndAbsence
    | PutIssued
    | NoteUses
    | Sweep
    | Spending
    | Pinning
    | Proving
    | Pushing
)


@fast_init
@dataclass(frozen=True, slots=True)
class Unit:
    """What is committed together."""

    records: tuple[Record, ...] = ()
    steps: tuple[Step, ...] = ()
    otherwise: tuple[Record, ...] = ()
    """Recorded when a step's condition is unmet."""


unit_of = maker(Unit)
"""Makes a unit."""


@fast_init
@dataclass(frozen=True, slots=True)
class Committed:
    """Durable; one number per record."""

    seqs: tuple[int, ...] = ()
    spent: tuple[Spent, ...] = ()
    """The accounts that were settled."""


committed = maker(Committed)
"""Makes what a unit came to that was committed."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A step found its condition unmet; `otherwise` is durable."""

    step: int
    """Index of the step."""
    why: str
    """A short word: `full`, `spent`, `told`, `open_exists`, `denied_before`, `too_many_pending`,
    `too_many_of_session`, `moved_on`, `unknown`, `exists`, `living`, `review_open`,
    `roster`, `ended`, `erased`."""
    retry_after_us: int = 0
    found: str = ""
    """An id that the caller may want instead (the open approval)."""
    seqs: tuple[int, ...] = ()
    """Numbers of the `otherwise` records."""


Outcome = Committed | Unmet
